"""Validation accuracy against learning rate: the whole grid from which rates were chosen."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..analysis.extrapolation import floor
from ..formatting import fraction
from ..results.tables import Results
from ..studies.windows import WITHIN, window
from .canvas import UNNAMED, accuracy_scale, begin, dots, reference
from .look import Looks, looks, of

TITLE = "Which learning rate"
READING = (
    "Every memory was trained at every rate with every seed. Small dots are seeds, the line their mean on "
    "validation rows; a cross is a seed that diverged, which counts as 0. The ring is the rate chosen, by "
    "validation alone: everything else in this report is of runs at that rate. The broad stroke is the window "
    f"of rates that work, within {fraction(WITHIN)} of the chosen one. Memories stand side by side at each rate."
)
KEYS = ["task", "memory"]
APART = 0.05
"""How far memories stand from each other at a rate, as a share of the way to the next."""


def floors(results: Results) -> dict[str, float]:
    """What a reader without memory scores at the training length of each task."""
    tests = results.scores[results.scores["kind"] == "test"] if len(results.scores) else results.scores
    if not len(tests):
        return {}
    highest = tests.assign(floor=floor).groupby("task")["floor"].max()
    return {str(task): float(value) for task, value in highest.items()}


def table(results: Results) -> pd.DataFrame:
    """task, memory, learning_rate, seed, validation, diverged, mean, chosen, low, high (of the window), floor

    Memories trained at several rates; validation is 0 where a seed diverged.
    """
    held = floors(results)
    windows = window(results.rates, held)
    if not len(windows):
        return pd.DataFrame()
    rows = results.rates.assign(
        diverged=results.rates["validation"].isna(),
        validation=results.rates["validation"].astype(float).fillna(0.0),
        floor=results.rates["task"].map(held),
    )
    rows = rows.assign(mean=rows.groupby([*KEYS, "learning_rate"])["validation"].transform("mean"))
    rows = rows.merge(windows[[*KEYS, "low", "high"]], on=KEYS)
    return rows[[*KEYS, "learning_rate", "seed", "validation", "diverged", "mean", "chosen", "low", "high", "floor"]]


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a line for each memory with its seeds, the rate chosen, and the window around it."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "learning rate", "validation accuracy", str(drawn["task"].iloc[0]))
    rates = sorted(drawn["learning_rate"].unique())
    step = min(high / low for low, high in pairwise(rates))
    ends = [rates[0] / step**0.4, rates[-1] * step**0.4]
    reference(ax, ends, [drawn["floor"].max()] * 2, "floor", (0, (1, 2)), 0.9)
    shown = [memory for memory in look if memory in set(drawn["memory"])]
    for place, memory in enumerate(shown):
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        mine = mine.assign(x=mine["learning_rate"] * step ** (APART * (place - (len(shown) - 1) / 2)))
        mean = mine.drop_duplicates("learning_rate").sort_values("learning_rate")
        inside = mean[mean["learning_rate"].between(mean["low"], mean["high"])]
        stroke = {"color": here.colour, "alpha": 0.2, "linewidth": 7.0, "solid_capstyle": "round"}
        ax.plot(inside["x"], inside["mean"], label=UNNAMED, zorder=1.8, **stroke)  # type: ignore[arg-type]
        ax.plot(mean["x"], mean["mean"], linewidth=1.2, label=memory, **of(here))
        well, fell = mine[~mine["diverged"]], mine[mine["diverged"]]
        said = [
            f"{memory}, rate {r['learning_rate']:g}, seed {r['seed']}: {fraction(r['validation'])}"
            for _, r in well.iterrows()
        ]
        dots(ax, well["x"], well["validation"], here._replace(marker="o"), said, 5)
        ax.scatter(fell["x"], fell["validation"], marker="x", color=here.colour, s=16, linewidths=0.9, zorder=4)
        best = mean[mean["chosen"]]
        ax.scatter(best["x"], best["mean"], s=62, facecolors="none", edgecolors=here.colour, linewidths=1.3, zorder=5)
    ax.set_xscale("log")
    ax.set_xlim(*ends)
    ax.xaxis.set_major_locator(FixedLocator(rates))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".removeprefix("0")))
    accuracy_scale(ax)
    return ax
