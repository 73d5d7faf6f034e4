"""Banks that keep tokens as they are: P, K and R are choices, with at most a single 1 in a row.

After each block the bank keeps some of the tokens it held and of the new ones, and which ones depends
on their positions alone. A place reads the saved token nearest to it, token j standing at j + 1/2.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..hippo.legendre import Array
from .bank import Bank
from .store import Store

Positions = NDArray[np.int64]
EMPTY = -1

HISTORY = Store(2**24)


def nearest(positions: Positions, places: Array) -> NDArray[np.intp]:
    """For each place, in tokens, the index of the position nearest to it; of two as near, the first."""
    distance = np.abs(places[:, None] - (positions + 0.5))
    index: NDArray[np.intp] = np.round(distance, 6).argmin(axis=1)
    return index


class Slots(Bank):
    """N slots that each hold one token of the past."""

    @abstractmethod
    def choose(self, candidates: Positions, t: int) -> Positions:
        """[N] of the candidates, which are in order, or EMPTY: what is saved of the first t tokens."""

    def saved_positions(self, t: int) -> Positions:
        """[N]: the token in each slot after t tokens, or EMPTY. Goes on from the last time it is known."""
        known = t
        while known and (self, known) not in HISTORY:
            known -= self.L
        saved = HISTORY.get((self, known), lambda: np.full(self.N, EMPTY))
        for t0 in range(known, t, self.L):
            old = np.unique(saved[saved != EMPTY])
            saved = self.choose(np.concatenate([old, np.arange(t0, t0 + self.L)]), t0 + self.L)
            HISTORY.put((self, t0 + self.L), saved)
        return saved

    def between(self, t0: int, t1: int) -> tuple[Array, Array]:
        """P [N, N] and K [N, t1 - t0]: where each slot's token of time t1 is to be found at t0, or after it."""
        before, after = self.saved_positions(t0), self.saved_positions(t1)
        P, K = np.zeros((self.N, self.N)), np.zeros((self.N, t1 - t0))
        slot = {token: n for n, token in reversed(list(enumerate(before.tolist())))}
        for n, token in enumerate(after.tolist()):
            if token >= t0:
                K[n, token - t0] = 1
            elif token != EMPTY:
                P[n, slot[token]] = 1
        return P, K

    def block(self, t0: int) -> tuple[Array, Array]:
        return self.between(t0, t0 + self.L)

    def spans(self, t0: int, count: int) -> Iterator[tuple[Array, Array]]:
        for t in range(t0 + self.L, t0 + count * self.L + 1, self.L):
            yield self.between(t0, t)

    def read(self, t: int, x: Array) -> Array:
        saved = self.saved_positions(t)
        full = np.flatnonzero(saved != EMPTY)
        return np.eye(self.N)[full[nearest(saved[full], x * t)]]
