"""Online description length: how many bits the labels take for one who reads the states (Voita and Titov 2020,
"Information-Theoretic Probing with Minimum Description Length", arXiv 2003.12298).

Labels are sent portion by portion. The first is sent as it is, log2 V bits a label; each of the others by the
probabilities of a reader that is fitted on all before it, which the receiver can fit as well. A reader that is right
only after many rows, as one that computes what a state does not say, pays for all of those. So readers of any
strength can be compared, where accuracy favours the strongest.

Shapes: n rows, F features, K items, V values.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from .columns import validated
from .information import told
from .readers.reader import HELD_OUT, Reader, values

Floats = NDArray[np.float64]

PORTIONS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.25, 12.5, 25.0, 50.0, 100.0)
"""Percent of the rows after which a reader is fitted anew, as in the source."""
LEAST = 8 * HELD_OUT
"""Rows before the first reader: with fewer than 8 to choose by, it is surer than it may be."""


class DescriptionLength(NamedTuple):
    """bits [K] a label; uniform, those of a label that is sent as it is: log2 V."""

    bits: Floats
    uniform: float

    @property
    def compression(self) -> Floats:
        """How many times shorter the code is: 1 where states tell nothing, [K]."""
        return self.uniform / self.bits


def description_length(reader: Reader, X: ArrayLike, y: ArrayLike, num_values: int) -> DescriptionLength:
    """The code of y [n, K] or [n] given X [n, F], rows in their order; the reader itself is not fitted.

    Portions that end before `LEAST` rows are joined to the first. Raises ValueError for fewer rows than two portions
    take, and as `Reader.fit` does.
    """
    X, y = validated(X), values(y).reshape(len(values(y)), -1)
    ends = [end for share in PORTIONS if (end := int(len(X) * share / 100)) >= LEAST]
    if len(ends) < 2:
        raise ValueError(f"a description length takes at least {2 * LEAST} rows, not {len(X):,}")
    uniform = float(np.log2(num_values))
    total = np.full(y.shape[1], ends[0] * uniform)
    for start, end in pairwise(ends):
        fitted = clone(reader).set_params(num_values=num_values).fit(X[:start], y[:start])
        total -= told(fitted.predict_log_proba(X[start:end]), y[start:end]).sum(0) / np.log(2)
    return DescriptionLength(total / len(X), uniform)
