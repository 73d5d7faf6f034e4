"""Accuracy along the axes of a study: curves over one, maps over two, and a panel for each value of the others."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes

from ..analysis.axes import axis_points, value_words
from ..formatting import accuracy
from ..results.tables import Results
from .figure import Figure
from .scales import accuracy_scale, doubling_scale, set_ticks
from .style import Styles, by_memory, coloured_map, mean_line, reference

MOST_PANELS = 24
"""Panels of a figure at most: the table beside it has all."""


def curve_table(results: Results) -> pd.DataFrame:
    """The columns of `axis_points` and `panel`: task, axis and the values of all other axes."""
    return first_panels(with_panel(axis_points(results), ["task", "axis", "at"]))


def with_panel(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The table, where it has records, with titles of panels made of these columns."""
    panel = table[keys].apply(lambda record: ", ".join(filter(None, record)), axis=1) if len(table) else ""
    return table.assign(panel=panel)


def first_panels(table: pd.DataFrame) -> pd.DataFrame:
    """The records of the first MOST_PANELS panels."""
    return table[table["panel"].isin(table["panel"].unique()[:MOST_PANELS])].reset_index(drop=True)


def draw_curves(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw a line with its band for each memory, and chance, over an axis that is scaled by log2 where it doubles."""
    chance = table.groupby("value")["chance"].max()
    reference(ax, chance.index, chance, "chance")
    for memory, mine, style in by_memory(table, styles):
        texts = [f"{memory}, {r['axis']} {value_words(r['value'])}: {accuracy(r)}" for _, r in mine.iterrows()]
        mean_line(ax, mine["value"], mine, style, memory, texts)
    values = sorted(set(table["value"]))
    if values[0] > 0 and len(values) > 1 and all(after >= 1.7 * before for before, after in pairwise(values)):
        doubling_scale(ax, values[0] / 2**0.25, values[-1] * 2**0.25, value_words, values)
    else:
        set_ticks(ax.xaxis, values[:: -(-len(values) // 6)], value_words)
    accuracy_scale(ax)
    ax.set_xlabel(table["axis"].iloc[0] + (" (others with it)" if table["with"].any() else ""))


CURVES = Figure(
    name="axes",
    title="Along each axis",
    reading=(
        "Accuracy at the training length over each axis of the study, with all other axes at the values in the title. "
        "Lines are means over seeds with their 95 % interval, for other trainings and other sequences. The axis is "
        f"logarithmic where it doubles. At most {MOST_PANELS} panels are drawn."
    ),
    table=curve_table,
    draw=draw_curves,
    y="accuracy",
)


def map_table(results: Results) -> pd.DataFrame:
    """Points of the first two axes that a task and memory have, and `panel`: task, memory, values of the others."""
    points = axis_points(results)
    first = points.groupby(["task", "memory"], sort=False)["axis"].transform("first")
    table = points[(points["axis"] == first) & (points["second"] != "")].drop(columns=["at"])
    return first_panels(with_panel(table, ["task", "memory", "rest"]))


def draw_axis_map(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw one axis across and another downwards, its largest value on top."""
    across, up = (sorted(set(table[name]), key=sort_key) for name in ("value", "second_value"))
    texts = [
        f"{r['axis']} {value_words(r['value'])}, {r['second']} {value_words(r['second_value'])}: {accuracy(r)}"
        for _, r in table.iterrows()
    ]
    x, y = table["value"].map(across.index), len(up) - 1 - table["second_value"].map(up.index)
    cells = pd.DataFrame({"x": x, "y": y, "value": table["mean"], "words": texts})
    coloured_map(ax, cells, [*map(value_words, across)], [*map(value_words, reversed(up))], 1.0, "accuracy")
    ax.set(xlabel=table["axis"].iloc[0], ylabel=table["second"].iloc[0])


def sort_key(value: object) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    return (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value))


MAPS = Figure(
    name="axis_maps",
    title="Over two axes",
    reading=(
        "Accuracy at the training length over the first two axes of the study, a map for each memory and each value of "
        "the others: bright is 1, dark is 0. A cell that was not trained stays empty."
    ),
    table=map_table,
    draw=draw_axis_map,
)
