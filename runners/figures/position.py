"""Accuracy against where in the row a question stands."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from ..config.length_modes import at_fixed_load
from ..formatting import accuracy
from ..results.tables import Results
from .canvas import accuracy_scale, begin
from .look import Looks, looks
from .near_and_far import lines, near_and_far

TITLE = "Where it is asked"
READING = (
    "Questions are sorted by where in the row they stand, in tenths of its length. Solid: at the training "
    "length; dashed: at the longest tested. A memory that recalls does not care where it is asked, but for what "
    "the distance costs. Bands run from the lowest to the highest seed."
)


def table(results: Results) -> pd.DataFrame:
    """task, memory, kind, length, low_edge, high_edge, seed, num_questions, accuracy, ...: `near_and_far`.

    Lengths at which a task asks in one tenth alone are left out.
    """
    if not len(results.breakdown):
        return pd.DataFrame()
    found = at_fixed_load(results.breakdown)
    found = found[found["by"] == "position"]
    found = found[found.groupby(["task", "length"])["low_edge"].transform("nunique") > 1]
    return near_and_far(found, results, "low_edge").drop(columns=["mode", "by"], errors="ignore")


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a solid line per memory at the training length, a dashed one at the longest."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "position in the row", "accuracy", str(drawn["task"].iloc[0]))
    lines(ax, drawn, look, "low_edge", (0, 1), middle, said)
    ax.set(xscale="linear", xlim=(0, 1))
    ax.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.0%}"))
    accuracy_scale(ax)
    return ax


def middle(mean: pd.DataFrame) -> pd.Series[Any]:
    return (mean["low_edge"] + mean["high_edge"]) / 2


def said(row: pd.Series[Any]) -> str:
    return f"{row['low_edge']:.0%}–{row['high_edge']:.0%} of the row: {accuracy(row)}"
