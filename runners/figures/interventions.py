"""Interventions on states, and the caches of a memory beside the weights of its router."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ..analysis.interventions import interventions
from ..analysis.probes import READER, bins, matching, over_seeds, probe_records
from ..formatting import accuracy
from ..probe.verdict import ACCURACY
from ..results.tables import Results
from .figure import Figure
from .scales import accuracy_scale
from .style import Styles, by_memory, coloured_map, dots, legend_mark, reference

KINDS = {"intact": "intact", "erased": "erased", "random": "random", "patched": "follow\ndonor"}
"""Kinds of change, and their labels."""
SPREAD = 0.6
"""Between the first memory of a group and the last, in groups."""
CACHES = ["task", "memory", "map", "layer", "age_low", "age_high", "segment"]
STORED, WEIGHED = "stored", "router weight"
SCALES = {STORED: "usable bits", WEIGHED: "weight"}


def change_table(results: Results) -> pd.DataFrame:
    """task, memory, kind, seeds, items (in all), mean, low, high, rank, chance

    mean   accuracy or, where states were patched, the fraction of answers that follow the donor
    """
    table = interventions(results)
    table = table[table["kind"].isin(list(KINDS))].astype({"rank": float})
    patched = table["kind"] == "patched"
    for name, follows in zip(ACCURACY, ("follows", "follows_low", "follows_high"), strict=True):
        table = table.assign(**{name: table[name].where(~patched, table[follows].astype(float))})
    table, keys = table[table["accuracy"].notna()], ["task", "memory", "kind"]
    return over_seeds(table, keys, ["rank", "chance"], fractions={("mean", "low", "high"): ACCURACY})


def draw_changes(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw a group for each kind of change, memories side by side with whiskers, and chance."""
    kinds, memories = [kind for kind in KINDS if (table["kind"] == kind).any()], table["memory"].nunique()
    reference(ax, [-0.5, len(kinds) - 0.5], [table["chance"].max()] * 2, "chance")
    for place, (memory, mine, style) in enumerate(by_memory(table, styles)):
        x = mine["kind"].map(kinds.index) + SPREAD * (place - (memories - 1) / 2) / max(1, memories - 1)
        ax.vlines(x, mine["low"], mine["high"], color=style.colour, linewidth=1.1, zorder=3)
        legend_mark(ax, memory, style)
        dots(ax, x, mine["mean"], style, [change_words(record) for _, record in mine.iterrows()], 20)
    accuracy_scale(ax)
    ax.set(xscale="linear", xlim=(-0.5, len(kinds) - 0.5))
    ax.set_xticks(range(len(kinds)), [KINDS[kind] for kind in kinds])
    ax.set_xlabel("")
    ax.grid(visible=False, axis="x")


def change_words(record: pd.Series[Any]) -> str:
    """Text of one mark: memory, change and accuracy."""
    change = str(record["kind"])
    if change == "patched":
        change = "state of a donor, whose values are answered"
    elif change in ("erased", "random") and record["rank"] == record["rank"]:
        change = f"{change}, {record['rank']:.0f} directions"
    return f"{record['memory']}, {change}: {accuracy(record)}"


def cache_table(results: Results) -> pd.DataFrame:
    """task, memory, map, layer, age_low, age_high, segment, items (in all), value, most, num_memories, panel

    map      "stored": value is usable bits of an item, most is all it has; "router weight": value is weight, most 1
    segment  from 0, the oldest; num_memories - 1 is the open memory
    """
    table = matching(probe_records(results), {"end": True, "reduced": 0, "reader": READER, "control": "none"})
    if not len(table):
        return pd.DataFrame()
    number = table["content"].str.extract(r"^cache (\d+)$", expand=False).astype(float)
    table = table.assign(segment=number - 1)[number.notna() | (table["content"] == "open")]
    parts = []
    for _, part in table.groupby(["task", "memory"], sort=False):
        if part["segment"].notna().any():
            parts.append(stored_bits(part))
            parts.append(router_weights(results.routing.dropna(subset=["num_memories"]), parts[-1]))
    if not parts:
        return pd.DataFrame()
    both = pd.concat([part for part in parts if len(part)], ignore_index=True)
    low, width = bins(both["age"], both["task"])
    groups = both.assign(age_low=low, age_high=low + width - 1).groupby(CACHES, sort=False)
    table = groups[["value", "most", "num_memories"]].mean().astype({"num_memories": int})
    table.insert(0, "items", groups.size())
    table = table.reset_index()
    return table.assign(panel=table["task"] + ", " + table["memory"] + ": " + table["map"])


def stored_bits(table: pd.DataFrame) -> pd.DataFrame:
    """Usable bits of each item in each cache of one memory, in the layer whose caches hold most."""
    layer = table.groupby("layer")["bits"].mean().idxmax()
    here = table[table["layer"] == layer]
    newest = int(here["segment"].max()) + 1
    segment = here["segment"].fillna(newest).astype(int)
    here = here.assign(map=STORED, segment=segment, num_memories=newest + 1, value=here["bits"], most=here["item_bits"])
    return here[["task", "memory", "layer", "age", "map", "segment", "num_memories", "value", "most"]]


def router_weights(routing: pd.DataFrame, beside: pd.DataFrame) -> pd.DataFrame:
    """Weight on the cache that holds the answer, of the memory and layer of `beside`."""
    table = matching(routing, {name: beside[name].iloc[0] for name in ("task", "memory", "layer")})
    if not len(table):
        return pd.DataFrame()
    table = table[["task", "memory", "layer", "age", "segment", "num_memories", "weight"]]
    return table.rename(columns={"weight": "value"}).assign(map=WEIGHED, most=1.0)


def draw_caches(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw caches across, items downwards by age."""
    kind, layer = table["map"].iloc[0], table["layer"].iloc[0]
    ages, memories = sorted(set(table["age_low"]), reverse=True), int(table["num_memories"].max())
    columns = [*(str(i + 1) for i in range(memories - 1)), "open"]
    words = [
        f"age {r['age_low']:,}–{r['age_high']:,}, "
        + ("the open memory: " if r["segment"] == memories - 1 else f"cache {r['segment'] + 1:.0f}: ")
        + (f"{r['value']:.2f} of {r['most']:.1f} bits" if kind == STORED else f"{r['value']:.2f} of the weight")
        for _, r in table.iterrows()
    ]
    y = table["age_low"].map(ages.index)
    cells = pd.DataFrame({"x": table["segment"], "y": y, "value": table["value"], "words": words})
    coloured_map(ax, cells, columns, [f"{age:,}" for age in ages], float(table["most"].max()), SCALES[kind])
    ax.set_xlabel(f"cache (layer {layer})")


CHANGES = Figure(
    name="causal",
    title="Is it used?",
    reading=(
        "The model's own answers from its state as it is (intact), with the directions erased along which a linear "
        "reader reads the item (erased), and with as many other directions erased (random): all items asked for, mean "
        "over seeds and its 95 % interval; the table of verdicts goes by the readable items. Used: erasing costs "
        "answers, and more than random directions do (which may even help, where items disturb each other). Unused: "
        "nothing changes. Last, the state of another sequence, the donor, is put in its place: the fraction of answers "
        "that follow the donor shows that answers come from the state at all."
    ),
    table=change_table,
    draw=draw_changes,
    x="state",
    y="answers",
    measure="probe",
)
CACHED = Figure(
    name="holding",
    title="What each cache holds, and where the router looks",
    reading=(
        "Down: items by age, the oldest on top. Across: caches from the oldest, the open memory last. In maps named "
        "stored, bright is what a linear reader recovers from that cache alone; in maps named router weight, bright is "
        "the weight on the cache in which the item was written (nothing is shown elsewhere). Memory and router agree "
        "where both are bright along the same staircase; checkpoints also hold what came before, so later caches may "
        "be bright too. Stored without weight is an error of routing; not stored is one of compression, which no "
        "router can mend. The layer shown is the one whose caches hold most."
    ),
    table=cache_table,
    draw=draw_caches,
    x="cache",
    y="age (tokens)",
    measure="probe",
    columns=2,  # a map of each kind, side by side
)
