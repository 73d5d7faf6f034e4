"""Two memories on the same test rows: how far apart, for other trainings and other rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .crossed import NOTHING, Trainings, spread, trainings
from .exact import least_p, signs_flipped, superiority, trainings_exchanged
from .rows import counts, over_rows
from .shares import quantile, tail


@dataclass(frozen=True)
class Difference:
    """One memory's accuracy less another's.

    difference     of means over seeds; low, high: its bounds
    p              of no difference, two-sided; never below `least`, what so many seeds can show at best
    effect         probability of superiority: how often a training of one beats one of the other, ties half;
                   NaN where either has a single training
    seeds, rows    trainings of the memory that has fewer, and test rows
    """

    difference: float
    low: float
    high: float
    p: float
    least: float
    effect: float
    seeds: int
    rows: int


def paired_difference(
    right: ArrayLike, against: ArrayLike, asked: ArrayLike, seed: int = 0, confidence: float = 0.95
) -> Difference:
    """Compare two memories by their right answers to the same rows.

    right, against   [seeds, rows] of one memory and of the other, who may have more seeds or fewer
    asked            [rows], questions asked in each row

    Rows are paired, so what makes a row hard for both cancels; trainings are not, since two memories share
    nothing by having the same seed but their training rows, and pairing would halve the degrees of freedom.
    The interval is t over seeds and rows (`crossed.spread`). The p-value is the larger of that of t, which
    knows of rows but takes the spread of seeds for normal, and that of exchanging trainings, which is exact
    for any spread but knows these rows alone: wrong only where both are. So an interval may leave out 0 where
    p is above .05: with 3 seeds each p is at least .1, and nothing can be shown.
    With a single training on either side the rows alone are uncertain, signs of rows are flipped in place of
    trainings, and what is found holds for these trainings only.

    How often p < .05 between equal memories, simulated with 128 rows of 8 questions of which each memory finds
    other ones hard (exchanging trainings alone, blind to that, says it of seeds alike in .17 and .32):

        seeds that are    alike         spread normally    normally, near 1    solving or failing
        5, 10 seeds       .041  .043    .043  .057         .025  .020          .026  .037

    and of 3 seeds never. The intervals cover 0 in .94 to .99, 3 seeds included. A single seed each, said of
    these trainings, .048; it says nothing of others: taken for memories, .71 where seeds spread normally.
    Raises ValueError where the counts cannot be.
    """
    one, other = (_trainings(k, asked) for k in (right, against))
    difference, (variance, freedom) = one.mean - other.mean, spread(one, other)
    lonely = min(len(one.shares), len(other.shares)) == 1
    if lonely:
        exact, least = _by_rows(right, against), 0.0
    else:
        exact, least = trainings_exchanged(one.shares, other.shares, seed), least_p(len(one.shares), len(other.shares))
    if variance > NOTHING:
        half = quantile(freedom, confidence) * variance**0.5
        low, high, by_t = difference - half, difference + half, tail(difference / variance**0.5, freedom)
    else:
        low, high = _all_alike(one, other, np.asarray(asked, dtype=float), confidence)
        by_t = float(low <= 0 <= high)
    return Difference(
        difference=difference,
        low=max(low, -1.0),
        high=min(high, 1.0),
        p=max(by_t, exact),
        least=least,
        effect=float("nan") if lonely else superiority(one.shares, other.shares),
        seeds=min(len(one.shares), len(other.shares)),
        rows=one.influences.shape[1],
    )


def _trainings(right: ArrayLike, asked: ArrayLike) -> Trainings:
    k = np.asarray(right, dtype=float)
    if k.ndim != 2 or len(k) == 0:
        raise ValueError(f"right answers are an array [seeds, rows] of at least one seed, not {k.shape}")
    return trainings([counts(one, asked) for one in k])


def _by_rows(right: ArrayLike, against: ArrayLike) -> float:
    """Signs of rows flipped, for sums over the seeds; where both have several, for the sums of whole questions."""
    one, other = np.asarray(right), np.asarray(against)
    # Means over seeds times both numbers of seeds are whole.
    return signs_flipped(one.sum(0) * len(other) - other.sum(0) * len(one))


def _all_alike(one: Trainings, other: Trainings, asked: np.ndarray, confidence: float) -> tuple[float, float]:
    """Bounds where no row and no seed differs from another: from Wilson's of both over the rows (Newcombe 1998)."""
    bounds = [over_rows(m.mean * asked, asked, confidence) for m in (one, other)]
    (low, high), (other_low, other_high) = bounds
    difference = one.mean - other.mean
    down = ((one.mean - low) ** 2 + (other_high - other.mean) ** 2) ** 0.5
    up = ((high - one.mean) ** 2 + (other.mean - other_low) ** 2) ** 0.5
    return difference - down, difference + up
