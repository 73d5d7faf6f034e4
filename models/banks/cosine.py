"""Cosines of the whole past: the first N terms of its DCT (Ahmed, Natarajan and Rao 1974), carried on.

    phi_0(x) = 1,  phi_n(x) = sqrt(2) cos(n pi x),    c_n = int_0^1 f(x) phi_n(x) dx

Stretched to a longer past, a sum of N cosines is no such sum any more: the carry is the least-squares
one, P_nk = r int_0^1 phi_n(r y) phi_k(y) dy with r = t0 / t1, and a little is lost at every block. What
the frequencies alone are worth against polynomials, at the same N.
"""

from __future__ import annotations

import numpy as np

from ..hippo.legendre import Array
from .bank import Bank


class Cosine(Bank):
    """The first N cosines of the past, projected anew at the end of every block."""

    def amplitude(self) -> Array:
        """[N]: 1, sqrt 2, sqrt 2, ..., which make the basis orthonormal."""
        return np.where(np.arange(self.N) > 0, np.sqrt(2.0), 1.0)

    def block(self, t0: int) -> tuple[Array, Array]:
        """By sinc(z) = sin(pi z) / (pi z): int_0^1 cos(a pi y) cos(k pi y) dy = (sinc(a-k) + sinc(a+k)) / 2."""
        t1, n, a = t0 + self.L, np.arange(self.N), self.amplitude()
        r = t0 / t1
        P = r / 2 * np.outer(a, a) * (np.sinc(r * n[:, None] - n) + np.sinc(r * n[:, None] + n))
        x = np.arange(t0, t1 + 1) / t1
        return P, np.diff(a[:, None] * x * np.sinc(n[:, None] * x))

    def read(self, t: int, x: Array) -> Array:
        R: Array = self.amplitude() * np.cos(np.pi * x[:, None] * np.arange(self.N))
        return R
