"""Accuracy against the distance of a question from its answer, and against its position in the sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ..analysis.extrapolation import floor
from ..config.length_modes import at_fixed_load
from ..formatting import accuracy
from ..results.tables import Results
from .figure import Figure
from .scales import QUARTERS, accuracy_scale, doubling_scale, set_ticks, tokens
from .style import UNNAMED, Styles, by_memory, mean_line, reference

LONGEST: dict[str, Any] = {"linestyle": (0, (3, 2)), "alpha": 0.75}
"""Of the lines at the longest length tested."""


def distance_table(results: Results) -> pd.DataFrame:
    """task, memory, kind, length, distance_low, distance_high, seed, num_questions, accuracy, ...: `near_and_far`"""
    return near_and_far(at_fixed_load(results.distances), results, "distance_low")


def position_table(results: Results) -> pd.DataFrame:
    """task, memory, kind, length, low_edge, high_edge, seed, num_questions, accuracy, ...: `near_and_far`

    Lengths at which a task asks in one tenth alone are left out.
    """
    table = at_fixed_load(results.breakdown)
    table = table[table["by"] == "position"]
    table = table[table.groupby(["task", "length"])["low_edge"].transform("nunique") > 1]
    return near_and_far(table, results, "low_edge").drop(columns=["mode", "by"])


def near_and_far(table: pd.DataFrame, results: Results, along: str) -> pd.DataFrame:
    """Records of `table` at the training length and at the longest tested: one line a memory and length by `along`.

    With mean, low and high over seeds, see `with_band`, and the chance and floor of their length.
    """
    longest = table.groupby("task")["length"].transform("max")
    tested = table[table["kind"] == "test"]
    far = table[(table["kind"] == "extrapolation") & (table["length"] == longest)]
    far = far.merge(tested[["task", "length"]].drop_duplicates(), how="left", indicator=True)
    far = far[far.pop("_merge") == "left_only"]
    both = with_band(pd.concat([tested, far]), ["task", "memory", "kind", "length", along])
    bounds = at_fixed_load(results.scores).assign(floor=floor)[["task", "kind", "length", "chance", "floor"]]
    both = both.merge(bounds.drop_duplicates(["task", "kind", "length"]), on=["task", "kind", "length"])
    return both.drop(columns="run")


def with_band(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The table with `mean`, `low` and `high` of each group of `keys`, one record a seed.

    low and high are the lowest and the highest seed; for a single seed, the interval of its sequences.
    """
    table = table.rename(columns={"low": "own_low", "high": "own_high"})
    seeds = table.groupby(keys, sort=False)["accuracy"]
    single = seeds.transform("size") == 1
    table = table.assign(
        mean=seeds.transform("mean"),
        low=seeds.transform("min").mask(single, table["own_low"]),
        high=seeds.transform("max").mask(single, table["own_high"]),
    )
    return table.drop(columns=["own_low", "own_high"]).reset_index(drop=True)


def draw_distances(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw accuracy over distance, see `draw_lines`, on an axis that doubles."""
    low, high = table["distance_low"].min() * 1.0, table["distance_high"].max() * 1.0 + 1
    table = table.assign(x=(table["distance_low"] * (table["distance_high"] + 1)) ** 0.5)
    draw_lines(table, styles, ax, (low, high), lambda r: f"{r['distance_low']:,}–{r['distance_high']:,} tokens")
    doubling_scale(ax, low, high, tokens)


def draw_positions(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw accuracy over the tenths of a sequence, see `draw_lines`."""
    table = table.assign(x=(table["low_edge"] + table["high_edge"]) / 2)
    draw_lines(table, styles, ax, (0, 1), lambda r: f"{r['low_edge']:.0%}–{r['high_edge']:.0%} of the sequence")
    ax.set(xscale="linear", xlim=(0, 1))
    set_ticks(ax.xaxis, QUARTERS, lambda v: f"{v:.0%}")


def draw_lines(
    table: pd.DataFrame, styles: Styles, ax: Axes, ends: tuple[float, float], words: Callable[[pd.Series[Any]], str]
) -> None:
    """Draw a solid line per memory at the training length and a dashed one at the longest, over the column `x`.

    ends    of the lines of floor and chance
    words   name of a bin
    """
    trained = table[table["kind"] == "test"]
    for name in ("floor", "chance"):
        reference(ax, ends, [trained[name].max()] * 2, name)
    if (table["kind"] != "test").any():
        reference(ax, [], [], "longest length tested", **LONGEST)
    for memory, mine, style in by_memory(table, styles):
        for kind, part in mine.groupby("kind"):
            mean = part.drop_duplicates("x").sort_values("x")
            if kind == "test":
                texts = [f"{memory}, {words(r)}: {accuracy(r)}" for _, r in mean.iterrows()]
                mean_line(ax, mean["x"], mean, style, memory, texts)
            else:
                ax.plot(mean["x"], mean["mean"], color=style.colour, linewidth=0.9, label=UNNAMED, **LONGEST)
    accuracy_scale(ax)


DISTANCE = Figure(
    name="distance",
    title="How far back it reaches",
    reading=(
        "Questions are sorted by how many tokens ago their answer was written, in bins whose width doubles. Solid: at "
        "the training length; dashed: at the longest tested. Where both fall together distance is what hurts; where "
        "dashed is lower at the same distance, it is the length. Bands run from the lowest to the highest seed."
    ),
    table=distance_table,
    draw=draw_distances,
    x="distance (tokens)",
    y="accuracy",
)
POSITION = Figure(
    name="position",
    title="Where it is asked",
    reading=(
        "Questions are sorted by their position in the sequence, in tenths of its length. Solid: at the training "
        "length; dashed: at the longest tested. A memory that recalls does not care where it is asked, but for what "
        "the distance costs. Bands run from the lowest to the highest seed."
    ),
    table=position_table,
    draw=draw_positions,
    x="position in the sequence",
    y="accuracy",
)
