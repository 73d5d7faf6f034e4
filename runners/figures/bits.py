"""Recalled bits for every bit of state, at the load where most are."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..analysis.capacity import memories
from ..results.tables import Results
from .canvas import begin, dots, doubling_scale, reference
from .capacity import looks_of, panel
from .frontier import offsets, size
from .look import Looks

TITLE = "What a bit of state is worth"
READING = (
    "Bits recalled of a row over bits of state, at the load where a memory recalls most. Small marks are seeds, "
    "large ones their mean; memories with equal states are set side by side. Numbers of the state count 32 bits "
    "each. No reader can be above 1."
)
KEPT = ["task", "memory", "length", "seed", "state_bytes", "load", "bits_per_state_bit", "recalled_bits"]


def table(results: Results) -> pd.DataFrame:
    """task, memory, length, seed, state_bytes, load, bits_per_state_bit, recalled_bits, mean, panel"""
    parts = []
    for one in memories(results):
        if one.scores["state_bytes"].iloc[0] == 0:
            continue
        means = one.scores.groupby("load")["bits_per_state_bit"].mean()
        best = one.scores.loc[one.scores["load"] == means.idxmax(), KEPT]
        parts.append(best.assign(mean=means.max(), panel=panel(results, one.task, one.length)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: every seed a dot, the mean marked, and the limit of one bit for a bit."""
    look = looks_of(drawn, look)
    ax = begin(ax, "state", "recalled bits a bit of state", str(drawn["panel"].iloc[0]))
    low, high = drawn["state_bytes"].min() / 2, drawn["state_bytes"].max() * 2
    reference(ax, [low, high], [1, 1], "information ceiling", "-", 0.8)
    beside = offsets(drawn)
    for memory in [m for m in look if m in beside]:
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        x = mine["state_bytes"] * beside[memory]
        marks: dict[str, Any] = {"color": here.colour, "marker": here.marker}
        ax.scatter(x, mine["bits_per_state_bit"], s=9, alpha=0.5, linewidths=0, zorder=3, **marks)
        ax.plot([], [], markersize=5.5, markeredgewidth=0, linestyle="", label=memory, **marks)
        said = f"{memory}: {mine['mean'].iloc[0]:.4f} bits a bit at {mine['load'].iloc[0]:,} items"
        dots(ax, x.iloc[:1], mine["mean"].iloc[:1], here, [said], 30)
    ax.set_yscale("log")
    lowest = drawn["bits_per_state_bit"].where(drawn["bits_per_state_bit"] > 0).min()
    ax.set_ylim(min(0.5, 0.7 * lowest) if lowest == lowest else 0.01, 1.5)
    ax.yaxis.set_major_locator(LogLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    doubling_scale(ax, low, high, size)
    return ax
