"""Learning curves: accuracy on the training batches, through the stages of the curriculum."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ..formatting import fraction
from ..results.tables import Results
from .canvas import accuracy_scale, begin, broken_line, dots, doubling_scale, tokens
from .look import Looks, looks, of

TITLE = "How it was learned"
READING = (
    "Accuracy on training batches (mean of up to three points), one line per seed, broken where the "
    "curriculum moves on to longer rows with more items. A mark is the end of a stage, the last one the "
    "end of training. A memory that is faster here is easier to train, which is not the same as better in "
    "the end."
)
SMOOTH = 3
POINTS = 60
"""Drawn of a run, about; the table of results keeps them all."""
RUN = ["task", "memory", "seed"]


def table(results: Results) -> pd.DataFrame:
    """task, memory, seed, update, stage, stage_length, stage_load, accuracy, smooth, ends (a stage)"""
    if not len(results.curves):
        return pd.DataFrame()
    rows = results.curves.reset_index(drop=True)
    stages = rows.groupby([*RUN, "stage"], sort=False)
    smooth = stages["accuracy"].rolling(SMOOTH, min_periods=1).mean().droplevel([0, 1, 2, 3])
    rows = rows.assign(smooth=smooth, ends=stages.cumcount(ascending=False) == 0)
    runs = rows.groupby(RUN, sort=False)
    every = -(-runs["update"].transform("size") // POINTS)
    rows = rows[rows["ends"] | (runs.cumcount() % every == 0)].reset_index(drop=True)
    return rows[[*RUN, "update", "stage", "stage_length", "stage_load", "accuracy", "smooth", "ends"]]


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a line per memory, seed and stage, a mark where each stage ends."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "updates", "training accuracy", str(drawn["task"].iloc[0]))
    for memory in [m for m in look if m in set(drawn["memory"])]:
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        # The line of the legend: the drawn ones have no marks of their own.
        ax.plot([], [], label=memory, **of(here))
        style: dict[str, Any] = {"color": here.colour, "linestyle": here.line, "linewidth": 0.9, "alpha": 0.8}
        broken_line(ax, mine, ["seed", "stage"], "update", "smooth", **style)
        ends = mine[mine["ends"]]
        said = [
            f"{memory}, seed {r['seed']}, update {r['update']:,}: end of stage {r['stage']} "
            f"({r['stage_length']:,} tokens, load {r['stage_load']:,}), accuracy {fraction(r['accuracy'])}"
            for _, r in ends.iterrows()
        ]
        dots(ax, ends["update"], ends["smooth"], here, said, 10)
    doubling_scale(ax, max(1.0, float(drawn["update"].min())), float(drawn["update"].max()) * 1.1, tokens)
    accuracy_scale(ax)
    return ax
