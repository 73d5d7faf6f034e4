"""How long a test will take, from what shorter ones took."""

from __future__ import annotations

import math
from collections.abc import Iterable


def projected(taken: Iterable[tuple[int, float]], length: int) -> float | None:
    """Seconds a row of this length takes; None where no length is known.

    taken   (length, seconds a row) of the lengths known

    Time grows as a power of length between 1 (a state of one size) and 2 (a look at everything before): that
    of the two longest known. Short rows hide it behind what every call costs, so it errs to the low side there.
    """
    known = sorted(taken)
    if not known:
        return None
    last, seconds = known[-1]
    power = 1.0
    if len(known) > 1 and min(known[-2][1], seconds) > 0:
        before, less = known[-2]
        power = min(2.0, max(1.0, math.log(seconds / less) / math.log(last / before)))
    return float(seconds * (length / last) ** power)


def clock(seconds: float) -> str:
    """A time that is only guessed: 40 s, 12 min, 3.5 h."""
    if seconds < 99.5:
        return f"{max(1.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"
