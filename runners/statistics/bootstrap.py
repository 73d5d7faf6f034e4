"""Bootstraps, for what has no formula: the same seed gives the same bounds.

What is drawn again is what was independent: rows for one run; for several, seeds and rows, and a drawn row
for all seeds at once, since all saw it (the pigeonhole bootstrap, Owen 2007).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .rows import counts
from .shares import Floats, sure

RESAMPLES = 2000
BLOCK = 2**22
"""Numbers drawn at once: bounds the memory a bootstrap takes."""


def cluster_bootstrap(
    right: ArrayLike, asked: ArrayLike, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Bounds of sum(right) / sum(asked) by percentiles over rows drawn with replacement; arrays [rows].

    The second opinion on `cluster_interval`, which covers better where rows are few or nearly all right.
    Raises ValueError where the counts cannot be.
    """
    k, N = counts(right, asked)
    return percentiles(_accuracies(k[None], N, resamples, np.random.default_rng(seed))[:, 0], confidence)


def seeds_bootstrap(
    right: ArrayLike, asked: ArrayLike, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Bounds of the mean accuracy over seeds by percentiles over drawn seeds and drawn rows, the same for all seeds.

    right   [seeds, rows]; asked   [rows]

    The second opinion on `across_seeds`: right from about 10 seeds on, too narrow below (see there).
    Raises ValueError where the counts cannot be.
    """
    k = np.asarray(right, dtype=float)
    if k.ndim != 2 or len(k) == 0:
        raise ValueError(f"right is an array [seeds, rows] of at least one seed, not {k.shape}")
    for one in k:
        _, N = counts(one, asked)
    rng = np.random.default_rng(seed)
    by_seed = _accuracies(k, N, resamples, rng)
    drawn = rng.integers(len(k), size=by_seed.shape)
    return percentiles(np.take_along_axis(by_seed, drawn, 1).mean(1), confidence)


def stratified(groups: Sequence[ArrayLike], resamples: int, rng: np.random.Generator) -> Floats:
    """Values drawn with replacement within each group, one group after the other: [resamples, all values]."""
    values = [np.asarray(group, dtype=float) for group in groups]
    drawn = [v[rng.integers(len(v), size=(resamples, len(v)))] for v in values]
    return np.concatenate(drawn, axis=1)


def percentiles(draws: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """The middle `confidence` of the draws; infinite draws are allowed."""
    tail = (1 - sure(confidence)) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="inverted_cdf")
    return float(low), float(high)


def _accuracies(k: Floats, N: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Accuracies [resamples, seeds] over rows drawn with replacement; k [seeds, rows], N [rows]."""
    rows = len(N)
    step = max(1, BLOCK // rows)
    parts = []
    for start in range(0, resamples, step):
        # How often each row is drawn, which makes sums over drawn rows one product of matrices.
        times = rng.multinomial(rows, np.full(rows, 1 / rows), size=min(step, resamples - start)).astype(float)
        parts.append(times @ k.T / (times @ N)[:, None])
    return np.concatenate(parts)
