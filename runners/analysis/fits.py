"""Fits to accuracies at several loads: where they fall to a threshold, and how that grows with the state.

A capacity is the load at which accuracy, averaged over seeds, falls to a threshold. Accuracies are made
monotone first (the closest that never rise, in the sense of least squares: Barlow et al. 1972), then joined by
a cubic curve in log2 of the load that never rises either, on which the capacity is read off. No shape is
assumed: memories differ in it, and a logistic curve fitted to all loads would let the flat ends move the
middle. What is finer than a step of the loads is interpolation, which no interval here covers.

Where no load asked falls below the threshold the capacity is `inf`, "the largest asked or more"; where
already the smallest does it is 0, "below the smallest asked".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..statistics import across_seeds

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Right answers of a memory: `right[i]` and `asked[i]`, each [seeds, rows], at `loads[i]`, which rise.

    The rows of a load are the same for every seed. Raises ValueError for loads or shapes that are not so.
    """

    loads: tuple[int, ...]
    right: tuple[Floats, ...]
    asked: tuple[Floats, ...]

    def __post_init__(self) -> None:
        if not self.loads or list(self.loads) != sorted(set(self.loads)) or self.loads[0] < 1:
            raise ValueError(f"loads are whole numbers from 1 on that rise, not {self.loads}")
        if not len(self.loads) == len(self.right) == len(self.asked):
            raise ValueError(f"{len(self.loads)} loads need as many counts, not {len(self.right)}, {len(self.asked)}")
        seeds = {counts.shape[:1] for counts in (*self.right, *self.asked)}
        if len(seeds) > 1 or any(
            r.ndim != 2 or r.shape != a.shape for r, a in zip(self.right, self.asked, strict=True)
        ):
            raise ValueError("right and asked are arrays [seeds, rows], of the same seeds at every load")

    @property
    def seeds(self) -> int:
        return len(self.right[0])

    @cached_property
    def bands(self) -> Floats:
        """Accuracy at each load, a mean over seeds, and its 95 % bounds: [loads, 3]"""
        return np.array([across_seeds(list(r), list(a)) for r, a in zip(self.right, self.asked, strict=True)])

    @property
    def means(self) -> Floats:
        """Accuracy at each load, a mean over seeds: [loads]"""
        return np.asarray(self.bands[:, 0])


def falling(accuracies: ArrayLike) -> Floats:
    """The closest accuracies [..., loads] that never rise.

    At load k it is the least, over i <= k, of the greatest, over j >= k, of the means from i to j.
    """
    a = np.asarray(accuracies, np.float64)
    sums = np.concatenate([np.zeros_like(a[..., :1]), a.cumsum(-1)], -1)
    n = a.shape[-1]
    start, stop = np.arange(n)[:, None], np.arange(1, n + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (sums[..., None, 1:] - sums[..., :-1, None]) / (stop - start)
    means = np.where(stop > start, means, -np.inf)
    highest = np.maximum.accumulate(means[..., ::-1], -1)[..., ::-1]
    return np.asarray(np.minimum.accumulate(np.where(stop > start, highest, np.inf), -2)[..., range(n), range(n)])


def crossing(loads: ArrayLike, accuracies: ArrayLike, threshold: float) -> Floats:
    """The load at which accuracies [..., loads] that never rise fall to the threshold: [...]; 0 and inf as above."""
    x, a = np.log2(np.asarray(loads, np.float64)), np.asarray(accuracies, np.float64)
    below = a < threshold
    if len(x) == 1:
        return np.where(below[..., 0], 0.0, np.inf)
    after = np.clip(below.argmax(-1), 1, None)
    first, last, leaving, arriving = (
        np.take_along_axis(values, k[..., None], -1)[..., 0]
        for values, k in ((a, after - 1), (a, after), (steepness(x, a), after - 1), (steepness(x, a), after))
    )
    width = x[after] - x[after - 1]
    low, high = np.zeros(first.shape), np.ones(first.shape)
    for _ in range(30):
        t = (low + high) / 2
        s = 1 - t
        cubic = s * s * ((1 + 2 * t) * first + t * width * leaving) + t * t * (
            (3 - 2 * t) * last - s * width * arriving
        )
        low, high = np.where(cubic >= threshold, t, low), np.where(cubic >= threshold, high, t)
    inside = np.exp2(x[after - 1] + low * width)
    return np.where(below[..., 0], 0.0, np.where(below.any(-1), inside, np.inf))


def steepness(x: Floats, a: Floats) -> Floats:
    """Derivatives [..., loads] of a cubic curve through the points that rises nowhere (Fritsch & Butland 1984)."""
    width = np.diff(x)
    secant = np.diff(a, axis=-1) / width
    slopes = np.empty_like(a)
    slopes[..., 0], slopes[..., -1] = secant[..., 0], secant[..., -1]
    if len(x) > 2:
        left, right, before, after = secant[..., :-1], secant[..., 1:], width[:-1], width[1:]
        one, two = 2 * after + before, after + 2 * before
        flat = left * right <= 0
        inner = (one + two) / (one / np.where(flat, 1.0, left) + two / np.where(flat, 1.0, right))
        slopes[..., 1:-1] = np.where(flat, 0.0, inner)
    return slopes


def capacity(counts: Counts, threshold: float) -> tuple[float, float, float]:
    """The capacity and its 95 % bounds, any of them 0 or inf: the loads whose interval of accuracy holds the threshold.

    They are read off the lower and the upper bounds of accuracy (`statistics.across_seeds`), as the capacity is off
    the means. Simulated with 64 rows a load and seeds whose capacities spread by a third of an octave, they hold
    the capacity of all seeds there could be in .93, .95, .94 of cases with 3, 5, 12 seeds; a bootstrap of seeds and
    rows in .76, .84, .92. A single seed has the interval of its rows and says nothing of others.
    """
    value, low, high = (float(crossing(counts.loads, falling(curve), threshold)) for curve in counts.bands.T)
    return value, min(low, value), max(high, value)


@dataclass(frozen=True)
class Slope:
    """log2 capacity = intercept + slope log2 size, by least squares over `used` memories of a family of `of`.

    low, high           bounds of the slope
    smallest, largest   sizes of those used
    """

    slope: float
    low: float
    high: float
    intercept: float
    smallest: float
    largest: float
    used: int
    of: int


def slope(family: Sequence[tuple[float, Counts]], threshold: float) -> Slope | None:
    """How capacity grows with size over memories that differ in size alone, (size, counts) each.

    Memories whose capacity lies outside the loads asked are left out; `None` where those left do not have two
    sizes. The bounds put those of the capacities together as if memories were independent (Zou & Donner 2008,
    which needs no symmetry); they are infinite where those are. The rows that memories share move all capacities
    alike and the slope hardly, so that they are rather too wide.
    """
    found = [(size, *capacity(counts, threshold)) for size, counts in family]
    inside = np.array([row for row in found if 0 < row[1] < np.inf]).reshape(-1, 4)
    if len(set(inside[:, 0])) < 2:
        return None
    with np.errstate(divide="ignore"):
        x, y, low, high = np.log2(inside).T
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    fitted, moves = float(weights @ y), np.abs(weights) > 1e-12  # the memory in the middle moves no slope
    below, above, rises = (y - low)[moves], (high - y)[moves], weights[moves] > 0
    down, up = (
        float(np.sqrt(((weights[moves] * np.where(rises, *arms)) ** 2).sum()))
        for arms in ((below, above), (above, below))
    )
    ends = (float(inside[:, 0].min()), float(inside[:, 0].max()))
    return Slope(fitted, fitted - down, fitted + up, float(y.mean() - fitted * x.mean()), *ends, len(x), len(found))
