"""Capacity against the size of the state, and the laws it is held against."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..analysis.capacity import capacities, interval, matrix_laws, slopes
from ..analysis.capacity_laws import square_matrix
from ..results.tables import Results
from .canvas import UNNAMED, begin, dots, doubling_scale, reference
from .capacity import looks_of, panel
from .frontier import offsets, size
from .look import Look, Looks

TITLE = "What a larger state buys"
READING = (
    "Each mark is the load at which accuracy falls to .5 (pale and small: to .9), with its 95 % interval; open "
    "marks lie beyond the loads that were asked. Lines join memories that differ in size alone, by least squares; "
    "their slope says how many times more is held in a state twice as large (1: twice, 0: no more). The "
    "information ceiling binds every reader. The Hebbian law is that of one square matrix of as many numbers with "
    "random keys that are summed up, the inverse law that of the same matrix fitted without error."
)
LINE_POINTS = 17
ASIDE = 0.3
"""Of the distance that `frontier` sets equal states apart: here they lie on lines."""
FAMILY = ["task", "length", "family", "threshold"]
FIT = ["slope", "slope_low", "slope_high", "intercept", "fitted_from", "fitted_to"]


def table(results: Results) -> pd.DataFrame:
    """The columns of `capacities`, and FIT: that of the memory's family, NaN where it has none."""
    drawn, fits = capacities(results), slopes(results)
    if not len(drawn):
        return drawn
    drawn[FIT] = np.nan
    for _, fit in fits.iterrows():
        mine = (drawn[FAMILY] == fit[FAMILY]).all(axis=1)
        drawn.loc[mine, FIT] = fit[["slope", "low", "high", "intercept", "smallest", "largest"]].to_numpy(float)
    return drawn.assign(panel=[panel(results, row["task"], row["length"]) for _, row in drawn.iterrows()])


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a mark with its interval for each memory and threshold, a line for each family, and the laws."""
    look = looks_of(drawn, look)
    ax = begin(ax, "state", "items held", str(drawn["panel"].iloc[0]))
    low, high = max(8.0, drawn["state_bytes"].min() / 1.5), drawn["state_bytes"].max() * 1.5
    half = drawn[drawn["threshold"] == drawn["threshold"].min()]
    draw_laws(half, low, high, ax)
    drawn = drawn.assign(x=drawn["state_bytes"] * drawn["memory"].map(offsets(drawn)) ** ASIDE)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        ax.plot([], [], markeredgewidth=0, linestyle="", label=memory, **marks(look[memory]))
        for _, row in drawn[drawn["memory"] == memory].iterrows():
            main = row["threshold"] == half["threshold"].iloc[0]
            draw_mark(row, memory, look[memory], main, ax)
    for _, members in drawn.dropna(subset=["slope"]).groupby(["family", "threshold"], sort=False):
        draw_fit(members, look[str(members["memory"].iloc[0])], bool(members.index[0] in half.index), ax)
    doubling_scale(ax, low, high, size)
    ax.set_yscale("log", base=2)
    top = np.nanmax([2 * drawn["largest"].max(), half["information"].min(), half["hebbian"].max()])
    ax.set_ylim(drawn["smallest"].min() / 1.4, 2 * top)
    powers = range(int(np.floor(np.log2(top))) + 2)
    ax.yaxis.set_major_locator(FixedLocator([2.0**p for p in powers[:: max(1, len(powers) // 6)]]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda load, _: f"{load:,.0f}"))
    return ax


def draw_laws(half: pd.DataFrame, low: float, high: float, ax: Axes) -> None:
    """The laws of the lower threshold from the smallest state to the largest."""
    known = half.dropna(subset=["information"])
    if not len(known):
        return
    first, at = known.iloc[0], np.geomspace(max(low, 16.0), high, LINE_POINTS)
    reference(ax, at, at * first["information"] / first["state_bytes"], "information ceiling", "-", 0.8)
    matrices = [
        matrix_laws(square_matrix(bytes_ / 4), int(first["num_answers"]), float(first["threshold"])) for bytes_ in at
    ]
    reference(ax, at, [law["hebbian"] for law in matrices], "Hebbian law", (0, (1, 2)), 0.9)
    reference(ax, at, [law["inverse"] for law in matrices], "inverse law", (0, (4, 3)), 0.6)


def draw_mark(row: pd.Series[Any], memory: str, look: Look, main: bool, ax: Axes) -> None:
    """One capacity with its interval; open where it lies beyond the loads asked, which bound it."""
    at = np.clip(row[["capacity", "low", "high"]].to_numpy(float), row["smallest"], row["largest"])
    beyond = not 0 < row["capacity"] < np.inf
    x, alpha = row["x"], 1.0 if main else 0.45
    ax.plot([x, x], at[1:], color=look.colour, linewidth=1.1, alpha=alpha, label=UNNAMED, zorder=3)
    if beyond:
        style: dict[str, Any] = {"facecolors": "none", "edgecolors": look.colour, "marker": look.marker}
        ax.scatter([x], [at[0]], s=26 if main else 10, linewidths=0.9, alpha=alpha, zorder=4, **style)
    elif main:
        said = f"{memory}: {interval(row)} items in {row['state_bytes']:,} bytes, accuracy {row['threshold']:g}"
        dots(ax, pd.Series([x]), pd.Series([at[0]]), look, [said], 26)
    else:
        ax.scatter([x], [at[0]], s=10, alpha=alpha, linewidths=0, zorder=3, color=look.colour, marker=look.marker)


def draw_fit(members: pd.DataFrame, look: Look, main: bool, ax: Axes) -> None:
    """The line of a family, and its slope beside the end."""
    fit = members.iloc[0]
    ends = fit[["fitted_from", "fitted_to"]].to_numpy(float)
    y = 2 ** fit["intercept"] * ends ** fit["slope"]
    style: dict[str, Any] = {"linewidth": 1.1, "linestyle": "-"} if main else {"linewidth": 0.6, "linestyle": "--"}
    ax.plot(ends, y, color=look.colour, alpha=0.75 if main else 0.45, label=UNNAMED, zorder=2, **style)
    if main:
        place: dict[str, Any] = {"textcoords": "offset points", "xytext": (6, 4), "fontsize": 6.5}
        ax.annotate(f"{fit['slope']:.2f}", (ends[1], y[1]), color=look.colour, **place)


def marks(look: Look) -> dict[str, Any]:
    return {"color": look.colour, "marker": look.marker, "markersize": 4.5}
