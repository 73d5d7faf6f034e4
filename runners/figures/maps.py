"""Maps of cells that say their value under a pointer, and the scale of their colours beside them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from .canvas import INK
from .heat import COLOURS

GAP, STRIP, ROOM = 0.05, 0.045, 0.24
"""Shares of a map's width: between it and its scale, across the scale, for both and the scale's numbers."""
INSET = 0.03
"""Of a cell, at each side, left open."""
STEPS = 24
TICKS = 7
"""Labels of an axis at most."""

Corners = list[tuple[float, float]]


def box(left: float, top: float, right: float, bottom: float) -> Corners:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def cells(ax: Axes, values: NDArray[np.float64], said: Sequence[Sequence[str]], most: float, scale: str) -> None:
    """A map of `values` [rows, columns], first row on top; nothing where one is missing.

    said   words of each cell; most: the value of the brightest colour (0 is the darkest); scale: what the colours say
    """
    rows, columns = values.shape
    there = np.argwhere(~np.isnan(values)).tolist()
    norm = Normalize(0, most)
    places = [box(x - 0.5 + INSET, y - 0.5 + INSET, x + 0.5 - INSET, y + 0.5 - INSET) for y, x in there]
    shades = [COLOURS(float(norm(values[y, x]))) for y, x in there]
    words = [f"value:{said[y][x]}" for y, x in there]
    ax.add_collection(PolyCollection(places, facecolors=shades, linewidths=0, urls=words), autolim=False)
    left, right = columns * (1 + GAP) - 0.5, columns * (1 + GAP + STRIP) - 0.5
    steps = [box(left, low, right, high) for low, high in pairwise(np.linspace(rows - 0.5, -0.5, STEPS + 1).tolist())]
    tones = [COLOURS((i + 0.5) / STEPS) for i in range(STEPS)]
    ax.add_collection(PolyCollection(steps, facecolors=tones, edgecolors=tones, linewidths=0.4), autolim=False)
    beside = right + 0.4 * STRIP * columns
    for at, text in ((-0.5, f"{most:.3g}"), (rows - 0.5, "0")):
        ax.text(beside, at, text, fontsize=7, color=INK, va="top" if at < 0 else "bottom")
    ax.text(beside, rows / 2 - 0.5, scale, fontsize=7, color=INK, va="center", rotation=-90)
    ax.set(xscale="linear", yscale="linear", xlim=(-0.5, columns * (1 + ROOM) - 0.5), ylim=(rows - 0.5, -0.5))
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def name_columns(ax: Axes, names: Sequence[str]) -> None:
    """Labels below the columns, so many as there is room for; the last always."""
    step = -(-len(names) // TICKS)
    at = list(range((len(names) - 1) % step, len(names), step))
    ax.set_xticks(at, [names[i] for i in at])


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Labels beside the rows, so many as there is room for; the first always."""
    step = -(-len(names) // (TICKS + 1))
    at = list(range(0, len(names), step))
    ax.set_yticks(at, [names[i] for i in at])
