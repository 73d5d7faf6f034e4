"""Scales of axes: their ticks and the words on them, and where memories with equal states stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def set_ticks(axis: Axis, places: Sequence[float], words: Callable[[float], str]) -> None:
    """Put ticks at these places alone, each with its label in words."""
    axis.set_major_locator(FixedLocator(places))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))


def accuracy_scale(ax: Axes) -> None:
    """Scale the y axis from 0 to 1."""
    ax.set_yscale("linear")
    ax.set_ylim(-0.03, 1.04)
    set_ticks(ax.yaxis, QUARTERS, lambda v: f"{v:g}" if v in (0, 1) else f"{v:g}"[1:])


def doubling_scale(ax: Axes, low: float, high: float, words: Callable[[int], str], ticks: Iterable[float] = ()) -> None:
    """Scale the x axis by log2 from `low` to `high`, with at most six of these ticks, or of the powers of two."""
    ax.set_xscale("log", base=2)
    ax.set_xlim(low, high)
    powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    places = sorted(set(ticks)) or [2.0**p for p in powers]
    set_ticks(ax.xaxis, places[:: max(1, -(-len(places) // 6))], lambda v: words(round(v)))


def tokens(count: int) -> str:
    """A number of tokens, as a tick shows it: `8,192`, `16k`."""
    return f"{count:,}" if count < 2**14 else f"{count // 1024}k"


def byte_size(count: int) -> str:
    """A number of bytes, as a tick shows it: `512 B`, `4 KiB`."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count} {unit}"
        count //= 1024
    return f"{count} GiB"


SIDE, WIDEST = 0.22, 0.9
"""Octaves between memories whose states are equal, and from the first of them to the last."""


def side_by_side(table: pd.DataFrame) -> dict[str, float]:
    """The factor on `state_bytes` of each memory that sets memories with equal states side by side."""
    state = table.groupby("memory", sort=False)["state_bytes"].first().clip(lower=1)
    factors: dict[str, float] = {}
    for _, group in state.groupby(np.log2(state.astype(float)).round(1)):
        step = min(SIDE, WIDEST / max(1, len(group) - 1))
        for i, memory in enumerate(group.index):
            factors[str(memory)] = 2 ** (step * (i - (len(group) - 1) / 2))
    return factors
