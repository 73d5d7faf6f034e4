"""Which of its caches holds an item, beside which of them the router looks at."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..analysis.probes import READER, bins, matching, probe_records
from ..results.tables import Results
from .canvas import begin
from .look import Looks
from .maps import cells, name_columns, name_rows

TITLE = "What each cache holds, and where the router looks"
READING = (
    "Down: items by age, the oldest on top. Across: caches from the oldest, the open memory last. In maps of what is "
    "held, bright is what a linear reader wins from that cache alone; in maps of where the router looks, the weight it "
    "gives to the cache in which the item was written, and nothing elsewhere. Memory and router agree where both are "
    "bright along the same staircase; checkpoints hold what came before as well, so later caches may be bright too. "
    "Held but not looked at is an error of routing; not held is one of compression, which no router can mend. Drawn is "
    "the layer whose caches hold most."
)
COLUMNS = 2  # a map of each kind, side by side
KEYS = ["task", "memory", "map", "layer", "age_low", "age_high", "segment"]
HELD, LOOKED = "held", "looked at"
SCALE = {HELD: "usable bits", LOOKED: "weight"}
CACHE = r"cache (\d+)"


def table(results: Results) -> pd.DataFrame:
    """task, memory, map, layer, age_low, age_high, segment, items (in all), value, most, num_memories, panel

    map      "held": value is usable bits of an item, most is all it has; "looked at": value is weight, most is 1
    segment  from 0, the oldest; num_memories - 1 is the open memory
    """
    rows = matching(probe_records(results), {"end": True, "reduced": 0, "reader": READER, "control": "none"})
    if not len(rows):
        return pd.DataFrame()
    number = rows["content"].str.extract(f"^{CACHE}$", expand=False).astype(float)
    rows = rows.assign(segment=number - 1)[number.notna() | (rows["content"] == "open")]
    parts = [held(part) for _, part in rows.groupby(["task", "memory"], sort=False) if part["segment"].notna().any()]
    if not parts:
        return pd.DataFrame()
    both = pd.concat([one for part in parts for one in (part, looked(results.routing, part))], ignore_index=True)
    low, width = bins(both["age"], both["task"])
    groups = both.assign(age_low=low, age_high=low + width - 1).groupby(KEYS, sort=False)
    drawn = groups[["value", "most", "num_memories"]].mean().astype({"num_memories": int})
    drawn.insert(0, "items", groups.size())
    drawn = drawn.reset_index()
    return drawn.assign(panel=drawn["task"] + ", " + drawn["memory"] + ": " + drawn["map"])


def held(rows: pd.DataFrame) -> pd.DataFrame:
    """Of one memory: what each cache of the layer that holds most still tells of each item."""
    layer = rows.groupby("layer")["bits"].mean().idxmax()
    here = rows[rows["layer"] == layer]
    there = int(here["segment"].max()) + 1
    segment = here["segment"].fillna(there).astype(int)
    found = here[["task", "memory", "layer", "age"]].assign(map=HELD, segment=segment, num_memories=there + 1)
    return found.assign(value=here["bits"], most=here["item_bits"])


def looked(routing: pd.DataFrame, beside: pd.DataFrame) -> pd.DataFrame:
    """Of the same memory and layer: the weight on the cache that holds the answer."""
    rows = matching(routing, {name: beside[name].iloc[0] for name in ("task", "memory", "layer")})
    if not len(rows):
        return beside.iloc[:0]
    found = rows[["task", "memory", "layer", "age", "segment", "num_memories"]]
    return found.assign(map=LOOKED, value=rows["weight"], most=1.0)


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task, memory and map: caches across, items downwards by age."""
    first = drawn.iloc[0]
    ax = begin(ax, f"cache (layer {first['layer']})", "age (tokens)", str(first["panel"]))
    ages, memories = sorted(set(drawn["age_low"]), reverse=True), int(drawn["num_memories"].max())
    names = [*(f"{i + 1}" for i in range(memories - 1)), "open"]
    shown = np.full((len(ages), memories), np.nan)
    said = [[""] * memories for _ in ages]
    for _, cell in drawn.iterrows():
        y, x = ages.index(cell["age_low"]), int(cell["segment"])
        shown[y, x] = cell["value"]
        place = "the open memory" if x == memories - 1 else f"cache {x + 1}"
        amount = f"{cell['value']:.2f}" + (f" of {cell['most']:.1f} bits" if first["map"] == HELD else " of the weight")
        said[y][x] = f"age {cell['age_low']:,}–{cell['age_high']:,}, {place}: {amount}"
    cells(ax, shown, said, float(drawn["most"].max()), SCALE[str(first["map"])])
    name_columns(ax, names)
    name_rows(ax, [f"{age:,}" for age in ages])
    return ax
