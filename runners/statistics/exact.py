"""Tests that need no assumption about how trainings or rows spread, and what several of them show together."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .shares import Floats

MOST = 20_000
"""Ways of telling trainings apart that are all looked at; of more, so many are drawn."""
SLACK = 1e-9
"""Differences as large as the one seen but for rounding count as large."""


def trainings_exchanged(one: ArrayLike, other: ArrayLike, seed: int = 0) -> float:
    """The p-value of two sets of trainings: the share of all ways to part them whose means differ as much.

    one, other   accuracies [S] and [S'], of trainings of two memories

    Exact if trainings of both are exchangeable where the memories are equal, however they spread, on the rows
    they were tested on. That trainings of one seed saw the same training rows can
    only make it cautious. At least `least_p`: .1 with 3 seeds each, .029 with 4, .0079 with 5. All ways are
    counted where there are up to 20,000 (8 seeds each); else so many are drawn, from `seed`.
    """
    x, y = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    pooled = np.concatenate([x, y])
    seen = abs(x.mean() - y.mean())
    if comb(len(pooled), len(x)) <= MOST:
        sums = pooled[_choices(len(pooled), len(x))].sum(1)
        return float(np.mean(_apart(sums, pooled, len(x)) >= seen - SLACK))
    shuffled = np.random.default_rng(seed).permuted(np.tile(pooled, (MOST, 1)), axis=1)
    as_far = _apart(shuffled[:, : len(x)].sum(1), pooled, len(x)) >= seen - SLACK
    return float((1 + as_far.sum()) / (1 + MOST))


def signs_flipped(differences: ArrayLike) -> float:
    """The p-value of differences [rows] in whole questions: the share of all 2^rows signs with as large a sum.

    For two trainings on the same rows: exact if, where the two are equal, either could have had either's
    answers to a row. With one question a row it is McNemar's exact test. The distribution is computed, not
    drawn: the sum over rows of one size is binomial, and sizes add up by convolution.
    """
    d = np.asarray(differences)
    whole = np.rint(d).astype(np.int64)
    if not np.array_equal(whole, d):
        raise ValueError("signs are flipped of differences in whole questions")
    chances = np.ones(1)  # of the number of questions won, of all that were decided
    for size, rows in zip(*np.unique(np.abs(whole[whole != 0]), return_counts=True), strict=True):
        won = np.zeros(size * rows + 1)
        won[::size] = _coins(int(rows))
        chances = np.convolve(chances, won)
    sums = 2 * np.arange(len(chances)) - (len(chances) - 1)
    return float(min(1.0, chances[np.abs(sums) >= abs(whole.sum())].sum()))


def least_p(one: int, other: int) -> float:
    """The smallest p-value that so many trainings of each of two memories can reach."""
    ways = comb(one + other, one)
    return (2 if one == other else 1) / ways if ways <= MOST else 1 / (1 + MOST)


def seeds_to_show(claims: int, level: float = 0.05) -> int:
    """The fewest seeds of each memory with which every one of so many claims could be shown at this level."""
    return next(S for S in range(2, 1000) if claims * least_p(S, S) < level)


def holm(p: ArrayLike) -> Floats:
    """p-values [n] of n claims, so raised that all below a level may be believed together (Holm 1979).

    The chance that any of those is wrong is then at most the level, however the claims depend on each other.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    raised = np.empty(len(p))
    raised[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return raised


def superiority(one: ArrayLike, other: ArrayLike) -> float:
    """How often a training of one scores above one of the other, ties half: .5 for equals (Vargha and Delaney 2000)."""
    x, y = np.asarray(one, dtype=float)[:, None], np.asarray(other, dtype=float)[None]
    close = np.abs(x - y) <= SLACK
    return float(np.mean(np.where(close, 0.5, x > y)))


@cache
def _choices(n: int, k: int) -> NDArray[np.int64]:
    """All ways to choose k of n, [ways, k]."""
    return np.array(list(combinations(range(n), k)), dtype=np.int64)


def _apart(sums: Floats, pooled: Floats, k: int) -> Floats:
    """How far the means of two sets are apart, of which the first has k values with these sums."""
    return np.asarray(np.abs(sums / k - (pooled.sum() - sums) / (len(pooled) - k)))


def _coins(n: int) -> Floats:
    """Chances of 0 ... n heads of n fair coins."""
    from scipy.special import gammaln

    k = np.arange(n + 1)
    return np.asarray(np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * np.log(2)))
