"""Intervals of fractions and means: one run, several seeds, and combinations of estimates that have bounds.

Seeds tested on the same sequences have two crossed sources of luck. The accuracy of seed s on sequence i is a mean +
how its training came out, a_s + how hard the sequence is, b_i + the rest, e_si. More sequences do nothing about a, more
seeds nothing about b: the mean over S seeds and R sequences has variance var(a) / S + var(b) / R + var(e) / SR. It is
estimated from

    A   the variance of the seeds' accuracies, over S                 var(a) / S + var(e) / SR
    B   the covariance of two seeds through the sequences they share  var(b) / R
    W   the variance over sequences, the seeds as they are            var(b) / R + var(e) / SR

as A + B, and never as less than W, with the degrees of freedom of Welch (1947) and Satterthwaite (1946). For a
difference of two memories A is the sum of both; B and W are those of the difference, sequence by sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
SOLVED, FAILED = 0.9, 0.6
"""Accuracies from which on a training has solved its task, and up to which it failed: floors are at most one half."""
NOTHING = 1e-18
"""A variance below it is a rounding error: no sequence and no seed differs from another."""


def wilson(correct: ArrayLike, n: ArrayLike, confidence: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Bounds of a fraction of `n` independent trials: every p that a z test does not reject (Wilson 1927).

    Takes numbers or arrays; `correct` may be fractional. Raises ValueError unless 0 <= correct <= n and n >= 1.
    """
    k, N = np.asarray(correct, dtype=float), np.asarray(n, dtype=float)
    if not (np.all(N >= 1) and np.all(k >= 0) and np.all(k <= N)):
        raise ValueError(f"wilson needs 0 <= correct <= n and n >= 1, not correct={correct!r} and n={n!r}")
    return _score_bounds(k, N, NormalDist().inv_cdf((1 + checked_confidence(confidence)) / 2))


def sequences_to_show(threshold: float) -> int:
    """Fewest sequences, all answered without a mistake, whose lower 95 % bound lies above the threshold: 35 for .9."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return int(z * z * threshold / (1 - threshold)) + 1


def fraction_solved(solved: Sequence[bool], confidence: float = CONFIDENCE) -> tuple[int, int, float, float]:
    """Seeds that solved the task, of how many, and the bounds of that fraction: (k, S, low, high), by Wilson."""
    count = sum(map(bool, solved))
    return count, len(solved), *_floats(*wilson(count, len(solved), confidence))


def cluster_interval(correct: ArrayLike, questions: ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Bounds of one run's accuracy, sum(correct) / sum(questions), where questions of a sequence are dependent.

    correct, questions   [sequences], correct answers and questions, at least one question a sequence

    Sequences of one question are independent trials: Wilson's bounds. Else Wilson's at the number of trials that would
    be as uncertain as these sequences (`score_interval`; Korn and Graubard 1998 adjust the exact interval so). Where
    all sequences have the same accuracy (all perfect, say) their spread would claim certainty: then each counts as a
    single trial, which is wide where sequences are few.

    Coverage of a nominal 95 %, simulated with 8 questions a sequence, beside the percentile bootstrap:

        sequences, accuracy   64, .70   64, .95   64, .99   128, .95   128, .99   512, .99
        this                   .945      .929      .961      .951       .895       .940
        bootstrap              .933      .902      .815      .933       .836       .928

    Raises ValueError for counts that are impossible.
    """
    k, N = checked_counts(correct, questions)
    if np.all(N == 1):
        return _floats(*wilson(k.sum(), len(k), confidence))
    if np.ptp(k / N) == 0:
        return sequences_as_trials(k, N, confidence)
    R = len(k)
    variance = R / (R - 1) * float((influence(k, N) ** 2).sum())
    return score_interval(float(k.sum() / N.sum()), variance, R - 1, confidence)


def across_seeds(
    correct_by_seed: Sequence[ArrayLike], questions_by_seed: Sequence[ArrayLike], confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Mean accuracy over seeds tested on the same sequences, and its bounds for other trainings and other sequences.

    correct_by_seed, questions_by_seed   S arrays [sequences], as for `cluster_interval`, a sequence at the same place

    The bounds are those of `crossed_interval`. Where every training either solved (SOLVED) or failed (FAILED), others
    may do the other: then they reach at least as far as Wilson's for the fraction that solves would move the mean
    between those that failed (0, if none did) and those that solved (1). A single seed says nothing of others.

    Coverage of a nominal 95 % with 3, 5, 10 seeds, and mean width, simulated (1,000 each, 96 sequences of 8 questions):

        seeds that            solve with .2 or .8    with .5            with .9            spread normally at .72
        this                  .99 1.0 .97            1.0 .94 .99        1.0 1.0 .99        .95 .95 .95
        width                 .73 .63 .46            .83 .73 .54        .67 .56 .40        .38 .22 .13
        crossed_interval      .49 .67 .87            .75 .94 .99        .28 .42 .65        .95 .95 .95

    What that costs: of 3, 5, 10 trainings that all solve, the lower bound is .44, .57, .72. No method sees from those
    that others fail.
    """
    mean, low, high = crossed_interval(correct_by_seed, questions_by_seed, confidence)
    accuracy = np.array([np.sum(k) / np.sum(N) for k, N in zip(correct_by_seed, questions_by_seed, strict=True)])
    solved, failed = accuracy >= SOLVED, accuracy <= FAILED
    if len(accuracy) > 1 and np.all(solved | failed):
        top = accuracy[solved].mean() if solved.any() else 1.0
        bottom = accuracy[failed].mean() if failed.any() else 0.0
        least, most = (bottom + q * (top - bottom) for q in wilson(solved.sum(), len(accuracy), confidence))
        low, high = min(low, float(least)), max(high, float(most))
    return mean, low, high


def crossed_interval(
    correct_by_seed: Sequence[ArrayLike], questions_by_seed: Sequence[ArrayLike], confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Mean accuracy over seeds and its bounds for trainings that spread about normally; arguments as `across_seeds`.

    The bounds are Wilson's, as wide as seeds and sequences are uncertain (`crossed_variance`). A single seed has the
    interval of its sequences and says nothing of others. Where all sequences of all seeds have the same accuracy, the
    bounds are Wilson's over the sequences of one seed: seeds share them, so they do not add up. For lengths, loads and
    ages beyond training: of trainings that came out as these did.

    Coverage of a nominal 95 %, simulated with 128 sequences of 8 questions that differ in how hard they are, beside
    bootstraps (percentiles) of seeds, then sequences, drawn anew for each seed or the same for all:

        seeds that are         alike               spread normally     normally, near 1    solving or failing
        3, 5, 10 seeds         .97   .96   .95     .92   .94   .96     .90   .93   .93     .75   .94   .98
        sequences for each     .90   .79   .65     .74   .85   .87     .75   .77   .86     .76   .95   .91
        sequences for all      .98   .97   .97     .81   .89   .93     .80   .82   .91     .76   .95   .91

    Sequences drawn for each seed forget that all seeds answered the same; a bootstrap of few seeds cannot reach beyond
    them (BCa changes that by .02 at most).
    """
    seeds = [checked_counts(k, N) for k, N in zip(correct_by_seed, questions_by_seed, strict=True)]
    if not seeds:
        raise ValueError("a mean over seeds needs at least one seed, not 0")
    if len(seeds) == 1:
        k, N = seeds[0]
        return float(k.sum() / N.sum()), *cluster_interval(k, N, confidence)
    runs = trainings(seeds)
    variance, freedom = crossed_variance(runs)
    if variance < NOTHING:
        return runs.mean, *sequences_as_trials(*min(seeds, key=lambda s: len(s[0])), confidence)
    return runs.mean, *score_interval(runs.mean, variance, freedom, confidence)


def number_over_seeds(
    values: ArrayLike, lows: ArrayLike = (), highs: ArrayLike = (), *, confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Mean of one number a seed, [seeds], and its bounds by Student's t; a single seed has its own bounds.

    Of 3, 5, 10 trainings that solve with .8, some solved and some did not: then it covers the mean of all possible ones
    in 1.0, .99, .99 of cases (simulated). Or all came out alike, in half, a third, a tenth of cases: then it covers the
    mean of such trainings, .93 to .96, and others may fail. So tables say beside it how many solved.
    """
    x = np.asarray(values, dtype=float)
    mean = float(x.mean())
    if len(x) == 1:
        return mean, float(np.min(lows)), float(np.max(highs))
    reach = t_quantile(len(x) - 1, confidence) * float(x.std(ddof=1)) / len(x) ** 0.5
    return mean, mean - reach, mean + reach


def fraction_over_seeds(
    values: ArrayLike,
    lows: ArrayLike,
    highs: ArrayLike,
    *,
    same_sequences: bool = False,
    confidence: float = CONFIDENCE,
) -> tuple[float, float, float]:
    """Mean of one fraction a seed and its bounds, which stay between 0 and 1, where sequences are no longer at hand.

    values, lows, highs   [seeds]: a fraction and its 95 % bounds; NaN where a seed has none
    same_sequences        seeds answered the same sequences, so that the mean variance of a seed, as wide as its bounds
                          say, is added to that between seeds and does not shrink with their number

    For trainings that come out as these, as `number_over_seeds`. For one seed, and where nothing varies, the bounds are
    the widest of a seed's own; NaN where no seed has a value.
    """
    x, low, high = (np.asarray(some, dtype=float) for some in (values, lows, highs))
    x, low, high = (some[~np.isnan(x)] for some in (x, low, high))
    if not len(x):
        return np.nan, np.nan, np.nan
    mean, seeds = float(x.mean()), float(x.var(ddof=1)) / len(x) if len(x) > 1 else 0.0
    own = float((((high - low) / (2 * t_quantile(np.inf))) ** 2).mean()) if same_sequences else 0.0
    if len(x) == 1 or not 0 < mean < 1 or seeds + own < NOTHING:
        widest = int((high - low).argmax())
        return mean, float(low[widest]), float(high[widest])
    freedom = (seeds + own) ** 2 / (seeds**2 / (len(x) - 1)) if seeds else np.inf
    return mean, *score_interval(mean, seeds + own, freedom, confidence)


def combine_intervals(
    weights: ArrayLike, values: ArrayLike, lows: ArrayLike, highs: ArrayLike
) -> tuple[float, float, float]:
    """Bounds of a weighted sum of independent estimates from their own bounds (Zou and Donner 2008): all [n].

    Each side adds the squares of the reaches towards it, so that intervals need not be symmetric; bounds may be
    infinite, and an estimate of weight 0 counts for nothing.
    """
    w, x, low, high = (np.asarray(some, dtype=float) for some in (weights, values, lows, highs))
    moves = np.abs(w) > 1e-12
    total, w = float(w @ x), w[moves]
    below, above = (x - low)[moves], (high - x)[moves]
    down, up = (
        float(np.sqrt(((w * np.where(w > 0, *reaches)) ** 2).sum())) for reaches in ((below, above), (above, below))
    )
    return total, total - down, total + up


def score_interval(fraction: float, variance: float, freedom: float, confidence: float) -> tuple[float, float]:
    """Bounds of a fraction whose variance was estimated with so many degrees of freedom.

    Needs 0 < fraction < 1 and variance > 0. Wilson's interval at the number of independent trials that would be as
    uncertain, fraction (1 - fraction) / variance, with the quantile of t in place of the normal one. In the middle that
    is fraction -/+ t x standard error; near 0 and 1 it stays inside and leans inwards, as the errors there do.
    """
    n = fraction * (1 - fraction) / variance
    return _floats(*_score_bounds(np.asarray(n * fraction), np.asarray(n), t_quantile(freedom, confidence)))


def sequences_as_trials(k: Floats, N: Floats, confidence: float) -> tuple[float, float]:
    """Wilson's bounds with every sequence a single trial."""
    return _floats(*wilson(len(k) * float(k.sum() / N.sum()), len(k), confidence))


def t_quantile(freedom: float, confidence: float = CONFIDENCE) -> float:
    """Two-sided quantile of Student's t: 1.96 for many degrees of freedom, 4.30 for 2."""
    from scipy.special import stdtrit  # a quarter of a second, which commands without intervals do without

    return float(stdtrit(max(freedom, 1.0), (1 + checked_confidence(confidence)) / 2))


def t_p_value(t: float, freedom: float) -> float:
    """Two-sided p-value of Student's t."""
    from scipy.special import stdtr  # as above

    return float(2 * stdtr(max(freedom, 1.0), -abs(t)))


def checked_confidence(confidence: float) -> float:
    """The confidence itself. Raises ValueError unless it lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, not {confidence!r}; 0.95 is usual")
    return confidence


def checked_counts(correct: ArrayLike, questions: ArrayLike) -> tuple[Floats, Floats]:
    """Both as float arrays [sequences]. Raises ValueError where they do not count questions."""
    k, N = np.asarray(correct, dtype=float), np.asarray(questions, dtype=float)
    if k.ndim != 1 or k.shape != N.shape or len(k) == 0:
        raise ValueError(f"correct and questions are two arrays [sequences] of one length, not {k.shape} and {N.shape}")
    if np.any(N < 1) or np.any(k < 0) or np.any(k > N):
        raise ValueError("every sequence needs 0 <= correct <= questions and questions >= 1")
    return k, N


def influence(k: Floats, N: Floats) -> Floats:
    """Contribution of each sequence to the error of k.sum() / N.sum(), [sequences]; they add up to 0."""
    return np.asarray((k - k.sum() / N.sum() * N) / N.sum(), dtype=float)


class Variance(NamedTuple):
    """An estimated variance and the degrees of freedom it was estimated with."""

    value: float
    freedom: float


@dataclass(frozen=True)
class Trainings:
    """One memory's seeds on one task: accuracies [S], and the influence of each sequence on each of them, [S, R].

    A seed that was not tested on the last sequences has influence 0 there.
    """

    accuracies: Floats
    influences: Floats

    @property
    def mean(self) -> float:
        return float(self.accuracies.mean())


def trainings(seeds: Sequence[tuple[Floats, Floats]]) -> Trainings:
    """Accuracies and influences from the counts (correct, questions) of each seed."""
    influences = np.zeros((len(seeds), max(len(k) for k, _ in seeds)))
    for s, (k, N) in enumerate(seeds):
        influences[s, : len(k)] = influence(k, N)
    return Trainings(np.array([k.sum() / N.sum() for k, N in seeds]), influences)


def crossed_variance(one: Trainings, other: Trainings | None = None) -> Variance:
    """Variance over seeds and sequences of the mean of `one`, or of its difference from the mean of `other`.

    A single seed on either side says nothing of others: the variance is that over sequences alone, for these trainings
    as they came out.
    """
    groups = [one] if other is None else [one, other]
    R = one.influences.shape[1]
    unbiased = R / max(R - 1, 1)
    difference = one.influences.mean(0) - (0 if other is None else other.influences.mean(0))
    W = unbiased * float((difference**2).sum())
    if min(len(g.accuracies) for g in groups) == 1:
        return Variance(W, R - 1)
    A = [float(g.accuracies.var(ddof=1)) / len(g.accuracies) for g in groups]
    B = unbiased * sum(_covariance_of_seeds(g.influences) for g in groups)
    if other is not None:
        B -= 2 * unbiased * float((one.influences.mean(0) * other.influences.mean(0)).sum())
    B = max(B, 0.0)
    variance = sum(A) + B
    if variance <= W:
        return Variance(W, R - 1)
    squares = sum(a**2 / (len(g.accuracies) - 1) for a, g in zip(A, groups, strict=True)) + B**2 / max(R - 1, 1)
    return Variance(variance, variance**2 / squares)


def _covariance_of_seeds(influences: Floats) -> float:
    """Mean covariance of the accuracies of two different seeds, through the sequences both answered."""
    S = len(influences)
    return float((influences.sum(0) ** 2).sum() - (influences**2).sum()) / (S * (S - 1))


def _score_bounds(k: Floats, N: Floats, z: float) -> tuple[Floats, Floats]:
    middle = (k + z * z / 2) / (N + z * z)
    half = z / (N + z * z) * np.sqrt(k * (N - k) / N + z * z / 4)
    # At the ends the bounds are 0 and 1 exactly; the formula misses them by a rounding error.
    return np.where(k == 0, 0.0, middle - half), np.where(k == N, 1.0, middle + half)


def _floats(low: Floats, high: Floats) -> tuple[float, float]:
    return float(low), float(high)
