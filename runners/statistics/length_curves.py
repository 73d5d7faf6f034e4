"""Accuracy over length in one number: effective context length, half-life, and the area under the curve.

Lengths are tokens, rising; between two of them accuracy is taken as linear in log2 length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .bootstrap import RESAMPLES, percentiles, resampled_seeds
from .intervals import CONFIDENCE, Floats, number_over_seeds


def effective_length(lengths: Sequence[int], lows: ArrayLike, threshold: float) -> int:
    """Longest tested length up to which every lower bound lies above the threshold, in tokens; 0 if none does.

    lengths, lows   [L], lower bounds of the accuracy at each length
    """
    L, low = _curve(lengths, lows)
    below = np.flatnonzero(~(low > threshold))
    num_above = below[0] if len(below) else len(L)
    return int(L[num_above - 1]) if num_above else 0


def half_life(lengths: Sequence[int], accuracies: ArrayLike, floor: ArrayLike) -> float | None:
    """Length at which the accuracy above the floor first falls to half of that at the first length, in tokens.

    lengths, accuracies   [L]; floor   a number, or [L] where it changes with length

    None where that lies beyond the last length; 0 where the first length has nothing above its floor to lose.
    """
    L, excess = _curve(lengths, np.asarray(accuracies, dtype=float) - np.asarray(floor, dtype=float))
    life = _halved(np.log2(L), excess[None])[0]
    return None if np.isinf(life) else float(life)


def area(lengths: Sequence[int], accuracies: ArrayLike, floor: ArrayLike) -> float:
    """Mean over log2 length of (accuracy - floor) / (1 - floor): 1 for perfect throughout, 0 for the floor.

    lengths, accuracies   [L]; floor   below 1, a number or [L]

    Below the floor counts below 0. One length alone is its own mean. Raises ValueError for a floor of 1.
    """
    return float(_areas(lengths, np.asarray(accuracies, dtype=float)[None], floor)[0])


def half_life_interval(
    lengths: Sequence[int],
    accuracies: ArrayLike,
    floor: ArrayLike,
    seed: int = 0,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> tuple[float | None, float | None, float | None]:
    """Half-life of the mean curve over seeds and its bounds, by percentiles over resampled seeds.

    accuracies   [S, L]

    None stands for "beyond the last length", in a bound too; one seed has no bounds, None each.
    """
    by_seed = np.asarray(accuracies, dtype=float)
    life = half_life(lengths, by_seed.mean(0), floor)
    if len(by_seed) == 1:
        return life, None, None
    L, _ = _curve(lengths, by_seed[0])
    sampled = resampled_seeds(len(by_seed), resamples, np.random.default_rng(seed))
    lives = _halved(np.log2(L), by_seed[sampled].mean(1) - np.asarray(floor, dtype=float))
    bounds = [None if np.isinf(b) else b for b in percentiles(lives, confidence)]
    return life, bounds[0], bounds[1]


def area_interval(
    lengths: Sequence[int], accuracies: ArrayLike, floor: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[float, float | None, float | None]:
    """Mean area over seeds and its bounds, by t over the areas of the seeds.

    accuracies   [S, L]

    Test sequences are taken as they are; one seed has no bounds, None each. Coverage is that of `number_over_seeds`.
    """
    areas = _areas(lengths, np.asarray(accuracies, dtype=float), floor)
    return number_over_seeds(areas, confidence=confidence) if len(areas) > 1 else (float(areas[0]), None, None)


def _areas(lengths: Sequence[int], by_seed: Floats, floor: ArrayLike) -> Floats:
    floors = np.asarray(floor, dtype=float)
    if np.any(floors >= 1):
        raise ValueError(f"an area needs floors below 1, not {floor!r}: nothing lies above them")
    L, _ = _curve(lengths, by_seed[0])
    excess, place = (by_seed - floors) / (1 - floors), np.log2(L)
    if len(L) == 1:
        return np.asarray(excess[:, 0])
    return np.asarray(np.trapezoid(excess, place, axis=1) / (place[-1] - place[0]))


def _halved(place: Floats, excess: Floats) -> Floats:
    """Length [n] at which each curve [n, L] over log2 length first falls to half its beginning; inf for never."""
    half = excess[:, :1] / 2
    fallen = excess <= half
    after = fallen.argmax(1)
    before, each = np.maximum(after - 1, 0), np.arange(len(excess))
    high, low = excess[each, before], excess[each, after]
    drop = np.where(high > low, high - low, 1.0)
    where = 2 ** (place[before] + (high - half[:, 0]) / drop * (place[after] - place[before]))
    return np.where(excess[:, 0] <= 0, 0.0, np.where(fallen.any(1), where, np.inf))


def _curve(lengths: Sequence[int], values: ArrayLike) -> tuple[Floats, Floats]:
    L, x = np.asarray(lengths, dtype=float), np.asarray(values, dtype=float)
    if L.ndim != 1 or len(L) == 0 or L.shape != x.shape or L[0] < 1 or np.any(np.diff(L) <= 0):
        raise ValueError(f"a curve has rising lengths from 1 and a value for each, not {list(lengths)} and {x.shape}")
    return L, x
