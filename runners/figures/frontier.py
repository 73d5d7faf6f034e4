"""What is recalled for what is carried: bits against bytes of state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..formatting import span
from ..results.tables import Results
from .canvas import begin, dots, doubling_scale, reference
from .look import Looks, looks

TITLE = "What is recalled for the state that is carried"
READING = (
    "Up is more recalled, left is a smaller state. Each small mark is a seed, each large one the median; "
    "memories with equal states are set side by side. No reader can be above the information ceiling, the "
    "smaller of the bits of the state and the payload, what a row asks to be stored."
)
SIDE, WIDEST = 0.22, 0.9
"""Octaves between memories whose states are equal, and from the first of them to the last."""


def table(results: Results) -> pd.DataFrame:
    """task, memory, seed, state_bytes, accuracy, recalled_bits, median_bits, payload_bits, ceiling_bits"""
    if not len(results.scores):
        return pd.DataFrame()
    tests = results.scores[results.scores["kind"] == "test"]
    drawn = tests[["task", "memory", "seed", "state_bytes", "accuracy", "recalled_bits", "payload_bits"]].copy()
    drawn["median_bits"] = drawn.groupby(["task", "memory"])["recalled_bits"].transform("median")
    drawn["ceiling_bits"] = np.minimum(drawn["payload_bits"], 8 * drawn["state_bytes"])
    return drawn.reset_index(drop=True)


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: every seed a dot, the median marked, the information ceiling and the payload as lines."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "state", "recalled bits a row", str(drawn["task"].iloc[0]))
    low, high = drawn["state_bytes"].min() / 2, drawn["state_bytes"].max() * 2
    payload = float(drawn["payload_bits"].max())
    bytes_ = np.geomspace(low, high, 200)
    reference(ax, [low, high], [payload] * 2, "payload", (0, (4, 3)), 0.5)
    reference(ax, bytes_, np.minimum(payload, 8 * bytes_), "information ceiling", "-", 0.8)
    beside = offsets(drawn)
    for memory in [m for m in look if m in beside]:
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        x, median = mine["state_bytes"] * beside[memory], mine["median_bits"].iloc[0]
        marks: dict[str, Any] = {"color": here.colour, "marker": here.marker}
        ax.scatter(x, mine["recalled_bits"], s=9, alpha=0.5, linewidths=0, zorder=3, **marks)
        ax.plot([], [], markersize=5.5, markeredgewidth=0, linestyle="", label=memory, **marks)
        seeds = ", ".join(f"{bits:.1f}" for bits in mine["recalled_bits"])
        state = span(mine["state_bytes"])
        said = f"{memory}: {median:.1f} of {payload:.1f} bits in {state} bytes (seeds: {seeds})"
        dots(ax, x.iloc[:1], mine["median_bits"].iloc[:1], here, [said], 30)
    ax.set_ylim(-0.03 * payload, 1.08 * payload)
    doubling_scale(ax, low, high, size)
    return ax


def offsets(drawn: pd.DataFrame) -> dict[str, float]:
    """The factor by which each memory is moved so that memories with equal states stand side by side."""
    state = drawn.groupby("memory", sort=False)["state_bytes"].first()
    beside: dict[str, float] = {}
    for _, group in state.groupby(np.log2(state.astype(float)).round(1)):
        step = min(SIDE, WIDEST / max(1, len(group) - 1))
        for i, memory in enumerate(group.index):
            beside[str(memory)] = 2 ** (step * (i - (len(group) - 1) / 2))
    return beside


def size(count: int) -> str:
    """Bytes as people say them."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count} {unit}"
        count //= 1024
    return f"{count} GiB"
