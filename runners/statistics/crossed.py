"""How uncertain a mean over seeds is when every seed was tested on the same rows: two crossed sources of luck.

The accuracy of seed s on row i is a mean + what the training came out as, a_s + how hard the row is, b_i + the
rest, e_si. More rows do nothing about a, more seeds nothing about b: the mean over S seeds and R rows has
variance var(a) / S + var(b) / R + var(e) / SR. It is estimated from

    A   the variance of the seeds' accuracies, over S            var(a) / S + var(e) / SR
    B   the covariance of two seeds through the rows they share  var(b) / R
    W   the variance over rows, the seeds as they are            var(b) / R + var(e) / SR

as A + B, and never as less than W, with the degrees of freedom of Welch (1947) and Satterthwaite (1946). For a
difference of two memories on the same rows A is the sum of both; B and W are those of the difference, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .rows import influence
from .shares import Floats

NOTHING = 1e-18
"""A variance below it is a rounding error: no row and no seed differs from another."""


class Spread(NamedTuple):
    """An estimated variance and the degrees of freedom it was estimated with."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class Trainings:
    """One memory's seeds on one task: shares [S], and the influence of each row on each of them, [S, R].

    A seed that was not tested on the last rows has influence 0 there.
    """

    shares: Floats
    influences: Floats

    @property
    def mean(self) -> float:
        return float(self.shares.mean())


def trainings(seeds: Sequence[tuple[Floats, Floats]]) -> Trainings:
    """From counts (right, asked) [rows] of each seed, the same row at the same place."""
    influences = np.zeros((len(seeds), max(len(k) for k, _ in seeds)))
    for s, (k, N) in enumerate(seeds):
        influences[s, : len(k)] = influence(k, N)
    return Trainings(np.array([k.sum() / N.sum() for k, N in seeds]), influences)


def spread(one: Trainings, other: Trainings | None = None) -> Spread:
    """The variance of the mean of `one`, or of its difference from the mean of `other`, over seeds and rows.

    Where either has a single seed nothing is known of others: the variance is that over rows alone, for
    these trainings as they came out.
    """
    groups = [one] if other is None else [one, other]
    R = one.influences.shape[1]
    unbiased = R / max(R - 1, 1)
    difference = one.influences.mean(0) - (0 if other is None else other.influences.mean(0))
    W = unbiased * float((difference**2).sum())
    if min(len(g.shares) for g in groups) == 1:
        return Spread(W, R - 1)
    A = [float(g.shares.var(ddof=1)) / len(g.shares) for g in groups]
    B = unbiased * sum(_shared(g.influences) for g in groups)
    if other is not None:
        B -= 2 * unbiased * float((one.influences.mean(0) * other.influences.mean(0)).sum())
    B = max(B, 0.0)
    variance = sum(A) + B
    if variance <= W:
        return Spread(W, R - 1)
    squares = sum(a**2 / (len(g.shares) - 1) for a, g in zip(A, groups, strict=True)) + B**2 / max(R - 1, 1)
    return Spread(variance, variance**2 / squares)


def _shared(influences: Floats) -> float:
    """Mean covariance of the accuracies of two different seeds, through the rows both saw."""
    S = len(influences)
    return float((influences.sum(0) ** 2).sum() - (influences**2).sum()) / (S * (S - 1))
