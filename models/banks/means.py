"""Means of N equal cells of the past, as in a pyramid of block averages.

Cell n of t tokens is [n, n + 1] t / N, and its number is the mean of the signal over it. Longer cells
take their means from the old cells and the new tokens they cover, each in proportion to the part covered,
as if the signal were constant in an old cell. A place reads the cell it lies in; with num_samples = N and
uniform sampling every cell is one memory token.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..hippo.legendre import Array
from .bank import Bank


def overlap(edges: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """[cells, other cells]: the length two cells have in common, from their edges in order."""
    low, high = np.maximum.outer(edges[:-1], others[:-1]), np.minimum.outer(edges[1:], others[1:])
    common: NDArray[np.int64] = np.maximum(high - low, 0)
    return common


class Means(Bank):
    """The means of N equal cells of the past."""

    def block(self, t0: int) -> tuple[Array, Array]:
        """In units of 1/N token every edge is a whole number, so shares are exact."""
        t1, n = t0 + self.L, np.arange(self.N + 1)
        return overlap(n * t1, n * t0) / t1, overlap(n * t1, np.arange(t0, t1 + 1) * self.N) / t1

    def read(self, t: int, x: Array) -> Array:
        """A place on an edge, up to rounding, reads the newer cell."""
        R: Array = np.eye(self.N)[np.minimum((x * self.N + 1e-9).astype(int), self.N - 1)]
        return R
