"""Accuracy against load: how much a row may ask to be stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..analysis.capacity import THRESHOLDS, capacity, memories, task_of_study
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
)
from .look import Looks, looks

TITLE = "How much it holds"
READING = (
    "Rows of one length ask for more and more items; nothing else changes. Thin lines are seeds, the bold one "
    "their mean, the band its 95 % interval. Bars mark the capacity: where a smooth curve through the means falls "
    "to .9 and to .5. The bag floor knows which values were shown but not whose; the ceiling is what the smallest "
    "state here can hold. Loads to the right of the marked one were not trained."
)


def table(results: Results) -> pd.DataFrame:
    """task, memory, load, length, seed, accuracy, mean, low, high, panel, and what is drawn beside.

    chance, bag, ceiling, train_load, capacity_50, capacity_90 (missing beyond the loads asked)
    """
    parts = []
    trained = trained_loads(results)
    for one in memories(results):
        counts = one.counts
        means = pd.DataFrame(counts.bands, columns=["mean", "low", "high"]).assign(load=counts.loads)
        mine = one.scores[["run", "task", "memory", "load", "length", "seed", "accuracy", "chance", "bag", "ceiling"]]
        mine = mine.merge(means, on="load").assign(train_load=mine["run"].map(trained)).drop(columns="run")
        for threshold in THRESHOLDS:
            at = capacity(counts, threshold)[0]
            mine[f"capacity_{100 * threshold:.0f}"] = at if 0 < at < np.inf else np.nan
        parts.append(mine.assign(panel=panel(results, one.task, one.length)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def panel(results: Results, task: str, length: int) -> str:
    """The task that was asked, with the length where it was asked at several."""
    asked = task_of_study(results, task)
    words = task if asked is None or asked.name == task else f"{asked.name}, trained on a {task}"
    lengths = results.capacity.loc[results.capacity["task"] == task, "length"].nunique()
    return words if lengths == 1 else f"{words}, {length:,} tokens"


def trained_loads(results: Results) -> dict[str, float]:
    """The load that each run was trained with."""
    tests = results.scores[results.scores["kind"] == "test"] if len(results.scores) else results.scores
    return {row["run"]: float(row["load"]) for _, row in tests.iterrows()}


def looks_of(drawn: pd.DataFrame, look: Looks | None) -> Looks:
    """The looks given, or others where memories that a name alone does not tell apart are drawn."""
    return look if look and set(drawn["memory"]) <= set(look) else looks(drawn["memory"])


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a line per seed, bold means with bands, and what they are held against."""
    look = looks_of(drawn, look)
    ax = begin(ax, "items to be stored", "accuracy", str(drawn["panel"].iloc[0]))
    low, high = drawn["load"].min() / 2**0.25, drawn["load"].max() * 2**0.25
    lines = drawn.groupby("load")[["chance", "bag", "ceiling"]].agg({"chance": "max", "bag": "max", "ceiling": "min"})
    for name, style, alpha in (("ceiling", "-", 0.45), ("bag", (0, (1, 2)), 0.9), ("chance", (0, (4, 3)), 0.6)):
        label = {"ceiling": "ceiling of the smallest state", "bag": "bag floor"}.get(name, name)
        reference(ax, lines.index, lines[name], label, style, alpha)
    trained = drawn["train_load"].max()
    if low < trained < high:
        reference(ax, [trained] * 2, [-1, 2], "largest load in training", (0, (6, 2, 1, 2)), 0.35)
    for threshold in THRESHOLDS:
        ax.axhline(threshold, color=INK, alpha=0.12, linewidth=0.5, label=UNNAMED)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        mine, here = drawn[drawn["memory"] == memory].sort_values("load"), look[memory]
        broken_line(ax, mine, ["seed"], "load", "accuracy", color=here.colour, linewidth=0.4, alpha=0.35)
        mean = mine.drop_duplicates("load")
        said = [f"{memory}, {r['load']:,} items: {accuracy(r)}" for _, r in mean.iterrows()]
        mean_line(ax, mean["load"], mean, here, memory, said)
        bar: dict[str, Any] = {"marker": "|", "color": here.colour, "s": 50, "linewidths": 1.4, "zorder": 5}
        ax.scatter([mean[f"capacity_{100 * t:.0f}"].iloc[0] for t in THRESHOLDS], THRESHOLDS, **bar)
    doubling_scale(ax, low, high, lambda load: f"{load:,}", drawn["load"].astype(float))
    accuracy_scale(ax)
    return ax
