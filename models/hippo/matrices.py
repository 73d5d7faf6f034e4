"""The matrices of HiPPO: the past as N coefficients, one pair (A, B) for each way of weighing it.

Gu et al. 2020, arXiv 2008.07669; Voelker et al. 2019 (LMU); Gu et al. 2022, arXiv 2206.12037. Each
measure weighs the ages of the past, and has a basis g_n that is orthonormal under it; the coefficients
c_n, the integral of f g_n under the measure, follow an equation of one sign and one scale here:

    dc/dt = (A c + B f) / theta          LegS: theta = t, all the rest: theta is fixed

Ages are counted in theta, so a window is the ages from 0, now, to 1, and theta its length in tokens.
(The papers turn the sign of A, and S4 halves A and B: its windows are 2 long.)
"""

from __future__ import annotations

import numpy as np

from .legendre import Array, transition

Pair = tuple[Array, Array]


def roots(N: int) -> Array:
    """sqrt(2n+1), the lengths that make Legendre's polynomials orthonormal."""
    return np.sqrt(2 * np.arange(N) + 1, dtype=np.float64)


def signs(N: int) -> Array:
    """(-1)^n: Legendre's polynomials at the far end."""
    return np.power(-1, np.arange(N), dtype=np.float64)


def legs(N: int) -> Pair:
    """Scaled Legendre: all of the past alike, 1/t on [0, t]; theta = t.

    A_nk = -sqrt((2n+1)(2k+1)) for n > k, -(n+1) for n = k, 0 above; B_n = sqrt(2n+1). So A e_0 = -B:
    a constant keeps its coefficients. With theta fixed (S4) the measure is exponential, the basis warped.
    """
    return -transition(N), roots(N)


def legt(N: int) -> Pair:
    """Translated Legendre: the last theta alike, what is older not at all.

    A_nk = -sqrt((2n+1)(2k+1)) (1 for n >= k, else (-1)^(n-k)); B_n = sqrt(2n+1). What leaves the window,
    f(t - theta), is taken from the coefficients themselves.
    """
    s, sign = roots(N), signs(N)
    ordered = np.where(np.tri(N, dtype=bool), 1.0, np.outer(sign, sign))
    A: Array = -np.outer(s, s) * ordered
    return A, s


def lmu(N: int) -> Pair:
    """The Legendre Memory Unit: `legt` with m_n = (-1)^n sqrt(2n+1) c_n, so that f = sum_n m_n P_n(2 age - 1).

    A_nk = (2n+1) (-1 for n < k, else (-1)^(n-k+1)); B_n = (2n+1) (-1)^n (Voelker et al. 2019).
    """
    n, sign = np.arange(1, 2 * N, 2, dtype=np.float64), signs(N)
    ordered = np.where(np.tri(N, dtype=bool), np.outer(sign, sign), 1.0)
    A: Array = -n[:, None] * ordered
    return A, n * sign


def lagt(N: int, tilt: float = 0.0) -> Pair:
    """Translated Laguerre: all ages, weighed by exp(-tilt age); the basis is L_n(age) exp((tilt - 1) age / 2).

    A = (1 - tilt)/2 I - tril(1), B_n = 1. tilt = 1 is the paper's theorem, with polynomials for a basis;
    tilt = 0, its code's default, weighs all ages alike, and the basis falls off instead.
    Raises ValueError for a tilt outside 0 .. 1.
    """
    if not 0 <= tilt <= 1:
        raise ValueError(f"the tilt of Laguerre's measure is between 0 and 1, not {tilt}")
    return (1 - tilt) / 2 * np.eye(N) - np.tri(N), np.ones(N)


def turning(N: int) -> Pair:
    """Fourier's basis over one window: its derivative by age [N, N], and its value at age 0 [N].

    In the order 1, 0, sqrt(2) cos(2 pi a), sqrt(2) sin(2 pi a), sqrt(2) cos(4 pi a), ...: frequencies
    0 .. N/2 - 1, each a cosine and a sine; the sine of frequency 0 is nothing and its coefficient stays 0.
    Raises ValueError for an odd N, which would leave a cosine without its sine.
    """
    if N % 2:
        raise ValueError(f"Fourier coefficients come in pairs of a cosine and a sine: N must be even, not {N}")
    frequency = np.zeros(N - 1)
    frequency[::2] = 2 * np.pi * np.arange(N // 2)
    now = np.zeros(N)
    now[::2] = np.sqrt(2)
    now[0] = 1
    return np.diag(frequency, -1) - np.diag(frequency, 1), now


def fout(N: int) -> Pair:
    """Truncated Fourier: the last theta alike (Gu et al. 2022). A = skew - 2 b b^T, B = 2 b, b the basis at age 0.

    The series of a window meets the mean of its two ends there, so what leaves is 2 b^T c - f(t).
    """
    skew, b = turning(N)
    return skew - 2 * np.outer(b, b), 2 * b


def fourier_decay(N: int) -> Pair:
    """`fout` with half the rank-one term and half of B, as if f(t - theta) were b^T c (Gu et al. 2020).

    Old windows then echo, each more weakly: the measure has no end.
    """
    skew, b = turning(N)
    return skew - np.outer(b, b), b


def foud(N: int, decay: float = 1.0) -> Pair:
    """Fourier's basis under exp(-decay age), without end: A = skew - decay/2 I, B = b; its kernel is exact.

    Coefficients of ages a whole window apart are added: it is a damped spectrum, not a memory of places.
    The damping is split between measure and basis, as in `lagt`.
    """
    skew, b = turning(N)
    return skew - decay / 2 * np.eye(N), b
