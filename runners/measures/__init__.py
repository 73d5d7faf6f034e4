"""Measures of finished runs: one object a file, one line each in `MEASURES`.

`recall ls measures`, the commands, requests of studies, results, queries and the page are all made from it.
"""

from __future__ import annotations

from .capacity import Capacity
from .extrapolation import Extrapolation
from .measure import Measure
from .probe import Probe
from .states import States
from .swap import Swap

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Extrapolation(),
        Capacity(),
        Swap(),
        Probe(),
        States(),
    )
}

__all__ = ["MEASURES", "Measure"]
