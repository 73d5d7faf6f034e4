"""A bank: constants P, K, R that keep every channel of a growing signal as N numbers.

    C <- P C + K F        at the end of a block of L tokens F [L, d]
    read = R C            the signal, as C tells it, at some places of the past

Places are in [0, 1]: 0 is where the sequence begins, 1 the end of the last block. All banks spend the
same N numbers a channel, so what differs between them is only what these numbers mean. Constants are
made for one block at a time, without end; everything is float64 numpy and rounded once by its user.

Shapes: P [N, N], K [N, L], R [places, N]; t counts tokens and is a multiple of L.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..hippo.legendre import Array
from .sampling import Sampling


@dataclass(frozen=True)
class Bank(ABC):
    """N numbers a channel, blocks of L tokens. `sampling` and `seed` are for banks that choose tokens."""

    N: int
    L: int
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0

    @abstractmethod
    def block(self, t0: int) -> tuple[Array, Array]:
        """P and K of the block of tokens t0 .. t0 + L - 1."""

    @abstractmethod
    def read(self, t: int, x: Array) -> Array:
        """R: the signal of the first t tokens, t > 0, at the places x."""

    def defined(self, t0: int) -> tuple[Array, Array]:
        """`block` as its source defines it, where that is another way."""
        return self.block(t0)

    def spans(self, t0: int, count: int) -> Iterator[tuple[Array, Array]]:
        """P [N, N] and K [N, i L] over the first i = 1 .. count blocks after t0: one block after another."""
        P, K = np.eye(self.N), np.zeros((self.N, 0))
        for t in range(t0, t0 + count * self.L, self.L):
            P_t, K_t = self.block(t)
            P, K = P_t @ P, np.concatenate([P_t @ K, K_t], axis=1)
            yield P, K
