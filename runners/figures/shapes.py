"""What forgetting looks like in closed form: four shapes to know measured ones by. Theory, no run has a part in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from models.hippo.legendre import resolution

from ..analysis.probes import at_end
from ..results.tables import Results
from .canvas import INK, UNNAMED, begin
from .look import Looks

TITLE = "Shapes to expect"
READING = (
    "Theory, not measurement: the share of each token that a linear reader could win back of four memories in closed "
    "form, after 128 tokens. Attention keeps every token. Of a token that fades by .97 a step and is read through "
    "noise of a twentieth of its variance, the share of variance that is explained. HiPPO-LegS keeps 24 Legendre "
    "coefficients of all that was read and tells the first and the last tokens best. Caches of 32 tokens, fading "
    "within a segment and kept as they are from its end on, make a sawtooth with the period of the segment."
)
COLUMNS = 2
TOKENS, COEFFICIENTS, DECAY, NOISE, SEGMENT = 128, 24, 0.97, 0.05, 32


def table(results: Results) -> pd.DataFrame:
    """memory, age, share, panel; empty where no state was probed."""
    if not len(at_end(results)):
        return pd.DataFrame()
    ages = np.arange(TOKENS)
    shapes = {
        "flat": ("attention", np.ones(TOKENS)),
        "slope": ("a decaying memory", explained(ages)),
        "U": ("HiPPO-LegS", resolution(COEFFICIENTS, TOKENS)[::-1]),
        "sawtooth": ("decaying, cached by segment", explained(ages % SEGMENT)),
    }
    parts = [
        pd.DataFrame({"memory": memory, "age": ages, "share": share, "panel": f"{shape}: {memory}"})
        for shape, (memory, share) in shapes.items()
    ]
    return pd.concat(parts, ignore_index=True)


def explained(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of a token that has faded for so many steps: the share of its variance that is told apart from noise."""
    faded = DECAY ** (2.0 * steps)
    return np.asarray(faded / (faded + NOISE))


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One shape: share won back against age."""
    ax = begin(ax, "age (tokens since written)", "share won back", str(drawn["panel"].iloc[0]))
    ax.plot(drawn["age"], drawn["share"], color=INK, alpha=0.75, linewidth=1.3, label=UNNAMED)
    ax.text(0.03, 0.045, "theory", transform=ax.transAxes, fontsize=7.5, style="italic", color=INK)
    ax.set(xscale="linear", yscale="linear", xlim=(0, TOKENS), ylim=(-0.03, 1.08))
    ax.set_xticks(range(0, TOKENS + 1, SEGMENT))
    return ax
