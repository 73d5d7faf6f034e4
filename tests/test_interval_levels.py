"""Every interval recipe has the level it says: its bounds are those of a second, independent formula at 95 %.

Each formula is written for one small case, with quantiles of its own: a recipe at any other level misses it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from runners import statistics
from runners.analysis.capacity import Counts, capacity, slope
from runners.probe.information import usable_bits
from runners.probe.interventions import difference
from runners.statistics import (
    across_seeds,
    area,
    area_interval,
    cluster_interval,
    combine_intervals,
    crossed_interval,
    fraction_over_seeds,
    fraction_solved,
    half_life,
    half_life_interval,
    iqm,
    iqm_interval,
    number_over_seeds,
    paired_difference,
    wilson,
)

Floats = NDArray[np.float64]
Bounds = tuple[float, float]
RNG = np.random.default_rng(0)
LADDER = [64, 128, 256, 512]
CURVES = np.sort(RNG.random((5, 4)))[:, ::-1]
SCORES = np.array([0.11, 0.25, 0.42, 0.5, 0.71, 0.93])
FRACTIONS = np.array([0.4, 0.5, 0.7])


def normal(mean: float, variance: float) -> Bounds:
    return stats.norm.interval(0.95, mean, variance**0.5)


def student(values: Floats) -> Bounds:
    return stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))


def rejected(fraction: float, variance: float, quantile: float) -> Bounds:
    """The two p at which |fraction - p| is `quantile` standard errors, the variance scaled to p (1 - p)."""
    scale = variance / (fraction * (1 - fraction))

    def excess(p: float) -> float:
        return float((fraction - p) ** 2 - quantile**2 * scale * p * (1 - p))

    return optimize.brentq(excess, 0, fraction, xtol=1e-14), optimize.brentq(excess, fraction, 1, xtol=1e-14)


def t(freedom: float) -> float:
    return float(stats.t.ppf(0.975, freedom))


def by_enumeration(summary: Callable[[Floats], float], seeds: Floats) -> Bounds:
    """The 2.5 % and 97.5 % points over every sample of the seeds with replacement, all as likely."""
    every = np.array([summary(seeds[list(sample)]) for sample in product(range(len(seeds)), repeat=len(seeds))])
    low, high = np.quantile(every, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)


def exact_wilson(correct: int, n: int) -> Bounds:
    bounds = stats.binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return bounds.low, bounds.high


def line(loads: tuple[int, int], fractions: tuple[float, float], threshold: float) -> float:
    """Load at which a line over log2 load between two points falls to the threshold."""
    (a, b), (x, y) = fractions, np.log2(loads)
    return float(2 ** (x + (a - threshold) / (a - b) * (y - x)))


def counts(*correct: int, n: int = 200) -> Counts:
    """One seed of n sequences of one question at loads 1 and 64."""
    answers = tuple((np.arange(n) < k).astype(float)[None] for k in correct)
    return Counts((1, 64), answers, (np.ones((1, n)),) * 2)


def capacity_bounds(*correct: int, n: int = 200) -> Bounds:
    (low, high), (other_low, other_high) = (exact_wilson(k, n) for k in correct)
    return line((1, 64), (low, other_low), 0.5), line((1, 64), (high, other_high), 0.5)


def slope_bounds() -> Bounds:
    """Two memories an octave apart in size: the slope is the difference of their log2 capacities (Zou, Donner 2008)."""
    values = [np.log2(line((1, 64), (k / 200, m / 200), 0.5)) for k, m in ((180, 40), (190, 60))]
    (low, high), (other_low, other_high) = (np.log2(capacity_bounds(*k)) for k in ((180, 40), (190, 60)))
    down = np.hypot(values[1] - other_low, high - values[0])
    up = np.hypot(other_high - values[1], values[0] - low)
    return values[1] - values[0] - down, values[1] - values[0] + up


def fitted_slope() -> Bounds:
    fit = slope([(1024.0, counts(180, 40)), (2048.0, counts(190, 60))], 0.5)
    assert fit is not None
    return fit.low, fit.high


def same_sequences_bounds() -> Bounds:
    """Seeds' variance and that of one seed's sequences, by its 95 % bounds of +/- .1; freedom after Satterthwaite."""
    own, seeds = (0.1 / stats.norm.ppf(0.975)) ** 2, FRACTIONS.var(ddof=1) / 3
    return rejected(FRACTIONS.mean(), own + seeds, t((own + seeds) ** 2 / (seeds**2 / 2)))


def solve_or_fail_bounds() -> Bounds:
    """The wider of t over seeds and of Wilson's fraction of those that solve, on either side."""
    seeds = np.array([0.95, 0.95, 0.95, 0.2])
    by_t = rejected(seeds.mean(), seeds.var(ddof=1) / 4, t(3))
    low, high = (0.2 + 0.75 * bound for bound in exact_wilson(3, 4))
    return min(by_t[0], low), max(by_t[1], high)


def welch() -> Bounds:
    x, y = np.array([40, 44, 47, 39, 45]) / 50, np.array([30, 42, 28, 35, 50]) / 50
    interval = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.95)
    return interval.low, interval.high


def seeds_apart() -> Bounds:
    ones = np.ones(60)
    x, y = (np.array(k)[:, None] * ones for k in ([40, 44, 47, 39, 45], [30, 42, 28, 35, 50]))
    found = paired_difference(x, y, 50 * ones)
    return found.low, found.high


def all_perfect() -> Bounds:
    """Both memories perfect on 64 sequences: Newcombe's bounds from Wilson's."""
    perfect = np.full((4, 64), 8)
    found = paired_difference(perfect, perfect, perfect[0])
    return found.low, found.high


LOG_PROBA = np.log(RNG.dirichlet([1, 1, 1, 1], (40, 1)))
LABELS = RNG.integers(0, 4, (40, 1))


def bits() -> Bounds:
    found = usable_bits(LOG_PROBA, np.full((1, 4), np.log(0.25)), LABELS)
    return float(found.low[0]), float(found.high[0])


def bits_bounds() -> Bounds:
    """Normal over sequences; below, over one sequence more that is as wrong as any could be."""
    saved = 2 + np.take_along_axis(LOG_PROBA[:, 0], LABELS, 1)[:, 0] / np.log(2)
    worst = np.append(saved, 2 + LOG_PROBA.min() / np.log(2))
    return normal(worst.mean(), worst.var(ddof=1) / 41)[0], normal(saved.mean(), saved.var(ddof=1) / 40)[1]


BEFORE, AFTER = np.arange(60) < 45, (np.arange(60) < 20) | (np.arange(60) >= 55)


def drop() -> Bounds:
    found = difference("drop", BEFORE, AFTER)
    return found["drop_low"], found["drop_high"]


def drop_bounds() -> Bounds:
    """Wald's bounds of a paired difference with one pair added on either side (Bonett and Price 2012)."""
    pairs = np.r_[BEFORE.astype(int) - AFTER, 1, -1]
    return normal(pairs.mean(), pairs.var() / 62)


RIGHT = RNG.binomial(8, RNG.beta(3, 3, 50))
RECIPES: dict[str, tuple[Callable[[], tuple[object, ...]], Callable[[], Bounds], float]] = {
    "wilson": (lambda: wilson(31, 50), lambda: exact_wilson(31, 50), 1e-9),
    "fraction_solved": (lambda: fraction_solved([True] * 3 + [False])[-2:], lambda: exact_wilson(3, 4), 1e-9),
    "cluster_interval": (
        lambda: cluster_interval(RIGHT, np.full(50, 8)),
        lambda: rejected(RIGHT.mean() / 8, (RIGHT / 8).var(ddof=1) / 50, t(49)),
        1e-9,
    ),
    "cluster_interval, all alike": (
        lambda: cluster_interval(np.full(30, 2), np.full(30, 4)),
        lambda: exact_wilson(15, 30),
        1e-9,
    ),
    "across_seeds": (  # sequences of a seed are alike, so that seeds are all that varies
        lambda: across_seeds([np.full(60, k) for k in (4, 5, 7)], [np.full(60, 10)] * 3)[1:],
        lambda: rejected(FRACTIONS.mean(), FRACTIONS.var(ddof=1) / 3, t(2)),
        1e-9,
    ),
    "across_seeds, all that solve or fail": (  # 3 of 4 solved: Wilson's fraction moves the mean between .2 and .95
        lambda: across_seeds([np.full(99, k) for k in (19, 19, 19, 4)], [np.full(99, 20)] * 4)[1:],
        solve_or_fail_bounds,
        1e-9,
    ),
    "across_seeds, all that solve": (
        lambda: across_seeds([np.full(99, 20)] * 4, [np.full(99, 20)] * 4)[1:],
        lambda: exact_wilson(4, 4),
        1e-9,
    ),
    "crossed_interval, one": (
        lambda: crossed_interval([RIGHT], [np.full(50, 8)])[1:],
        lambda: rejected(RIGHT.mean() / 8, (RIGHT / 8).var(ddof=1) / 50, t(49)),
        1e-9,
    ),
    "crossed_interval, all alike": (
        lambda: crossed_interval([np.full(30, 2)] * 3, [np.full(30, 4)] * 3)[1:],
        lambda: exact_wilson(15, 30),
        1e-9,
    ),
    "paired_difference": (seeds_apart, welch, 1e-9),
    "paired_difference, all alike": (
        all_perfect,
        lambda: (-(1 - exact_wilson(64, 64)[0]), 1 - exact_wilson(64, 64)[0]),
        1e-9,
    ),
    "number_over_seeds": (lambda: number_over_seeds(SCORES)[1:], lambda: student(SCORES), 1e-9),
    "fraction_over_seeds": (
        lambda: fraction_over_seeds(FRACTIONS, FRACTIONS - 0.1, FRACTIONS + 0.1)[1:],
        lambda: rejected(FRACTIONS.mean(), FRACTIONS.var(ddof=1) / 3, t(2)),
        1e-9,
    ),
    "fraction_over_seeds, same sequences": (
        lambda: fraction_over_seeds(FRACTIONS, FRACTIONS - 0.1, FRACTIONS + 0.1, same_sequences=True)[1:],
        same_sequences_bounds,
        1e-9,
    ),
    "combine_intervals": (
        lambda: combine_intervals([1, -1], SCORES[:2], *np.array([normal(x, 0.01) for x in SCORES[:2]]).T)[1:],
        lambda: normal(SCORES[0] - SCORES[1], 0.02),
        1e-9,
    ),
    "area_interval": (
        lambda: area_interval(LADDER, CURVES, 0.1)[1:],
        lambda: student(np.array([area(LADDER, curve, 0.1) for curve in CURVES])),
        1e-9,
    ),
    "half_life_interval": (
        lambda: half_life_interval(LADDER, CURVES, 0.0)[1:],
        lambda: by_enumeration(lambda sample: half_life(LADDER, sample.mean(0), 0.0) or np.inf, CURVES),
        6,
    ),
    "iqm_interval": (
        lambda: iqm_interval([SCORES])[1:],
        lambda: by_enumeration(lambda sample: float(iqm(sample)), SCORES),
        0.015,
    ),
    "capacity": (lambda: capacity(counts(180, 40), 0.5)[1:], lambda: capacity_bounds(180, 40), 1e-6),
    "slope": (fitted_slope, slope_bounds, 1e-6),
    "usable_bits": (bits, bits_bounds, 1e-6),
    "difference of paired answers": (drop, drop_bounds, 1e-6),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_bounds_are_those_of_95_percent(recipe: str) -> None:
    interval, formula, slack = RECIPES[recipe]
    low, high = (float(bound) for bound in interval())  # type: ignore[arg-type]
    assert (low, high) == pytest.approx(formula(), abs=slack)


def test_no_recipe_is_left_out() -> None:
    """Every function of runners.statistics that has a level of its own is among the recipes."""
    own = {
        name
        for name, member in vars(statistics).items()
        if callable(member) and "confidence" in inspect.signature(member).parameters
    }
    assert own <= {recipe.partition(",")[0] for recipe in RECIPES}
