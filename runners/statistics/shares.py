"""Shares of independent trials, and of trials that are worth fewer than they count."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def wilson(right: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Bounds of a share of `n` independent trials: the p that a z test does not reject (Wilson 1927).

    Takes numbers or arrays; `right` may be fractional. Raises ValueError unless 0 <= right <= n and n >= 1.
    """
    k, N = np.asarray(right, dtype=float), np.asarray(n, dtype=float)
    if not (np.all(N >= 1) and np.all(k >= 0) and np.all(k <= N)):
        raise ValueError(f"wilson needs 0 <= right <= n and n >= 1, not right={right!r} and n={n!r}")
    return _score(k, N, NormalDist().inv_cdf((1 + sure(confidence)) / 2))


def share_solved(solved: Sequence[bool], confidence: float = 0.95) -> tuple[int, int, float, float]:
    """How many of S seeds solved the task: (k, S, low, high), the bounds of the share by Wilson."""
    low, high = wilson(sum(map(bool, solved)), len(solved), confidence)
    return sum(map(bool, solved)), len(solved), float(low), float(high)


def effective(share: float, variance: float, freedom: float, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of a share whose variance was estimated with so many degrees of freedom; 0 < share < 1, variance > 0.

    Wilson's interval at the number of independent trials that would be as uncertain, share (1 - share) /
    variance, with the quantile of t in place of the normal one. In the middle that is share -/+ t x standard
    error; near 0 and 1 it stays inside and leans inwards, as the errors there do.
    """
    n = share * (1 - share) / variance
    low, high = _score(np.asarray(n * share), np.asarray(n), quantile(freedom, confidence))
    return float(low), float(high)


def quantile(freedom: float, confidence: float = 0.95) -> float:
    """The two-sided quantile of Student's t: 1.96 for many degrees of freedom, 4.30 for 2."""
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1.0), (1 + sure(confidence)) / 2))


def tail(t: float, freedom: float) -> float:
    """The two-sided p-value of Student's t."""
    from scipy.special import stdtr

    return float(2 * stdtr(max(freedom, 1.0), -abs(t)))


def sure(confidence: float) -> float:
    """The confidence itself. Raises ValueError unless it lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, not {confidence!r}; 0.95 is usual")
    return confidence


def _score(k: Floats, N: Floats, z: float) -> tuple[Floats, Floats]:
    middle = (k + z * z / 2) / (N + z * z)
    half = z / (N + z * z) * np.sqrt(k * (N - k) / N + z * z / 4)
    # At the ends the bounds are 0 and 1 exactly; the formula misses them by a rounding error.
    return np.where(k == 0, 0.0, middle - half), np.where(k == N, 1.0, middle + half)
