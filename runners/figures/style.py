"""Look of the figures: a style for each memory, axes with fixed margins, and the lines, marks and maps they share.

Everything goes through matplotlib's objects: no figure is registered with pyplot, and no setting of the caller's
session changes. INK is the colour of text, axes and reference lines and of nothing else: `saving` turns it into the
colour of the page around the figure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import figure as mpl
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.transforms import ScaledTranslation
from numpy.typing import ArrayLike

INK = "#1d1f24"
PANEL = (3.3, 2.5)
"""Inches; text of 8 points is then about 12 pixels where a panel is as wide as a phone."""


class Margins(NamedTuple):
    """Inches around the axes of a panel, for its title and labels."""

    left: float
    right: float
    top: float
    bottom: float


MARGINS = Margins(0.56, 0.22, 0.3, 0.42)
"""The same for all panels: to measure each text and lay it out takes longer than to draw it."""
TITLE_LENGTHS = 31, 40
"""Letters of a title that fit on one line, and on each of two smaller ones."""
SETTINGS: Any = {
    **{name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")},
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so the layout is the same everywhere
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a name may hold dollar signs
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK
    ),
}
UNNAMED = "_child"
"""The label of a line that the legend leaves out."""

COLOUR_ORDER = (0, 1, 2, 3, 4, 9, 5, 7, 6, 8)
"""Of the ten colours of seaborn's palette "colorblind"; the two that are too pale on white come last."""
MARKERS = "os^DvPX<>*d"
LINES = ("-", "--", "-.", ":")


class Style(NamedTuple):
    """Colour, marker and line of one memory."""

    colour: str
    marker: str
    line: str

    @property
    def line_options(self) -> dict[str, Any]:
        """The style as options of `Axes.plot`."""
        return {"color": self.colour, "linestyle": self.line, "marker": self.marker, "markersize": 3.6}

    @property
    def mark_options(self) -> dict[str, Any]:
        """Colour and marker alone, for marks without a line."""
        return {"color": self.colour, "marker": self.marker}


Styles = Mapping[str, Style]


@cache
def colours() -> list[str]:
    """Ten colours that can be distinguished without colour vision."""
    import seaborn  # takes a second to import: only drawing waits for it

    palette = seaborn.color_palette("colorblind").as_hex()
    return [str(palette[i]) for i in COLOUR_ORDER]


def styles_of(memories: Iterable[str]) -> dict[str, Style]:
    """A style for each memory by its place in the list: the same list gives the same styles in every figure.

    Markers differ up to eleven memories; past ten, colours come again with another marker and another line.
    """
    palette = colours()
    return {
        memory: Style(palette[i % len(palette)], MARKERS[i % len(MARKERS)], LINES[i // len(palette) % len(LINES)])
        for i, memory in enumerate(dict.fromkeys(memories))
    }


def by_memory(table: pd.DataFrame, styles: Styles) -> Iterator[tuple[str, pd.DataFrame, Style]]:
    """Each memory of the table in the order of `styles`, with its records and its style."""
    present = dict(list(table.groupby("memory", sort=False)))
    for memory, style in styles.items():
        if memory in present:
            yield memory, present[memory], style


def axes_box(figure: mpl.Figure, left: float, top: float, size: tuple[float, float]) -> tuple[float, ...]:
    """Bounds of the axes (fractions of the figure) of a panel of this size, `left` and `top` inches from its corner."""
    width, height = figure.get_size_inches()
    across, upwards = size[0] - MARGINS.left - MARGINS.right, size[1] - MARGINS.top - MARGINS.bottom
    bottom = height - top - size[1] + MARGINS.bottom
    return (left + MARGINS.left) / width, bottom / height, across / width, upwards / height


def panel_axes(figure: mpl.Figure, left: float, top: float, size: tuple[float, float]) -> Axes:
    """Axes of a panel, see `axes_box`, with labels at its edge, whatever stands between."""
    ax = figure.add_axes(axes_box(figure, left, top, size))  # type: ignore[arg-type]
    edges = ((ax.xaxis, (0.5, 0.0), (0.0, 0.19 - MARGINS.bottom)), (ax.yaxis, (0.0, 0.5), (0.13 - MARGINS.left, 0.0)))
    for axis, place, offset in edges:
        axis.set_label_coords(*place, ax.transAxes + ScaledTranslation(*offset, figure.dpi_scale_trans))
    return ax


def begin(ax: Axes | None, x: str, y: str, title: str = "", size: tuple[float, float] = PANEL) -> Axes:
    """The given axes, or new ones on a figure of this size (inches), with labels, title and a pale grid."""
    with matplotlib.rc_context(SETTINGS):
        if ax is None:
            ax = panel_axes(mpl.Figure(size), 0, 0, size)
        ax.set(xlabel=x, ylabel=y)
        set_title(ax, title)
        ax.set_facecolor("none")
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(width=0.6, length=2.5, colors=INK, labelsize=7.5)
        ax.grid(color=INK, alpha=0.09, linewidth=0.6)
        ax.set_axisbelow(True)
    return ax


def set_title(ax: Axes, title: str) -> None:
    """Set the title in one line, or in two smaller ones where it is long; cut what is longer still."""
    one, two = TITLE_LENGTHS
    if len(title) <= one:
        ax.set_title(title, y=1.0)
    else:
        lines = textwrap.wrap(title, two, max_lines=2, placeholder=" …")
        ax.set_title("\n".join(lines), fontsize=7, y=1.0, pad=3)


REFERENCES: dict[str, tuple[Any, float]] = {
    "chance": ((0, (4, 3)), 0.6),
    "floor": ((0, (1, 2)), 0.9),
    "ceiling": ("-", 0.45),
    "limit": ("-", 0.8),
    "payload": ((0, (4, 3)), 0.5),
    "training": ((0, (6, 2, 1, 2)), 0.35),
}
"""Dashes and opacity of the lines that belong to the task, not to a memory."""


def reference(ax: Axes, x: ArrayLike, y: ArrayLike, kind: str, label: str = "", **options: Any) -> None:
    """Draw a line of one of the kinds of `REFERENCES` (or of its own `linestyle` and `alpha`), named `label`."""
    line, alpha = REFERENCES.get(kind, ("-", 1.0))
    options = {"linestyle": line, "alpha": alpha} | options
    ax.plot(np.asarray(x), np.asarray(y), color=INK, linewidth=0.9, label=label or kind, zorder=1.5, **options)


def dots(ax: Axes, x: ArrayLike, y: ArrayLike, style: Style, words: Iterable[str], size: float = 14) -> None:
    """Draw marks with a text each, which `saving` writes into the SVG and a pointer over the mark shows."""
    urls = [f"value:{text}" for text in words]
    ax.scatter(x, y, s=size, urls=urls, linewidths=0, zorder=4, **style.mark_options)


def mean_line(ax: Axes, x: pd.Series[Any], mean: pd.DataFrame, style: Style, memory: str, words: Iterable[str]) -> None:
    """Draw the bold line of a memory: `mean` over seeds, a band from `low` to `high`, a text at each mark."""
    ax.fill_between(x, mean["low"], mean["high"], color=style.colour, alpha=0.14, linewidth=0)
    ax.plot(x, mean["mean"], linewidth=1.5, label=memory, **style.line_options)
    dots(ax, x, mean["mean"], style, words)


def seeds_and_mean(
    ax: Axes, x: pd.Series[Any], y: pd.Series[Any], mean: tuple[float, float], style: Style, memory: str, words: str
) -> None:
    """Draw a small mark for each seed and a large one, with a text, at their mean (x, y)."""
    ax.scatter(x, y, s=9, alpha=0.5, linewidths=0, zorder=3, **style.mark_options)
    legend_mark(ax, memory, style)
    dots(ax, [mean[0]], [mean[1]], style, [words], 30)


def legend_mark(ax: Axes, memory: str, style: Style) -> None:
    """Add an empty line, so that the legend names the memory by its mark alone."""
    ax.plot([], [], markersize=5.5, markeredgewidth=0, linestyle="", label=memory, **style.mark_options)


def broken_line(ax: Axes, table: pd.DataFrame, keys: list[str], x: str, y: str, **options: Any) -> None:
    """Draw the lines of all groups of `keys` as one that is broken between them; no legend names it."""
    groups = table.groupby(keys, sort=False).ngroup().to_numpy()
    order = np.argsort(groups, kind="stable")
    ends = np.flatnonzero(np.diff(groups[order], append=-1)) + 1
    points = np.insert(table[[x, y]].to_numpy(float)[order], ends, np.nan, axis=0)
    ax.plot(points[:, 0], points[:, 1], label=UNNAMED, **options)


MAP_COLOURS = LinearSegmentedColormap.from_list("depths", ["#00224e", "#575d6d", "#a59c74", "#fee838"])  # cividis
GAP, STRIP, BESIDE = 0.05, 0.045, 0.24
"""Fractions of a map's width: between it and its scale, across the scale, for both and the scale's numbers."""
INSET = 0.03
"""Of a cell, at each side, left open."""
STEPS = 24
TICKS = 7
"""Labels of an axis at most."""


def coloured_map(
    ax: Axes, cells: pd.DataFrame, columns: Sequence[str], lines: Sequence[str], most: float, scale: str
) -> None:
    """Draw a map, its scale of colours beside it, and labels: as many as there is room for.

    cells    x and y (integers, from the top left), value, and words that a pointer shows
    most     value of the brightest colour; 0 is the darkest
    scale    meaning of the colours
    """
    cells = cells.sort_values(["y", "x"])
    places = [rectangle(x, y, 0.5 - INSET, 0.5 - INSET) for x, y in zip(cells["x"], cells["y"], strict=True)]
    shades = MAP_COLOURS(Normalize(0, most)(cells["value"].to_numpy(float)))
    urls = [f"value:{words}" for words in cells["words"]]
    ax.add_collection(PolyCollection(places, facecolors=shades, linewidths=0, urls=urls), autolim=False)
    width, height = len(columns), len(lines)
    middle, tall = width * (1 + GAP + STRIP / 2) - 0.5, height / STEPS
    steps = [rectangle(middle, height - 0.5 - (i + 0.5) * tall, width * STRIP / 2, tall / 2) for i in range(STEPS)]
    tones = MAP_COLOURS((np.arange(STEPS) + 0.5) / STEPS)
    ax.add_collection(PolyCollection(steps, facecolors=tones, edgecolors=tones, linewidths=0.4), autolim=False)
    beside = middle + 0.9 * STRIP * width
    for y, text, place in ((-0.5, f"{most:.3g}", "top"), (height - 0.5, "0", "bottom")):
        ax.text(beside, y, text, fontsize=7, color=INK, va=place)
    ax.text(beside, height / 2 - 0.5, scale, fontsize=7, color=INK, va="center", rotation=-90)
    ax.set(xscale="linear", yscale="linear", xlim=(-0.5, width * (1 + BESIDE) - 0.5), ylim=(height - 0.5, -0.5))
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    step = -(-width // TICKS)  # always with the last column
    ax.set_xticks(shown := range((width - 1) % step, width, step), [columns[i] for i in shown])
    ax.set_yticks(shown := range(0, height, -(-height // (TICKS + 1))), [lines[i] for i in shown])


def rectangle(x: float, y: float, across: float, upwards: float) -> list[tuple[float, float]]:
    """The corners of a rectangle, from its middle and half its sides."""
    return [(x + i * across, y + j * upwards) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
