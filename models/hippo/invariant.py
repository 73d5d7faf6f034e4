"""Time-invariant memories without a loop over tokens: c_t = Abar c_(t-1) + Bbar u_t, many t at once.

    c_t = Abar^t c_0 + sum_(j <= t) Abar^(t-j) Bbar u_j

The kernel Abar^j Bbar is the same at every place, so the tokens of a chunk meet by a Toeplitz matrix and all
that came before them by powers of Abar (Chilkuri and Eliasmith 2021, arXiv 2102.11417, have the whole
sequence for one chunk, whose cost grows with its square).
"""

from __future__ import annotations

import numpy as np

from .legendre import Array


def kernel(Abar: Array, Bbar: Array, length: int) -> Array:
    """[length, N]: what a 1 has become j tokens later, Abar^j Bbar."""
    k = np.empty((length, len(Bbar)))
    for j in range(length):
        k[j] = Abar @ k[j - 1] if j else Bbar
    return k


def powers(Abar: Array, count: int) -> Array:
    """[count, N, N]: Abar^1 .. Abar^count."""
    P = np.empty((count, *Abar.shape))
    for j in range(count):
        P[j] = Abar @ P[j - 1] if j else Abar
    return P


def toeplitz(Abar: Array, Bbar: Array, C: int) -> Array:
    """[C, N, C]: the coefficients after each token of a chunk, from every token of the chunk."""
    k = kernel(Abar, Bbar, C)
    age = np.subtract.outer(np.arange(C), np.arange(C))
    return np.where(age[:, None] >= 0, k[age].transpose(0, 2, 1), 0.0)
