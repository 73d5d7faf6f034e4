"""The contract of a reader: fit frozen states to what was stored, then read it from states never seen."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

States = NDArray[np.float64]
"""[n, F]: one state a row, standardised on the training rows."""

Labels = NDArray[np.int64]
"""[n, items]: for each stored item, which value it was, from 0."""


class Reader(Protocol):
    """Made with the number of values an item can have; sees training rows only until it reads."""

    converged: bool

    def __init__(self, num_values: int) -> None: ...

    def fit(self, states: States, labels: Labels) -> Reader: ...

    def predict(self, states: States) -> Labels: ...
