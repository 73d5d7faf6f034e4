"""recall probe: what the states of finished runs still hold, and whether it is used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..formatting import fraction
from ..measures.probe import ALSO, DEFAULTS, READERS
from ..results.tables import Results
from . import report
from .flags import Parser, integer, one_of
from .measure import add_runs, ask

MIB = 2**20
RISING = 0.02
"""Of what is stored: so much found by the second half of the rows says that more rows would find more."""


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall probe",
        description="Read stored items out of the states of finished runs, in bits by age, beside their controls;\n"
        "erase and transplant what was read, to see whether the model uses it; say which cache holds what and\n"
        "whether the router finds it. Then write the report, with all figures. What was measured is kept and\n"
        "not measured again.",
    )
    add_runs(parser)
    readers, also = one_of("reader", READERS), one_of("step beyond reading", ALSO)
    parser.add_argument(
        "--readers",
        nargs="+",
        type=readers,
        default=list(READERS),
        metavar="NAME",
        help=f"readers of states, of {', '.join(READERS)}",
    )
    parser.add_argument(
        "--also",
        nargs="*",
        type=also,
        default=list(ALSO),
        metavar="NAME",
        help=f"beyond reading, of {', '.join(ALSO)}; nothing, if no name follows",
    )
    parser.add_argument(
        "--rows",
        type=integer,
        metavar="N",
        help="sequences drawn (default: 1,280, more where values or states take more)",
    )
    parser.add_argument(
        "--step",
        type=integer,
        metavar="N",
        help="tokens between the times a state is read (default: a quarter of a sequence)",
    )
    parser.add_argument(
        "--dimension",
        type=integer,
        default=DEFAULTS["dimension"],
        metavar="N",
        help="components that states are reduced to beside being read whole; 0: none",
    )
    parser.add_argument(
        "--memory",
        type=integer,
        default=DEFAULTS["limit"] // MIB,
        metavar="MIB",
        help="states held in memory; beyond, they are written to the temporary directory",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (default: the first folder)")
    arguments = parser.parse_args(words)
    counts = [number for number in (arguments.rows, arguments.step) if number is not None]
    if min(counts, default=1) < 1 or min(arguments.dimension, arguments.memory) < 0:
        parser.error("--rows and --step take at least 1, --dimension and --memory at least 0")
    wish = {"readers": arguments.readers, "also": arguments.also, "rows": arguments.rows or 0}
    wish |= {"step": arguments.step or 0, "dimension": arguments.dimension, "limit": arguments.memory * MIB}
    code = ask(arguments.runs, arguments.workers, {"probe": wish}, told)
    if code != 130:
        first = arguments.runs[0]
        report.write(arguments.runs, arguments.out or (first.parent if (first / "run.json").is_file() else first))
    return code


def told(results: Results) -> list[pd.DataFrame | str]:
    """What is kept of a sequence, in bits, and the verdict of each memory with its evidence."""
    from ..analysis.interventions import verdicts
    from ..analysis.probes import totals

    parts: list[pd.DataFrame | str] = []
    if len(found := totals(results)):
        parts.append(in_bits(found))
    if len(found := verdicts(results)):
        parts.append(in_words(found))
    return parts


def in_bits(found: pd.DataFrame) -> pd.DataFrame:
    """One row a task and memory, means over seeds, all text."""
    rows = []
    for (task, memory), mine in found.groupby(["task", "memory"], sort=False):
        each = mine.mean(numeric_only=True)
        rising = each["rising"] > RISING * each["payload"]
        row = {"task": task, "memory": memory, "seeds": len(mine)}
        row |= {"bits kept": f"{each['bits']:,.1f}{' and rising' if rising else ''}"}
        row |= {"stored": f"{each['payload']:,.1f}", "state bytes": f"{each['state_bytes']:,.0f}"}
        rows.append(row | {"bits a state bit": f"{each['bits_per_state_bit']:.2g}"})
    return pd.DataFrame(rows)


def in_words(found: pd.DataFrame) -> pd.DataFrame:
    """The same of verdicts: how many items are readable, and of these what ridge reads, between what it reads of
    nothing and of an untrained state; what the model answers, as it is, with the value erased from its state, and with
    as much of something else erased."""
    columns = {"read": "probe", "control": "control", "untrained": "untrained", "answered": "behaviour"}
    columns |= {"erased": "erased", "random": "random"}

    def said(value: float) -> str:
        return "" if pd.isna(value) else fraction(value)

    return pd.DataFrame(
        [
            {"task": row["task"], "memory": row["memory"], "verdict": row["verdict"]}
            | {"items": f"{row['readable']:.0f} of {row['items']:.0f}"}
            | {head: said(row[column]) for head, column in columns.items()}
            for _, row in found.iterrows()
        ]
    )
