"""Training: learning curves through the curriculum, and validation accuracy at every learning rate."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ..analysis.extrapolation import floor
from ..formatting import fraction
from ..results.tables import Results
from ..studies.learning_rates import WITHIN, window
from .figure import Figure
from .scales import accuracy_scale, doubling_scale, set_ticks, tokens
from .style import UNNAMED, Styles, broken_line, by_memory, dots, reference

SMOOTH = 3
POINTS = 60
"""Plotted of a run, about; the table of results has them all."""
RUN = ["task", "memory", "seed"]
MEMORY = ["task", "memory"]
RATE = [*MEMORY, "learning_rate", "seed", "validation", "diverged", "mean", "chosen", "best", "low", "high", "floor"]
APART = 0.05
"""Distance of memories from each other at a rate, as a fraction of the way to the next."""


def curve_table(results: Results) -> pd.DataFrame:
    """task, memory, seed, update, stage, stage_length, stage_load, accuracy, smooth, ends (a stage)"""
    table = results.curves.reset_index(drop=True)
    if not len(table):
        return pd.DataFrame()
    stages = table.groupby([*RUN, "stage"], sort=False)
    smooth = stages["accuracy"].rolling(SMOOTH, min_periods=1).mean().droplevel([0, 1, 2, 3])
    table = table.assign(smooth=smooth, ends=stages.cumcount(ascending=False) == 0)
    runs = table.groupby(RUN, sort=False)
    every = -(-runs["update"].transform("size") // POINTS)
    table = table[table["ends"] | (runs.cumcount() % every == 0)].reset_index(drop=True)
    return table[[*RUN, "update", "stage", "stage_length", "stage_load", "accuracy", "smooth", "ends"]]


def draw_curves(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw a line per memory, seed and stage, and a mark where each stage ends."""
    for memory, mine, style in by_memory(table, styles):
        # The line of the legend: those of the runs have no marks.
        ax.plot([], [], label=memory, **style.line_options)
        line: dict[str, Any] = {"color": style.colour, "linestyle": style.line, "linewidth": 0.9, "alpha": 0.8}
        broken_line(ax, mine, ["seed", "stage"], "update", "smooth", **line)
        ends = mine[mine["ends"]]
        words = [
            f"{memory}, seed {r['seed']}, update {r['update']:,}: end of stage {r['stage']} "
            f"({r['stage_length']:,} tokens, load {r['stage_load']:,}), accuracy {fraction(r['accuracy'])}"
            for r in ends.to_dict("records")
        ]
        dots(ax, ends["update"], ends["smooth"], style, words, 10)
    doubling_scale(ax, max(1.0, float(table["update"].min())), float(table["update"].max()) * 1.1, tokens)
    accuracy_scale(ax)


def floors(results: Results) -> dict[str, float]:
    """Accuracy of a reader without memory at the training length of each task."""
    tests = results.scores[results.scores["kind"] == "test"]
    return {str(task): float(floor(part).max()) for task, part in tests.groupby("task")}


def rate_table(results: Results) -> pd.DataFrame:
    """task, memory, learning_rate, seed, validation, diverged, mean, chosen, best, low, high (of the window), floor

    Memories trained at several rates; validation is 0 where a seed diverged. A rate is chosen for a seed by the others,
    best by all together.
    """
    of_task = floors(results)
    windows = window(results.rates, of_task)
    if not len(windows):
        return pd.DataFrame()
    table = results.rates.assign(
        diverged=results.rates["validation"].isna(),
        validation=results.rates["validation"].astype(float).fillna(0.0),
        floor=results.rates["task"].map(of_task),
    )
    table = table.assign(mean=table.groupby([*MEMORY, "learning_rate"])["validation"].transform("mean"))
    table = table.merge(windows[[*MEMORY, "low", "high"]].assign(best=windows["chosen"]), on=MEMORY)
    return table.assign(best=table["best"] == table["learning_rate"])[RATE]


def draw_rates(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw a line for each memory with its seeds, the rate chosen, and the window around it."""
    rates = sorted(table["learning_rate"].unique())
    step = min(high / low for low, high in pairwise(rates))
    ends = [rates[0] / step**0.4, rates[-1] * step**0.4]
    reference(ax, ends, [table["floor"].max()] * 2, "floor")
    last = (table["memory"].nunique() - 1) / 2
    for place, (memory, mine, style) in enumerate(by_memory(table, styles)):
        mine = mine.assign(x=mine["learning_rate"] * step ** (APART * (place - last)))
        mean = mine.drop_duplicates("learning_rate").sort_values("learning_rate")
        inside = mean[mean["learning_rate"].between(mean["low"], mean["high"])]
        stroke: dict[str, Any] = {"color": style.colour, "alpha": 0.2, "linewidth": 7.0, "solid_capstyle": "round"}
        ax.plot(inside["x"], inside["mean"], label=UNNAMED, zorder=1.8, **stroke)
        ax.plot(mean["x"], mean["mean"], linewidth=1.2, label=memory, **style.line_options)
        finished, fell = mine[~mine["diverged"]], mine[mine["diverged"]]
        words = [
            f"{memory}, rate {r['learning_rate']:g}, seed {r['seed']}: {fraction(r['validation'])}"
            for _, r in finished.iterrows()
        ]
        dots(ax, finished["x"], finished["validation"], style._replace(marker="o"), words, 5)
        ax.scatter(fell["x"], fell["validation"], marker="x", color=style.colour, s=16, linewidths=0.9, zorder=4)
        best = mean[mean["best"]]
        ax.scatter(best["x"], best["mean"], s=62, facecolors="none", edgecolors=style.colour, linewidths=1.3, zorder=5)
    ax.set_xscale("log")
    ax.set_xlim(*ends)
    set_ticks(ax.xaxis, rates, lambda rate: f"{rate:g}".removeprefix("0"))
    accuracy_scale(ax)


RATES = Figure(
    name="rates",
    title="Which learning rate",
    reading=(
        "Every memory was trained at every rate with every seed. Small dots are seeds, the line their mean on "
        "validation sequences; a cross is a seed that diverged, which counts as 0. The ring is the best of them, by "
        "validation alone; everything else in this report shows each seed at the rate that its other seeds choose. The "
        "broad stroke is the window of rates that work, "
        f"within {fraction(WITHIN)} of the chosen one. Memories stand side by side at each rate."
    ),
    table=rate_table,
    draw=draw_rates,
    x="learning rate",
    y="validation accuracy",
)
CURVE = Figure(
    name="curve",
    title="How it was learned",
    reading=(
        "Accuracy on training batches (mean of up to three points), one line per seed, broken where the curriculum "
        "moves on to longer sequences with more items. A mark is the end of a stage, the last one the end of training. "
        "A memory that is faster here is easier to train, which is not the same as better in the end."
    ),
    table=curve_table,
    draw=draw_curves,
    x="updates",
    y="training accuracy",
)
