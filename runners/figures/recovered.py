"""What a linear reader recovers of a sequence for the state that is carried: bits against bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..analysis.probes import totals
from ..formatting import span
from ..results.tables import Results
from .canvas import begin, dots, doubling_scale, reference
from .frontier import offsets, size
from .look import Looks, looks

TITLE = "What is recovered for the state that is carried"
READING = (
    "Usable bits of all items of a sequence together, against the bytes of the state. Small marks are seeds, large "
    "ones their mean; memories with equal states are set side by side. No reader can be above the information "
    "ceiling, the smaller of the payload and the bits of the state; a linear one may be far below what is there. "
    "Tasks whose items tell of one another have no total, and no panel."
)


def table(results: Results) -> pd.DataFrame:
    """task, memory, seed, items, bits, payload, state_bytes, ceiling, bits_per_state_bit, mean"""
    drawn = totals(results)
    return drawn.assign(mean=drawn.groupby(["task", "memory"])["bits"].transform("mean")) if len(drawn) else drawn


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: every seed a dot, the mean marked, the information ceiling and the payload as lines."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "state", "usable bits a sequence", str(drawn["task"].iloc[0]))
    carried = drawn["state_bytes"].clip(lower=1)
    low, high, payload = carried.min() / 2, carried.max() * 2, float(drawn["payload"].max())
    across = np.geomspace(low, high, 200)
    reference(ax, [low, high], [payload] * 2, "payload", (0, (4, 3)), 0.5)
    reference(ax, across, np.minimum(payload, 8 * across), "information ceiling", "-", 0.8)
    beside = offsets(drawn.assign(state_bytes=carried))
    for memory in [m for m in look if m in beside]:
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        x, mean = carried[mine.index] * beside[memory], float(mine["mean"].iloc[0])
        marks: dict[str, Any] = {"color": here.colour, "marker": here.marker}
        ax.scatter(x, mine["bits"], s=9, alpha=0.5, linewidths=0, zorder=3, **marks)
        ax.plot([], [], markersize=5.5, markeredgewidth=0, linestyle="", label=memory, **marks)
        said = f"{memory}: {mean:.1f} of {payload:.1f} bits in {span(mine['state_bytes'])} bytes"
        dots(ax, x.iloc[:1], mine["mean"].iloc[:1], here, [said], 30)
    ax.set(yscale="linear", ylim=(-0.03 * payload, 1.08 * payload))
    doubling_scale(ax, low, high, size)
    return ax
