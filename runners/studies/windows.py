"""How wide the window of learning rates is in which a memory learns: what a single rate for all would hide.

A rate works where its mean validation accuracy is within `WITHIN` of the chosen one's. The window is the span
of rates around the chosen one that work without a gap; it can only be measured up to the ends of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..formatting import word_list
from .learning_rates import by_rate

WITHIN = 0.05
"""By how much the mean validation accuracy of a rate that works may lie below that of the chosen one."""


def window(table: pd.DataFrame, floors: Mapping[str, float] | None = None) -> pd.DataFrame:
    """One row for each task and memory that was trained at several learning rates.

    table    the table `rates` of `Results`
    floors   for each task what a reader without memory scores; the best rate has to be above it by WITHIN

    chosen, validation      the rate chosen and its mean validation accuracy
    rates, steps            rates of the grid, and those of them inside the window
    low, high, factor       lowest and highest rate of the window, high / low; missing where none rises above the floor
    open_low, open_high     whether the window reaches that end of the grid, and may be wider than was measured
    extend                  "lower" or "higher" where the chosen rate is the grid's end: a better one may lie beyond
    diverged                rates at which runs diverged, and how many: "0.1 (2 of 5 seeds)"
    width                   in words
    """
    rows = []
    for (task, memory), part in table.groupby(["task", "memory"], sort=False) if len(table) else ():
        if part["learning_rate"].nunique() > 1:
            tried = by_rate(part)
            floor = (floors or {}).get(str(task), -math.inf)
            row = spanned(tried, float(part.loc[part["chosen"], "learning_rate"].iloc[0]), floor)
            rows.append({"task": task, "memory": memory} | row | {"width": width(row)})
    return pd.DataFrame(rows)


def spanned(tried: pd.DataFrame, chosen: float, floor: float) -> dict[str, Any]:
    """The window around the chosen rate, of a row for each rate, lowest first (see `rates.by_rate`)."""
    rates, means = tried["learning_rate"].tolist(), tried["mean"].tolist()
    best = rates.index(chosen)
    first = last = best
    while first > 0 and means[first - 1] >= means[best] - WITHIN:
        first -= 1
    while last < len(rates) - 1 and means[last + 1] >= means[best] - WITHIN:
        last += 1
    learned = means[best] >= floor + WITHIN
    fell = tried[tried["diverged"] > 0]
    return {
        "chosen": chosen,
        "validation": means[best],
        "rates": len(rates),
        "steps": last - first + 1 if learned else 0,
        "low": rates[first] if learned else math.nan,
        "high": rates[last] if learned else math.nan,
        "factor": rates[last] / rates[first] if learned else math.nan,
        "open_low": learned and first == 0,
        "open_high": learned and last == len(rates) - 1,
        "extend": "" if not learned else "lower" if best == 0 else "higher" if best == len(rates) - 1 else "",
        "diverged": ", ".join(f"{r['learning_rate']:g} ({r['diverged']} of {r['seeds']} seeds)" for r in by_row(fell)),
    }


def by_row(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def width(row: Mapping[str, Any]) -> str:
    """A window in words: "x3.3, 0.003 to 0.01"; "at least x9, 0.01 to 0.09: the grid ends there"."""
    if not row["steps"]:
        return "no rate rises above the floor"
    ends = [end for end in ("open_low", "open_high") if row[end]]
    where = ["", ": the grid ends there", ": the grid ends on both sides"][len(ends)]
    if row["steps"] == 1:
        return f"{row['low']:g} alone{where}"
    return f"{'at least ' if ends else ''}x{row['factor']:.3g}, {row['low']:g} to {row['high']:g}{where}"


def warnings(windows: pd.DataFrame) -> list[str]:
    """A sentence for each end of the grid at which rates were chosen: a better one may lie beyond."""
    said = []
    for task, part in windows.groupby("task", sort=False) if len(windows) else ():
        for end, most in (("lower", "lowest"), ("higher", "highest")):
            at_end = part[part["extend"] == end]
            if len(at_end):
                last = at_end["chosen"].iloc[0]
                said.append(
                    f"On {task} the {most} rate of the grid, {last:g}, was the best for "
                    f"{word_list(list(at_end['memory']))}: a better one may lie beyond it (extend the grid)."
                )
    return said
