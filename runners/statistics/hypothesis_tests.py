"""Differences of two memories on the same test sequences, exact tests, and what several claims show together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .intervals import (
    CONFIDENCE,
    NOTHING,
    Floats,
    Trainings,
    checked_counts,
    combine_intervals,
    crossed_variance,
    sequences_as_trials,
    t_p_value,
    t_quantile,
    trainings,
)

MOST_SPLITS = 20_000
"""Splits of trainings into two groups that are all counted; of more, so many are sampled."""
SLACK = 1e-9
"""Differences as large as the observed one but for rounding count as large."""


@dataclass(frozen=True)
class Difference:
    """One memory's accuracy less another's.

    difference     of means over seeds; low, high: its bounds
    p              of no difference, two-sided; never below `least`, the smallest that so many seeds can reach
    effect         probability of superiority: how often a training of one beats one of the other, ties half;
                   NaN where either has a single training
    seeds          trainings of the memory that has fewer
    num_sequences  test sequences
    """

    difference: float
    low: float
    high: float
    p: float
    least: float
    effect: float
    seeds: int
    num_sequences: int


def paired_difference(
    correct: ArrayLike, against: ArrayLike, questions: ArrayLike, seed: int = 0, confidence: float = CONFIDENCE
) -> Difference:
    """Difference of two memories' accuracies, from their correct answers to the same sequences.

    correct, against   [seeds, sequences] of one memory and of the other, who may have more seeds or fewer
    questions          [sequences], questions in each

    Sequences are paired, so what makes one hard for both cancels; trainings are not, since two memories share nothing
    by having the same seed but their training sequences, and pairing would halve the degrees of freedom. The interval
    is t over seeds and sequences (`crossed_variance`). The p-value is the larger of that of t, which knows of sequences
    but takes the spread of seeds for normal, and that of exchanging trainings, which is exact for any spread but knows
    these sequences alone: wrong only where both are. So an interval may leave out 0 where p is above .05: with 3 seeds
    each p is at least .1, and nothing can be shown. With a single training on either side the sequences alone are
    uncertain, their signs are flipped in place of trainings, and the result holds for these trainings only.

    How often p < .05 between equal memories, simulated with 128 sequences of 8 questions of which each memory finds
    other ones hard (exchanging trainings alone, blind to that, says it of seeds alike in .17 and .32):

        seeds that are    alike         spread normally    normally, near 1    solving or failing
        5, 10 seeds       .041  .043    .043  .057         .025  .020          .026  .037

    and of 3 seeds never. The intervals cover 0 in .94 to .99, 3 seeds included. A single seed each, said of these
    trainings, .048; it says nothing of others: taken for memories, .71 where seeds spread normally.
    Raises ValueError for counts that are impossible.
    """
    one, other = (_trainings(k, questions) for k in (correct, against))
    difference, (variance, freedom) = one.mean - other.mean, crossed_variance(one, other)
    single = min(len(one.accuracies), len(other.accuracies)) == 1
    if single:
        exact, least = _signs_of_sequences_flipped(correct, against), 0.0
    else:
        exact = trainings_exchanged(one.accuracies, other.accuracies, seed)
        least = least_p(len(one.accuracies), len(other.accuracies))
    if variance > NOTHING:
        half = t_quantile(freedom, confidence) * variance**0.5
        low, high, by_t = difference - half, difference + half, t_p_value(difference / variance**0.5, freedom)
    else:  # no sequence and no seed differs from another: Wilson's bounds of both over the sequences (Newcombe 1998)
        N = np.asarray(questions, dtype=float)
        bounds = np.array([sequences_as_trials(m.mean * N, N, confidence) for m in (one, other)])
        _, low, high = combine_intervals([1, -1], [one.mean, other.mean], *bounds.T)
        by_t = float(low <= 0 <= high)
    return Difference(
        difference=difference,
        low=max(low, -1.0),
        high=min(high, 1.0),
        p=max(by_t, exact),
        least=least,
        effect=float("nan") if single else superiority(one.accuracies, other.accuracies),
        seeds=min(len(one.accuracies), len(other.accuracies)),
        num_sequences=one.influences.shape[1],
    )


def trainings_exchanged(one: ArrayLike, other: ArrayLike, seed: int = 0) -> float:
    """P-value of two sets of trainings: the fraction of all ways to split them whose means differ as much.

    one, other   accuracies [S] and [S'], of trainings of two memories

    Exact if trainings of both are exchangeable where the memories are equal, however they spread, on the sequences they
    were tested on. That trainings of one seed saw the same training sequences can only make it cautious. At least
    `least_p`: .1 with 3 seeds each, .029 with 4, .0079 with 5. All splits are counted where there are up to 20,000
    (8 seeds each); else so many are sampled, from `seed`.
    """
    x, y = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    pooled = np.concatenate([x, y])
    observed = abs(x.mean() - y.mean()) - SLACK
    if comb(len(pooled), len(x)) <= MOST_SPLITS:
        sums = pooled[_splits(len(pooled), len(x))].sum(1)
        return float(np.mean(_distance_of_means(sums, pooled, len(x)) >= observed))
    sums = pooled[_sampled_splits(len(pooled), len(x), seed)].sum(1)
    as_far = _distance_of_means(sums, pooled, len(x)) >= observed
    return float((1 + as_far.sum()) / (1 + MOST_SPLITS))


def signs_flipped(differences: ArrayLike) -> float:
    """P-value of differences [sequences] in whole questions: the fraction of all signs with as large a sum.

    For two trainings on the same sequences: exact if, where the two are equal, either could have had either's answers
    to a sequence. With one question a sequence it is McNemar's exact test. The distribution is computed, not sampled:
    the sum over sequences of one size is binomial, and sizes add up by convolution. Raises ValueError for fractions.
    """
    d = np.asarray(differences)
    integers = np.rint(d).astype(np.int64)
    if not np.array_equal(integers, d):
        raise ValueError("signs are flipped of differences in whole questions")
    chances = np.ones(1)  # of the number of questions won, of all that were decided
    for size, count in zip(*np.unique(np.abs(integers[integers != 0]), return_counts=True), strict=True):
        won = np.zeros(size * count + 1)
        won[::size] = _coins(int(count))
        chances = np.convolve(chances, won)
    sums = 2 * np.arange(len(chances)) - (len(chances) - 1)
    return float(min(1.0, chances[np.abs(sums) >= abs(integers.sum())].sum()))


def least_p(one: int, other: int) -> float:
    """Smallest p-value that so many trainings of each of two memories can reach."""
    splits = comb(one + other, one)
    return (2 if one == other else 1) / splits if splits <= MOST_SPLITS else 1 / (1 + MOST_SPLITS)


def seeds_to_show(claims: int, level: float = 0.05) -> int:
    """Fewest seeds of each memory with which every one of so many claims could be shown at this level."""
    return next(S for S in range(2, 1000) if claims * least_p(S, S) < level)


def holm(p: ArrayLike) -> Floats:
    """P-values [n] of n claims, so raised that all below a level may be believed together (Holm 1979).

    The chance that any of those is wrong is then at most the level, however the claims depend on each other.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    raised = np.empty(len(p))
    raised[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return raised


def superiority(one: ArrayLike, other: ArrayLike) -> float:
    """Chance that a training of one scores above one of the other, ties half: .5 for equals (Vargha, Delaney 2000)."""
    # U / (n m) of scipy.stats.mannwhitneyu, but without a second of import for its p-value, and with SLACK for ties.
    x, y = np.asarray(one, dtype=float)[:, None], np.asarray(other, dtype=float)[None]
    return float(np.mean(np.where(np.abs(x - y) <= SLACK, 0.5, x > y)))


def _trainings(correct: ArrayLike, questions: ArrayLike) -> Trainings:
    k = np.asarray(correct, dtype=float)
    if k.ndim != 2 or len(k) == 0:
        raise ValueError(f"correct answers are an array [seeds, sequences] of at least one seed, not {k.shape}")
    return trainings([checked_counts(one, questions) for one in k])


def _signs_of_sequences_flipped(correct: ArrayLike, against: ArrayLike) -> float:
    """P-value of sums over the seeds; where both have several, of the sums of whole questions."""
    one, other = np.asarray(correct), np.asarray(against)
    # Means over seeds times both numbers of seeds are integers.
    return signs_flipped(one.sum(0) * len(other) - other.sum(0) * len(one))


@cache
def _splits(n: int, k: int) -> NDArray[np.int64]:
    """All ways to choose k of n, [splits, k]."""
    return np.array(list(combinations(range(n), k)), dtype=np.int64)


@lru_cache(maxsize=4)  # every pair of memories with so many trainings asks for the same
def _sampled_splits(n: int, k: int, seed: int) -> NDArray[np.int64]:
    """MOST_SPLITS ways to choose k of n, sampled, [splits, k]."""
    every = np.tile(np.arange(n), (MOST_SPLITS, 1))
    return np.random.default_rng(seed).permuted(every, axis=1)[:, :k].copy()


def _distance_of_means(sums: Floats, pooled: Floats, k: int) -> Floats:
    """Distance between the means of two sets, of which the first has k values with these sums."""
    return np.asarray(np.abs(sums / k - (pooled.sum() - sums) / (len(pooled) - k)))


def _coins(n: int) -> Floats:
    """Chances of 0 ... n heads of n fair coins."""
    from scipy.special import gammaln  # a quarter of a second, which commands without tests do without

    k = np.arange(n + 1)
    return np.asarray(np.exp(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * np.log(2)))
