"""recall capacity: how much finished runs hold."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..analysis.capacity import capacities, interval, slopes
from ..formatting import amount
from ..measures.capacity import LONGEST, ROWS
from ..results.tables import Results
from .flags import Parser, integer, integers
from .measure import add_runs, ask


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall capacity",
        description="Ask finished runs to hold more and more, in rows of one length: accuracy against load, the load\n"
        "at which it falls to .5 and to .9, recalled bits a bit of state, and how that grows with the state.\n"
        "Asking again adds loads; nothing is measured twice.",
    )
    add_runs(parser)
    parser.add_argument(
        "--loads",
        nargs="+",
        type=integers,
        metavar="N",
        help="items to be stored, with blanks or commas between (default: 1, 2, 4, ... as far as the task's "
        f"alphabets allow and rows of {LONGEST} times the training length are enough)",
    )
    parser.add_argument("--rows", type=integer, default=ROWS, metavar="N", help="test rows at each load")
    parser.add_argument(
        "--length",
        type=integer,
        metavar="N",
        help="tokens of a row at every load (default: the training length, or what the largest load needs)",
    )
    arguments = parser.parse_args(words)
    loads = sorted({load for part in arguments.loads for load in part}) if arguments.loads else None
    if min([*(loads or [1]), arguments.rows, arguments.length or 1]) < 1 or arguments.length == 0:
        parser.error("--loads, --rows and --length take whole numbers of at least 1")
    wish = {"loads": loads, "length": arguments.length, "rows": arguments.rows}
    return ask(arguments.runs, arguments.workers, {"capacity": wish}, told)


def told(results: Results) -> list[pd.DataFrame | str]:
    """The table of capacities, and a line for each family of memories that differ in size alone."""
    return [summary(capacities(results)), *slope_lines(slopes(results))]


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """One row a memory, all text."""
    keys = ["task", "length", "memory"]
    rows = []
    for (task, length, memory), mine in found.groupby(keys, sort=False):
        first = mine.iloc[0]
        row = {"task": task, "length": f"{length:,}", "memory": memory, "seeds": first["seeds"]}
        row |= {"state bytes": f"{first['state_bytes']:,}"}
        row |= {f"holds at {r['threshold']:g}": interval(r) for _, r in mine.iterrows()}
        row |= {"bits a state bit": f"{first['bits_per_state_bit']:.2g} at {first['at']:,}"}
        rows.append(row | {"Hebbian law at .5": amount(first["hebbian"]) if first["hebbian"] > 0 else ""})
    return pd.DataFrame(rows).fillna("")


def slope_lines(found: pd.DataFrame) -> list[str]:
    """How capacity grows with the state, in words."""
    lines = []
    for _, fit in found.iterrows():
        which = f"{fit['family']} on {fit['task']}, {fit['length']:,} tokens, at {fit['threshold']:g}"
        count = f"{fit['used']} of {fit['of']} states"
        if fit["slope"] == fit["slope"]:
            lines.append(f"{which}: slope {fit['slope']:.2f} [{fit['low']:.2f}–{fit['high']:.2f}] over {count}")
        else:
            lines.append(f"{which}: no slope, as {count} have a capacity inside the loads asked (try other --loads)")
    return lines
