"""Probes asked of a finished run: what its states still hold, whether it is used, and whether its caches are found.

A wish names `readers` and, under `also`, what goes beyond reading. Each is done and kept by itself, so an
interrupted probe goes on with the next. `rows` sequences are drawn for every template (default: as many as values
and states take), states are taken at every multiple of `step` tokens (default: a quarter of the row), reduced to
`dimension` components as well as whole, and kept in memory up to `limit` bytes.

What is read, by which reader, under which control, stands in `probe/passes.py`; `results.py` names the columns.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from models import SequenceModel

from ..config.run import Run
from ..formatting import unknown

VERSION = 1
"""Rises whenever what is measured changes."""
RECORD = "probe.json"
SHAPE = {"probes": list}  # of before there were others, which are measured anew
READERS = ("ridge", "logistic", "own", "bilinear", "mlp")
ALSO = ("causal", "routing")
TABLES = ("probes", "interventions", "routing")
DEFAULTS: dict[str, int] = {"rows": 0, "step": 0, "dimension": 64, "limit": 512 * 2**20}
"""0: as much as it takes."""
MOST_ROWS = 2**14
MOST_PRODUCTS = 2**29
"""Numbers of a matrix of rows by rows or by numbers, whichever are fewer: 4 GiB."""
TAKES = ("readers", "also", *DEFAULTS)

Wanted = Mapping[str, Any]


def check(run: Run, wanted: Wanted) -> None:
    """Raises ValueError for what there is not, and where states of the run cannot be probed item by item."""
    from ..probe.capture import check_contents
    from ..probe.templates import first_question

    for name in wanted:
        if name not in TAKES:
            raise ValueError(f"a probe takes {', '.join(TAKES)}, not {name!r}")
    for key, known in (("readers", READERS), ("also", ALSO)):
        for name in wanted.get(key, ()):
            if name not in known:
                raise ValueError(unknown({"readers": "reader"}.get(key, "step beyond reading"), name, list(known)))
    if not named(wanted):
        raise ValueError(f"a probe names at least one of readers ({', '.join(READERS)}) or also ({', '.join(ALSO)})")
    for name in DEFAULTS:
        value = wanted.get(name, 0)
        if type(value) is not int or value < 0:
            raise ValueError(f"{name} is a whole number of at least 0, not {value!r}")
    tokens = first_question(run.task.task, run.task.length).tokens
    rows_for(run, wanted)
    check_contents(run.build(), np.stack([tokens[:2], tokens[:2]]))


def rows_for(run: Run, wanted: Wanted) -> int:
    """Sequences that are drawn. Raises ValueError where those asked for are too few, or those needed too many."""
    from ..probe.splits import PLENTY, SEQUENCES, check_enough, enough

    values, floats = len(run.task.task.alphabet), run.build().state_floats(run.task.length)
    if rows := wanted.get("rows", 0):
        check_enough(rows, values, floats)
        check_room(rows, floats, run.task.length, wanted)
        return int(rows)
    need = enough(values, floats, SEQUENCES, PLENTY)
    if need > MOST_ROWS:
        raise ValueError(
            f"{run.name} takes {need:,} sequences to probe ({values:,} values, {floats:,} numbers of state), over the "
            f"{MOST_ROWS:,} that are drawn unasked (ask with --rows {need})"
        )
    return need


def check_room(rows: int, floats: int, length: int, wanted: Wanted) -> None:
    """Raises ValueError where states of so many rows fit nowhere, or their products into no memory."""
    products = rows * min(floats, rows)
    if products > MOST_PRODUCTS:
        raise ValueError(
            f"{rows:,} sequences of states of {floats:,} numbers are too many to factorise: "
            f"{int(max(MOST_PRODUCTS**0.5, MOST_PRODUCTS / floats)):,} are the most (ask for fewer --rows)"
        )
    step = wanted.get("step", 0) or -(-length // 4)
    states = 4 * rows * floats * (length // step + 2)
    free = shutil.disk_usage(tempfile.gettempdir()).free + wanted.get("limit", DEFAULTS["limit"])
    if states > free:
        raise ValueError(
            f"states of {rows:,} sequences take up to {states / 1e9:,.0f} GB, over the {free / 1e9:,.0f} GB that are "
            "free in memory and the temporary directory (ask for fewer --rows or a larger --step)"
        )


def named(wanted: Wanted) -> list[str]:
    """Everything that is asked for, in the order it is done."""
    return [name for name in (*READERS, *ALSO) if name in (*wanted.get("readers", ()), *wanted.get("also", ()))]


def settings(wanted: Wanted) -> dict[str, int]:
    """What decides the numbers: a probe by other code, or with other rows, is measured again."""
    kept = {name: wanted.get(name, value) for name, value in DEFAULTS.items() if name != "limit"}
    return kept | {"version": VERSION}


def remaining(record: dict[str, Any] | None, wanted: Wanted) -> dict[str, Any] | None:
    """What is asked for and was not done yet, or was with other settings."""
    done = (record or {}).get("done", {})
    left = [name for name in named(wanted) if done.get(name) != settings(wanted)]
    if not left:
        return None
    return {**wanted, "readers": [n for n in left if n in READERS], "also": [n for n in left if n in ALSO]}


def parts(run: Run, wanted: Wanted, record: dict[str, Any] | None, watch: Callable[[Any], None]) -> Iterator[Wanted]:
    """One after the other."""
    for name in named(wanted):
        yield {**wanted, "readers": [name] if name in READERS else [], "also": [name] if name in ALSO else []}


def measure(
    run: Run, model: SequenceModel, wanted: Wanted, watch: Callable[[Any], None]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """{"done", "probes", "interventions", "routing"}; keeps no tensors."""
    from ..probe.context import ProbeContext
    from ..probe.passes import PASSES

    asked = ProbeContext(
        run, model, rows_for(run, wanted), watch, **{k: wanted.get(k, v) for k, v in DEFAULTS.items() if k != "rows"}
    )
    record: dict[str, Any] = {"done": {}} | {table: [] for table in TABLES}
    for name in named(wanted):
        record[PASSES[name].table] += [without_nan(row) for row in PASSES[name].records(asked)]
        record["done"][name] = settings(wanted)
    return record, {}


def without_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: what was not measured is null."""
    return {name: None if isinstance(value, float) and value != value else value for name, value in row.items()}


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Both; rows of what was done again are the new ones."""
    again = set(new["done"])
    kept = {
        "probes": [row for row in old["probes"] if row.get("part") not in again and "part" in row],
        "interventions": [] if "causal" in again else old.get("interventions", []),
        "routing": [] if "routing" in again else old.get("routing", []),
    }
    return {"done": old.get("done", {}) | new["done"]} | {table: kept[table] + new[table] for table in TABLES}
