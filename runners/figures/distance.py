"""Accuracy against the distance between an answer and its question."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ..config.length_modes import at_fixed_load
from ..formatting import accuracy
from ..results.tables import Results
from .canvas import accuracy_scale, begin, doubling_scale, tokens
from .look import Looks, looks
from .near_and_far import lines, near_and_far

TITLE = "How far back it reaches"
READING = (
    "Questions are sorted by how many tokens ago their answer was written, in bins whose width doubles. "
    "Solid: at the training length; dashed: at the longest tested. Where both fall together distance is "
    "what hurts; where dashed is lower at the same distance, it is the length. Bands run from the lowest "
    "to the highest seed."
)


def table(results: Results) -> pd.DataFrame:
    """task, memory, kind, length, distance_low, distance_high, seed, num_questions, accuracy, ...: `near_and_far`."""
    if not len(results.distances):
        return pd.DataFrame()
    return near_and_far(at_fixed_load(results.distances), results, "distance_low")


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a solid line per memory at the training length, a dashed one at the longest."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "distance (tokens)", "accuracy", str(drawn["task"].iloc[0]))
    low, high = drawn["distance_low"].min() * 1.0, drawn["distance_high"].max() * 1.0 + 1
    lines(ax, drawn, look, "distance_low", (low, high), middle, said)
    doubling_scale(ax, low, high, tokens)
    accuracy_scale(ax)
    return ax


def middle(mean: pd.DataFrame) -> pd.Series[Any]:
    return (mean["distance_low"] * (mean["distance_high"] + 1)) ** 0.5


def said(row: pd.Series[Any]) -> str:
    return f"{row['distance_low']:,}–{row['distance_high']:,} tokens: {accuracy(row)}"
