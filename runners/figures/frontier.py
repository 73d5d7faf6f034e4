"""Recalled bits against bytes of state: the frontier of recall and memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..formatting import span
from ..results.tables import Results
from .figure import Figure
from .scales import byte_size, doubling_scale, side_by_side
from .style import Styles, by_memory, reference, seeds_and_mean


def frontier_table(results: Results) -> pd.DataFrame:
    """task, memory, seed, state_bytes, accuracy, recalled_bits, median_bits, payload_bits, ceiling_bits"""
    tests = results.scores[results.scores["kind"] == "test"]
    table = tests[["task", "memory", "seed", "state_bytes", "accuracy", "recalled_bits", "payload_bits"]].copy()
    table["median_bits"] = table.groupby(["task", "memory"])["recalled_bits"].transform("median")
    table["ceiling_bits"] = np.minimum(table["payload_bits"], 8 * table["state_bytes"])
    return table.reset_index(drop=True)


def draw_frontier(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw every seed as a dot, their median as a mark, payload and information ceiling as lines."""
    draw_bits(table, styles, ax, "recalled_bits", "median_bits", "payload_bits")


def draw_bits(table: pd.DataFrame, styles: Styles, ax: Axes, bits: str, middle: str, stored: str) -> None:
    """Draw bits of a sequence over bytes of state.

    bits, middle, stored   columns of the bits of a seed, of their mean or median, and of the payload
    """
    state, payload, factors = table["state_bytes"].clip(lower=1), float(table[stored].max()), side_by_side(table)
    low, high = state.min() / 2, state.max() * 2
    across = np.geomspace(low, high, 200)
    reference(ax, [low, high], [payload] * 2, "payload")
    reference(ax, across, np.minimum(payload, 8 * across), "limit", "information ceiling")
    for memory, mine, style in by_memory(table, styles):
        x, y = state[mine.index] * factors[memory], mine[middle].iloc[0]
        seeds = ", ".join(f"{value:.1f}" for value in mine[bits])
        carried = span(mine["state_bytes"])
        words = f"{memory}: {y:.1f} of {payload:.1f} bits in {carried} bytes (seeds: {seeds})"
        seeds_and_mean(ax, x, mine[bits], (x.iloc[0], y), style, memory, words)
    ax.set(yscale="linear", ylim=(-0.03 * payload, 1.08 * payload))
    doubling_scale(ax, low, high, byte_size)


FRONTIER = Figure(
    name="frontier",
    title="What is recalled for the state that is carried",
    reading=(
        "Up is more recalled, left is a smaller state. Each small mark is a seed, each large one the median; "
        "memories with equal states are set side by side. No reader can be above the information ceiling, the "
        "smaller of the bits of the state and the payload, the bits that a sequence asks to be stored."
    ),
    table=frontier_table,
    draw=draw_frontier,
    x="state",
    y="recalled bits a sequence",
)
