"""Where figures are drawn: calm axes, panels side by side, one legend.

Everything goes through matplotlib's objects; no figure is registered with pyplot and no setting of the
caller's session changes. INK is the one colour of text, axes and reference lines, and nothing else has
it: `saving` turns it into the colour of the page around the figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from .look import Look, Looks, looks, of

INK = "#1d1f24"
PANEL = (3.3, 2.5)
"""Inches; text of 8 points is then about 12 pixels where a panel is as wide as a phone."""

STYLE: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so the lay-out is the same everywhere
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a name may hold dollar signs
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"),
        INK,
    ),
}
UNNAMED = "_child"
"""The label of a line that the legend leaves out."""

Draw = Callable[[pd.DataFrame, Looks | None, Axes | None], Axes]


def begin(ax: Axes | None, x: str, y: str, title: str = "") -> Axes:
    """The given axes, or new ones on a figure of their own, made calm."""
    with matplotlib.rc_context(STYLE):
        ax = ax or Figure(PANEL, layout="constrained").add_subplot()
        ax.set(xlabel=x, ylabel=y)
        ax.set_title(title)
        ax.set_facecolor("none")
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(width=0.6, length=2.5, colors=INK, labelsize=7.5)
        ax.grid(color=INK, alpha=0.09, linewidth=0.6)
        ax.set_axisbelow(True)
    return ax


def accuracy_scale(ax: Axes) -> None:
    ax.set_yscale("linear")
    ax.set_ylim(-0.03, 1.04)
    ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: {0: "0", 1: "1"}.get(v, f"{v:g}"[1:])))


def doubling_scale(ax: Axes, low: float, high: float, say: Callable[[int], str], at: Iterable[float] = ()) -> None:
    """A log2 axis from `low` to `high` with at most six ticks, `at` these places or at powers of two."""
    ax.set_xscale("log", base=2)
    ax.set_xlim(low, high)
    powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    places = sorted(set(at)) or [2.0**p for p in powers]
    ax.xaxis.set_major_locator(FixedLocator(places[:: max(1, -(-len(places) // 6))]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: say(round(v))))


def tokens(value: int) -> str:
    return f"{value:,}" if value < 2**14 else f"{value // 1024}k"


def reference(ax: Axes, x: Iterable[float], y: Iterable[float], label: str, line: Any, alpha: float) -> None:
    """A line that belongs to the task, not to a memory: chance, floor, ceiling."""
    ax.plot(list(x), list(y), color=INK, alpha=alpha, linewidth=0.9, linestyle=line, label=label, zorder=1.5)


def dots(ax: Axes, x: pd.Series[Any], y: pd.Series[Any], look: Look, said: Iterable[str], size: float = 14) -> None:
    """Marks that say their value: `saving` writes it into the SVG, a pointer over the mark shows it."""
    style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "linewidths": 0}
    ax.scatter(x, y, s=size, urls=[f"value:{text}" for text in said], zorder=4, **style)


def mean_line(ax: Axes, x: pd.Series[Any], mean: pd.DataFrame, look: Look, memory: str, said: Iterable[str]) -> None:
    """The bold line of a memory: its `mean` over seeds, a band from `low` to `high`, a value at each mark."""
    ax.fill_between(x, mean["low"], mean["high"], color=look.colour, alpha=0.14, linewidth=0)
    ax.plot(x, mean["mean"], linewidth=1.5, label=memory, **of(look))
    dots(ax, x, mean["mean"], look, said)


def legend(axes: Iterable[Axes], look: Looks) -> dict[str, Line2D]:
    """Each label once, with the line that carries it: memories first, then what they are held against."""
    lines = [line for ax in axes for line in ax.lines if line.get_label() != UNNAMED]
    found = {str(line.get_label()): line for line in lines}
    return {name: found[name] for name in [*look, *found] if name in found}


REFERENCES = 4
"""Lines of a legend that are no memory, at most."""


def by_panel(table: pd.DataFrame) -> list[pd.DataFrame]:
    """What each panel draws: the rows of a task, or those with the same `panel`, where a table has that column."""
    return [part for _, part in table.groupby("panel" if "panel" in table else "task", sort=False)]


def panels(
    table: pd.DataFrame,
    draw: Draw,
    look: Looks | None = None,
    columns: int = 3,
    size: tuple[float, float] = PANEL,
) -> Figure:
    """One figure: a panel of this size (inches) for each of `by_panel`, one legend below them all."""
    look = look or looks(table["memory"])
    drawn = by_panel(table)
    columns = min(columns, len(drawn))
    rows = -(-len(drawn) // columns)
    width = max(columns * size[0], 1.5 * PANEL[0])
    with matplotlib.rc_context(STYLE):
        ncols = max(2, int(width / 1.7))
        lines = -(-(len(look) + REFERENCES) // ncols)
        figure = Figure((width, rows * size[1] + max(0.6, 0.21 * lines)), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax in grid[len(drawn) :]:
            ax.remove()
        for ax, part in zip(grid, drawn, strict=False):
            draw(part, look, ax)
        if found := legend(figure.axes, look):
            figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=ncols)
    return figure
