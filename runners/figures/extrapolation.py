"""Accuracy at lengths never trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..analysis.extrapolation import curves_over_length, growing
from ..config.length_modes import GROWING_LOAD
from ..formatting import accuracy
from ..results.tables import Results
from .figure import Figure
from .scales import accuracy_scale, doubling_scale, tokens
from .style import INK, UNNAMED, Styles, broken_line, by_memory, mean_line, reference


def length_table(results: Results) -> pd.DataFrame:
    """The columns of `curves_over_length`, and `panel`: a task, and what grows besides the length."""
    table = curves_over_length(results)
    return table.assign(panel=table["task"] + growing(table)) if len(table) else table


def draw_lengths(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw a line per seed, bold means with bands, floor and ceiling, and the lengths of training shaded."""
    table = table[~table["capped"]]
    low, high = table["length"].min() / 2**0.5, table["length"].max() * 2**0.25
    trained = float(table["train_length"].max())
    ax.axvspan(low, trained, color=INK, alpha=0.05, linewidth=0)
    lines = table.groupby("length")[["chance", "floor", "ceiling"]].max()
    if len(lines) == 1:  # one length alone: its bounds hold from edge to edge
        lines = lines.loc[[*lines.index] * 2]
    ends = np.array([low, *lines.index[1:-1], high])
    for name in ("ceiling", "floor", "chance"):
        reference(ax, ends, lines[name], name)
    reference(ax, [trained] * 2, [-1, 2], "training", "training length")
    highest = table.groupby("length")["ceiling"].max()
    for memory, mine, style in by_memory(table, styles):
        broken_line(ax, mine, ["seed"], "length", "accuracy", color=style.colour, linewidth=0.5, alpha=0.45)
        ceiling = mine.groupby("length")["ceiling"].first()
        if (ceiling < highest.reindex(ceiling.index)).any():
            ax.plot(ceiling.index, ceiling, color=style.colour, linewidth=0.7, linestyle=":", label=UNNAMED)
        mean = mine.drop_duplicates("length")
        words = [f"{memory}, {length_words(r)}: {accuracy(r)}" for _, r in mean.iterrows()]
        mean_line(ax, mean["length"], mean, style, memory, words)
    doubling_scale(ax, low, high, tokens, table["length"])
    accuracy_scale(ax)


def length_words(record: pd.Series[Any]) -> str:
    """Length of a mark, and its load where that grows: `256 tokens, 16 items`."""
    load = f", {record['load']} items" if record["mode"] == GROWING_LOAD else ""
    return f"{record['length']:,} tokens{load}"


LENGTH = Figure(
    name="length",
    title="How far it holds",
    reading=(
        "Models train on sequences up to the marked length (shaded) and are tested on longer ones without more "
        "training. A panel's title says what grows besides the length. By default nothing does: sequences store as "
        "much as in training. With a growing load they store more in proportion, until the task has no more keys "
        "(lines end there). At a fixed distance, questions stay as near to their answers and only the past before both "
        "grows. Thin lines are seeds, the bold one their mean, the band its 95 % interval for trainings that came out "
        "as these did. The floor is the best reader that does not recall; the ceiling is what the state can hold."
    ),
    table=length_table,
    draw=draw_lengths,
    x="length of the sequence (tokens)",
    y="accuracy",
    measure="extrapolation",
)
