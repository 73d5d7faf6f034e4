"""Accuracy at lengths never trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..analysis.extrapolation import curves_over_length
from ..config.length_modes import FIXED_LOAD, GROWING_LOAD
from ..formatting import accuracy
from ..results.tables import Results
from .canvas import (
    INK,
    UNNAMED,
    accuracy_scale,
    begin,
    broken_line,
    doubling_scale,
    mean_line,
    reference,
    tokens,
)
from .look import Looks, looks

TITLE = "How far it holds"
READING = (
    "Models train on rows up to the marked length (shaded) and are tested on longer ones without more "
    "training; a panel's title says what grows besides the length. By default that is nothing: rows store as "
    "much as in training. With a growing load they store more in proportion, until the task has no more keys "
    "(from there on lines are left out); at a fixed distance questions stay as near to their answers, and what grows "
    "is what comes before. Thin lines are seeds, the bold one their mean, the band its 95 % interval. The "
    "floor is the best reader that does not recall; the ceiling is what the state can hold."
)


def table(results: Results) -> pd.DataFrame:
    """See `horizons.curves_over_length`; `panel`: a task, and what grows besides the length."""
    drawn = curves_over_length(results)
    if not len(drawn):
        return drawn
    grows = drawn["mode"].where(drawn["mode"] != FIXED_LOAD, "")
    return drawn.assign(panel=drawn["task"] + grows.where(grows == "", ", " + grows))


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task in one mode: a line per seed, bold means with bands, and what they are held against."""
    look = look or looks(drawn["memory"])
    drawn = drawn[~drawn["capped"]]
    ax = begin(ax, "length of the row (tokens)", "accuracy", str(drawn["panel"].iloc[0]))
    low, high = drawn["length"].min() / 2**0.5, drawn["length"].max() * 2**0.25
    trained = float(drawn["train_length"].max())
    ax.axvspan(low, trained, color=INK, alpha=0.05, linewidth=0)
    lines = drawn.groupby("length")[["chance", "floor", "ceiling"]].max()
    if len(lines) == 1:  # one length alone: its bounds hold from edge to edge
        lines = lines.loc[[*lines.index] * 2]
    ends = np.array([low, *lines.index[1:-1], high])
    for name, style, alpha in (
        ("ceiling", "-", 0.45),
        ("floor", (0, (1, 2)), 0.9),
        ("chance", (0, (4, 3)), 0.6),
    ):
        reference(ax, ends, lines[name], name, style, alpha)
    reference(ax, [trained] * 2, [-1, 2], "training length", (0, (6, 2, 1, 2)), 0.35)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        broken_line(ax, mine, ["seed"], "length", "accuracy", color=here.colour, linewidth=0.5, alpha=0.45)
        capped = mine.groupby("length")["ceiling"].first()
        if (capped < drawn.groupby("length")["ceiling"].max().reindex(capped.index)).any():
            ax.plot(capped.index, capped, color=here.colour, linewidth=0.7, linestyle=":", label=UNNAMED)
        mean = mine.drop_duplicates("length")
        said = [f"{memory}, {at(r)}: {accuracy(r)}" for _, r in mean.iterrows()]
        mean_line(ax, mean["length"], mean, here, memory, said)
    doubling_scale(ax, low, high, tokens, drawn["length"])
    accuracy_scale(ax)
    return ax


def at(row: pd.Series[Any]) -> str:
    """Where a mark stands: its length, and the load where that grows."""
    load = f", {row['load']} items" if row["mode"] == GROWING_LOAD else ""
    return f"{row['length']:,} tokens{load}"
