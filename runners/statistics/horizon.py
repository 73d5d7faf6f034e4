"""A curve of accuracy over length in one number: how far it holds, when half is lost, how much there is under it.

Lengths are tokens, rising; between two of them accuracy is taken as linear in log2 length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .bootstrap import RESAMPLES, percentiles
from .shares import Floats, quantile


def effective_length(lengths: Sequence[int], lows: ArrayLike, threshold: float) -> int:
    """The longest tested length such that up to it every lower bound lies above the threshold; 0 if none does.

    lengths, lows   [L], lower bounds of the accuracy at each length
    """
    L, low = _curve(lengths, lows)
    below = np.flatnonzero(~(low > threshold))
    held = below[0] if len(below) else len(L)
    return int(L[held - 1]) if held else 0


def half_life(lengths: Sequence[int], accuracies: ArrayLike, floor: ArrayLike) -> float | None:
    """The length at which what the first length has above the floor has halved for the first time.

    lengths, accuracies   [L]; floor   a number, or [L] where it changes with length

    None where it is not reached: beyond the last length. 0 where the first length has nothing above its
    floor, so that nothing can be lost.
    """
    L, excess = _curve(lengths, np.asarray(accuracies, dtype=float) - np.asarray(floor, dtype=float))
    found = _halved(np.log2(L), excess[None])[0]
    return None if np.isinf(found) else float(found)


def area(lengths: Sequence[int], accuracies: ArrayLike, floor: ArrayLike) -> float:
    """The mean over log2 length of (accuracy - floor) / (1 - floor): 1 for perfect throughout, 0 for the floor.

    lengths, accuracies   [L]; floor   below 1, a number or [L]

    Below the floor counts below 0. One length alone is its own mean. Raises ValueError for a floor of 1.
    """
    return float(_areas(lengths, np.asarray(accuracies, dtype=float)[None], floor)[0])


def half_life_interval(
    lengths: Sequence[int],
    accuracies: ArrayLike,
    floor: ArrayLike,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[float | None, float | None, float | None]:
    """The half-life of the mean curve over seeds and its bounds by percentiles over seeds drawn with replacement.

    accuracies   [S, L]

    None stands for "beyond the last length", in a bound too. Test rows are taken as they are, and over few
    seeds the bounds are too narrow, as those of any bootstrap (`across_seeds`). Raises ValueError for one seed.
    """
    by_seed = _several(accuracies)
    L, _ = _curve(lengths, by_seed[0])
    drawn = np.random.default_rng(seed).integers(len(by_seed), size=(resamples, len(by_seed)))
    lives = _halved(np.log2(L), by_seed[drawn].mean(1) - np.asarray(floor, dtype=float))
    bounds = [None if np.isinf(b) else b for b in percentiles(lives, confidence)]
    return half_life(lengths, by_seed.mean(0), floor), bounds[0], bounds[1]


def area_interval(
    lengths: Sequence[int], accuracies: ArrayLike, floor: ArrayLike, confidence: float = 0.95
) -> tuple[float, float, float]:
    """The mean area over seeds and its bounds, by t over the areas of the seeds.

    accuracies   [S, L]

    Test rows are taken as they are. Raises ValueError for one seed.
    """
    areas = _areas(lengths, _several(accuracies), floor)
    mean = float(areas.mean())
    half = quantile(len(areas) - 1, confidence) * float(areas.std(ddof=1)) / len(areas) ** 0.5
    return mean, mean - half, mean + half


def _several(accuracies: ArrayLike) -> Floats:
    by_seed = np.asarray(accuracies, dtype=float)
    if by_seed.ndim != 2 or len(by_seed) < 2:
        raise ValueError(f"an interval over seeds needs accuracies [seeds, lengths] of 2 seeds, not {by_seed.shape}")
    return by_seed


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
    """Where each curve [n, L] over log2 length first falls to half its beginning, as lengths [n]; inf where nowhere."""
    half = excess[:, :1] / 2
    fallen = excess <= half
    after = fallen.argmax(1)
    before, rows = np.maximum(after - 1, 0), np.arange(len(excess))
    high, low = excess[rows, before], excess[rows, after]
    drop = np.where(high > low, high - low, 1.0)
    where = 2 ** (place[before] + (high - half[:, 0]) / drop * (place[after] - place[before]))
    return np.where(excess[:, 0] <= 0, 0.0, np.where(fallen.any(1), where, np.inf))


def _curve(lengths: Sequence[int], values: ArrayLike) -> tuple[Floats, Floats]:
    L, x = np.asarray(lengths, dtype=float), np.asarray(values, dtype=float)
    if L.ndim != 1 or len(L) == 0 or L.shape != x.shape or L[0] < 1 or np.any(np.diff(L) <= 0):
        raise ValueError(f"a curve has rising lengths from 1 and a value for each, not {list(lengths)} and {x.shape}")
    return L, x
