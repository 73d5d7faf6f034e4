"""The mean accuracy over seeds, for all trainings and all rows there could have been."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from .crossed import NOTHING, spread, trainings
from .rows import cluster_interval, counts, over_rows
from .shares import effective


def across_seeds(
    right_by_seed: Sequence[ArrayLike], asked_by_seed: Sequence[ArrayLike], confidence: float = 0.95
) -> tuple[float, float, float]:
    """Mean accuracy over S seeds and its bounds: Wilson's, as wide as seeds and rows are uncertain (`crossed.spread`).

    right_by_seed, asked_by_seed   S arrays [rows], as for `cluster_interval`; the same row at the same place

    A single seed has the interval of its rows and says nothing of others. Where all rows of all seeds have the
    same share right (all perfect, say), the bounds are Wilson's over the rows of one seed: seeds are tested on
    the same rows, so theirs do not add up.

    Coverage of a nominal 95 %, simulated with 128 rows of 8 questions that differ in how hard they are, beside
    bootstraps (percentiles) of seeds, then rows, drawn anew for each seed or the same for all:

        seeds that are    alike               spread normally     normally, near 1    solving or failing
        3, 5, 10 seeds    .97   .96   .95     .92   .94   .96     .90   .93   .93     .75   .94   .98
        rows for each     .90   .79   .65     .74   .85   .87     .75   .77   .86     .76   .95   .91
        rows for all      .98   .97   .97     .81   .89   .93     .80   .82   .91     .76   .95   .91

    Rows drawn for each seed forget that all seeds were asked the same; a bootstrap of few seeds cannot reach
    beyond them (BCa changes that by .02 at most). Of 3 seeds that solve or fail with even odds a quarter all
    agree: no method sees from those that others differ. At 80 % solving this covers .48, .67, .89 with 3, 5,
    10 seeds: beside such a mean stands how many solved.
    """
    seeds = [counts(k, N) for k, N in zip(right_by_seed, asked_by_seed, strict=True)]
    if not seeds:
        raise ValueError("a mean over seeds needs at least one seed, not 0")
    if len(seeds) == 1:
        k, N = seeds[0]
        return float(k.sum() / N.sum()), *cluster_interval(k, N, confidence)
    found = trainings(seeds)
    variance, freedom = spread(found)
    if variance < NOTHING:
        return found.mean, *over_rows(*min(seeds, key=lambda s: len(s[0])), confidence)
    return found.mean, *effective(found.mean, variance, freedom, confidence)
