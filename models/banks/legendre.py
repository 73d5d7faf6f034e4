"""Legendre polynomials of the whole past, HiPPO-LegS: the bank of Elastic Memory (arXiv 2602.11212).

    P = (t0 / t1)^A,    K_j = the integral of the basis over token j of t1,    R_jn = phi_n(x_j)

See `hippo/legendre.py`. The carries compose, P(r1) P(r2) = P(r1 r2), so any number of blocks is one
closed form, and the coefficients are always the exact projection of all tokens so far.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..hippo import legendre
from ..hippo.legendre import Array
from .bank import Bank


class Legendre(Bank):
    """The projection of the past on the first N Legendre polynomials."""

    def block(self, t0: int) -> tuple[Array, Array]:
        t1 = t0 + self.L
        return legendre.carry(self.N, t0, t1), legendre.write_weights(self.N, t1, self.L)

    def read(self, t: int, x: Array) -> Array:
        return legendre.evaluate(self.N, x)

    def defined(self, t0: int) -> tuple[Array, Array]:
        """The paper's products of steps: c_k = Abar_k c_(k-1) + Bbar_k f_k for the tokens k of the block."""
        P, K = np.eye(self.N), np.zeros((self.N, 0))
        for k in range(t0, t0 + self.L):
            Abar, Bbar = legendre.step(self.N, k)
            P, K = Abar @ P, np.concatenate([Abar @ K, Bbar[:, None]], axis=1)
        return P, K

    def spans(self, t0: int, count: int) -> Iterator[tuple[Array, Array]]:
        for t in range(t0 + self.L, t0 + count * self.L + 1, self.L):
            yield legendre.carry(self.N, t0, t), legendre.write_weights(self.N, t, t - t0)
