"""How forgetting unfolds: what can still be read of each item, as more and more tokens are read."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..analysis.probes import PLACE, READER, bins, matching, probe_records
from ..results.tables import Results
from .canvas import begin
from .look import Looks
from .maps import cells, name_columns, name_rows

TITLE = "How forgetting unfolds"
READING = (
    "Down: items by where they were written. Across: tokens read so far; the column named end is when items are "
    "asked for, where order asks columns after it are while they are answered. Bright: a linear reader still has all"
    " bits of the item, dark: none are left; mean over seeds. Empty: not yet written. A row that stays bright is "
    "kept, one that darkens to the right fades with age, one that brightens comes into a form that is easier to "
    "read; where whole columns darken, something happened to all items at once, such as a new segment."
)
KEYS = ["task", "memory", "written_low", "written_high", "time"]


def table(results: Results) -> pd.DataFrame:
    """task, memory, written_low, written_high, time, end, seeds, items (in all), bits, accuracy, item_bits, panel

    Times that fewer than half of the runs of a task share are left out; the end is one time, wherever it lies.
    """
    rows = matching(probe_records(results), {**PLACE, "reader": READER, "control": "none"})
    if not len(rows):
        return pd.DataFrame()
    last = rows[rows["end"]].groupby("task")["time"].max()
    rows = rows.assign(time=rows["time"].where(~rows["end"], rows["task"].map(last)))
    sharing = rows.groupby(["task", "time"])["run"].transform("nunique")
    rows = rows[rows["end"] | (2 * sharing >= rows.groupby("task")["run"].transform("nunique"))]
    low, width = bins(rows["written"], rows["task"])
    rows = rows.assign(written_low=low, written_high=low + width - 1)
    groups = rows.groupby(KEYS, sort=False)
    drawn = groups[["bits", "accuracy", "item_bits"]].mean()
    drawn.insert(0, "items", groups.size())
    drawn.insert(0, "seeds", groups["seed"].nunique())
    drawn.insert(0, "end", groups["end"].any())
    drawn = drawn.reset_index()
    order = {name: list(dict.fromkeys(results.probes[name])).index for name in ("task", "memory")}
    by = ["task", "memory", "time", "written_low"]
    drawn = drawn.sort_values(by, key=lambda c: c.map(order[c.name]) if c.name in order else c, kind="stable")
    return drawn.assign(panel=drawn["task"] + ", " + drawn["memory"]).reset_index(drop=True)


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task and memory: tokens read across, items downwards by where they were written."""
    ax = begin(ax, "tokens read", "item written at", str(drawn["panel"].iloc[0]))
    times, places = sorted(set(drawn["time"])), sorted(set(drawn["written_low"]))
    shown = np.full((len(places), len(times)), np.nan)
    said = [[""] * len(times) for _ in places]
    for _, cell in drawn.iterrows():
        y, x = places.index(cell["written_low"]), times.index(cell["time"])
        shown[y, x] = cell["bits"]
        said[y][x] = (
            f"written at {cell['written_low']:,}–{cell['written_high']:,}, after {cell['time']:,} tokens: "
            f"{cell['bits']:.2f} of {cell['item_bits']:.1f} bits, right {cell['accuracy']:.0%}"
        )
    cells(ax, shown, said, float(drawn["item_bits"].max()), "usable bits")
    ended = set(drawn.loc[drawn["end"], "time"])
    name_columns(ax, ["end" if time in ended else f"{time:,}" for time in times])
    name_rows(ax, [f"{place:,}" for place in places])
    return ax
