"""Where figures are drawn: calm axes, panels side by side, one legend.

Everything goes through matplotlib's objects; no figure is registered with pyplot and no setting of the
caller's session changes. INK is the one colour of text, axes and reference lines, and nothing else has
it: `saving` turns it into the colour of the page around the figure.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from .look import Look, Looks, looks, of

INK = "#1d1f24"
PANEL = (3.3, 2.5)
"""Inches; text of 8 points is then about 12 pixels where a panel is as wide as a phone."""


class Room(NamedTuple):
    """Inches around the axes of a panel, for its title and labels."""

    left: float
    right: float
    top: float
    bottom: float


ROOM = Room(0.56, 0.22, 0.3, 0.42)
"""The same for all panels: to measure each text and lay it out takes longer than to draw it."""
TITLE_LENGTHS = 31, 40
"""Letters of a title that fit on one line, and on each of two smaller ones."""

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


def field(figure: Figure, left: float, top: float, size: tuple[float, float]) -> tuple[float, float, float, float]:
    """Where the axes lie (shares of the figure) of a panel of this size, `left` and `top` inches from its corner."""
    width, height = figure.get_size_inches()
    across, upwards = size[0] - ROOM.left - ROOM.right, size[1] - ROOM.top - ROOM.bottom
    bottom = height - top - size[1] + ROOM.bottom
    return (left + ROOM.left) / width, bottom / height, across / width, upwards / height


def panel_axes(figure: Figure, left: float, top: float, size: tuple[float, float]) -> Axes:
    """Axes of a panel, see `field`, with labels at its edge, whatever stands between."""
    ax = figure.add_axes(field(figure, left, top, size))
    edges = ((ax.xaxis, (0.5, 0.0), (0.0, 0.19 - ROOM.bottom)), (ax.yaxis, (0.0, 0.5), (0.13 - ROOM.left, 0.0)))
    for axis, place, moved in edges:
        axis.set_label_coords(*place, ax.transAxes + ScaledTranslation(*moved, figure.dpi_scale_trans))
    return ax


def begin(ax: Axes | None, x: str, y: str, title: str = "", size: tuple[float, float] = PANEL) -> Axes:
    """The given axes, or new ones on a figure of their own and of this size (inches), made calm."""
    with matplotlib.rc_context(STYLE):
        if ax is None:
            ax = panel_axes(Figure(size), 0, 0, size)
        ax.set(xlabel=x, ylabel=y)
        entitle(ax, title)
        ax.set_facecolor("none")
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(width=0.6, length=2.5, colors=INK, labelsize=7.5)
        ax.grid(color=INK, alpha=0.09, linewidth=0.6)
        ax.set_axisbelow(True)
    return ax


def entitle(ax: Axes, title: str) -> None:
    """The title in one line, in two smaller ones where it is long, cut where it is longer still."""
    one, two = TITLE_LENGTHS
    if len(title) <= one:
        ax.set_title(title, y=1.0)
    else:
        lines = textwrap.wrap(title, two, max_lines=2, placeholder=" …")
        ax.set_title("\n".join(lines), fontsize=7, y=1.0, pad=3)


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


def broken_line(ax: Axes, rows: pd.DataFrame, by: list[str], x: str, y: str, **style: Any) -> None:
    """The lines of all groups of `rows`, as one that is broken between them; no legend names it."""
    parts = [np.vstack([part[[x, y]].to_numpy(float), [np.nan] * 2]) for _, part in rows.groupby(by, sort=False)]
    drawn = np.concatenate(parts)
    ax.plot(drawn[:, 0], drawn[:, 1], label=UNNAMED, **style)


def legend(axes: Iterable[Axes], look: Looks) -> dict[str, Line2D]:
    """Each label once, with the line that carries it: memories first, then what they are held against."""
    lines = [line for ax in axes for line in ax.lines if line.get_label() != UNNAMED]
    found = {str(line.get_label()): line for line in lines}
    return {name: found[name] for name in [*look, *found] if name in found}


KEY, LETTER, LINE = 0.55, 0.075, 0.17
"""Inches of a legend: a sample with what parts it from others, a letter across, a line of text upwards."""


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
        figure = Figure((width, rows * size[1]))
        places = [(i % columns * size[0], i // columns * size[1]) for i in range(len(drawn))]
        axes = [panel_axes(figure, *place, size) for place in places]
        for ax, part in zip(axes, drawn, strict=True):
            draw(part, look, ax)
        if found := legend(axes, look):
            ncols = min(len(found), max(1, int(width / (KEY + LETTER * max(map(len, found))))))
            figure.set_size_inches(width, rows * size[1] + 0.15 + LINE * -(-len(found) // ncols))
            for ax, place in zip(axes, places, strict=True):
                ax.set_position(field(figure, *place, size))
            figure.legend(list(found.values()), list(found), loc="lower center", ncols=ncols)
    return figure
