"""Intervals and tests against closed forms, and against how often they hold the truth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from runners.statistics import (
    across_seeds,
    cluster_interval,
    combine_intervals,
    crossed_interval,
    fraction_solved,
    holm,
    iqm,
    iqm_interval,
    least_p,
    number_over_seeds,
    paired_difference,
    seeds_to_show,
    signs_flipped,
    superiority,
    trainings_exchanged,
    wilson,
)
from runners.statistics.intervals import Trainings, crossed_variance, trainings

Z = 1.959963984540054
Q = 8
Counts = NDArray[np.int64]
Spread = Callable[[np.random.Generator, int], NDArray[np.float64]]


def floats(bounds: tuple[object, ...]) -> tuple[float, ...]:
    return tuple(float(b) for b in bounds)  # type: ignore[arg-type]


def logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))


def answers(rng: np.random.Generator, skill: NDArray[np.float64], hard: NDArray[np.float64]) -> Counts:
    """Right answers [seeds, rows] of Q questions a row: seeds differ by skill, rows by how hard they are for all."""
    return rng.binomial(Q, logistic(skill[:, None] + hard + rng.normal(0, 0.4, (len(skill), len(hard)))))


def bootstrap_of_sequences(k: Counts, N: Counts, resamples: int, seed: int = 0) -> NDArray[np.float64]:
    """Accuracies [resamples, seeds] of counts [seeds, sequences] over resampled sequences, the same for all seeds."""
    R = len(N)
    times = np.random.default_rng(seed).multinomial(R, np.full(R, 1 / R), size=resamples)
    return np.asarray(times @ k.T / (times @ N)[:, None])


def cluster_bootstrap(k: Counts, N: Counts, resamples: int, seed: int = 0) -> tuple[float, float]:
    """Percentiles over sequences: the second opinion on `cluster_interval`."""
    low, high = np.quantile(bootstrap_of_sequences(k[None], N, resamples, seed), [0.025, 0.975])
    return float(low), float(high)


def seeds_bootstrap(k: Counts, N: Counts, resamples: int, seed: int = 0) -> tuple[float, float]:
    """Percentiles over seeds and sequences (the pigeonhole bootstrap, Owen 2007): second opinion on `across_seeds`."""
    by_seed = bootstrap_of_sequences(k, N, resamples, seed)
    sampled = np.random.default_rng(seed + 1).integers(len(k), size=by_seed.shape)
    low, high = np.quantile(np.take_along_axis(by_seed, sampled, 1).mean(1), [0.025, 0.975])
    return float(low), float(high)


def alike(rng: np.random.Generator, seeds: int) -> NDArray[np.float64]:
    return np.ones(seeds)


def normal(rng: np.random.Generator, seeds: int) -> NDArray[np.float64]:
    return 1 + rng.normal(0, 0.5, seeds)


def solve_or_fail(rng: np.random.Generator, seeds: int) -> NDArray[np.float64]:
    return np.where(rng.random(seeds) < 0.5, 4.0, -4.0)


# One run


def test_wilson_bounds_solve_the_score_equation() -> None:
    """Both bounds p satisfy |right / n - p| = z sqrt(p (1 - p) / n), which defines them."""
    right, n = np.array([1, 8, 250, 511]), np.array([7, 10, 300, 512])
    for p in wilson(right, n):
        np.testing.assert_allclose(np.abs(right / n - p), Z * np.sqrt(p * (1 - p) / n), rtol=1e-9)


def test_wilson_at_the_ends_is_one_sided() -> None:
    low, high = wilson([0, 20], [20, 20])
    assert low[0] == 0
    assert high[1] == 1
    assert high[0] == pytest.approx(Z**2 / (20 + Z**2)) == 1 - low[1]


def test_wilson_widens_with_confidence() -> None:
    low, high = wilson(8, 10, confidence=0.5)
    assert wilson(8, 10)[0] < low < 0.8 < high < wilson(8, 10)[1]


@pytest.mark.parametrize(("right", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_wilson_refuses_counts_that_cannot_be(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="0 <= correct <= n"):
        wilson(right, n)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_cannot_be_is_refused(confidence: float) -> None:
    counts = ([3, 1], [4, 4])
    for call in (
        lambda: wilson(3, 4, confidence),
        lambda: cluster_interval(*counts, confidence),
        lambda: across_seeds([counts[0]] * 2, [counts[1]] * 2, confidence),
        lambda: iqm_interval([[0.3, 0.4]], confidence=confidence),
    ):
        with pytest.raises(ValueError, match=r"between 0 and 1, not .*0\.95"):
            call()


def test_fraction_solved() -> None:
    assert fraction_solved([True, False, True, True]) == (3, 4, *floats(wilson(3, 4)))


def test_rows_of_one_question_have_the_wilson_interval() -> None:
    assert cluster_interval(np.arange(400) % 4 > 0, np.ones(400)) == floats(wilson(300, 400))


def test_rows_of_many_questions_have_the_t_interval_in_the_middle() -> None:
    """Where rows are many: mean -/+ t x standard error, and the bootstrap agrees."""
    right = np.random.default_rng(0).binomial(Q, np.random.default_rng(1).beta(3, 3, 2000))
    low, high = cluster_interval(right, np.full(2000, Q))
    t = stats.t.interval(0.95, 1999, right.mean() / Q, stats.sem(right / Q))
    np.testing.assert_allclose((low, high), t, atol=2e-5)
    np.testing.assert_allclose((low, high), cluster_bootstrap(right, np.full(2000, Q), 800), atol=1.5e-3)


@pytest.mark.parametrize("share", [0, 2, 4])
def test_rows_that_all_agree_do_not_give_certainty(share: int) -> None:
    low, high = cluster_interval(np.full(30, share), np.full(30, 4))
    assert (low, high) == floats(wilson(30 * share / 4, 30))
    assert high - low > 0.1


def test_questions_of_a_row_are_not_counted_as_independent() -> None:
    """Rows right in all 16 questions or in none: the interval is that of the rows."""
    right = 16 * (np.arange(100) % 2)
    low, high = cluster_interval(right, np.full(100, 16))
    naive = np.subtract(*reversed(wilson(800, 1600)))
    assert high - low == pytest.approx(np.subtract(*reversed(wilson(50, 100))), rel=0.02)
    assert high - low > 3.5 * naive


@pytest.mark.parametrize(("a", "b", "least"), [(1.4, 0.6, 0.93), (1.98, 0.02, 0.86)])
def test_cluster_interval_covers_the_truth(a: float, b: float, least: float) -> None:
    """Rows that differ in how hard they are, 128 of them, at .7 and at .99."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        low, high = cluster_interval(rng.binomial(Q, rng.beta(a, b, 128)), np.full(128, Q))
        held += low <= a / (a + b) <= high
    assert least <= held / 1000 <= 0.98


def test_the_bootstrap_covers_less_near_one() -> None:
    """Why `cluster_interval` is not a bootstrap."""
    rng = np.random.default_rng(0)
    held = np.zeros(2)
    for seed in range(200):
        right, asked = rng.binomial(Q, rng.beta(1.98, 0.02, 64)), np.full(64, Q)
        bounds = cluster_interval(right, asked), cluster_bootstrap(right, asked, 200, seed)
        held += [low <= 0.99 <= high for low, high in bounds]
    assert held[1] < 180 < held[0]


@pytest.mark.parametrize(
    ("right", "asked", "words"),
    [
        ([], [], "one length"),
        ([1], [1, 2], "one length"),
        ([2], [1], "correct <= questions"),
        ([0], [0], "questions >= 1"),
    ],
)
def test_counts_that_cannot_be_are_refused(right: list[int], asked: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cluster_interval(right, asked)


def test_the_same_seed_gives_the_same_bounds() -> None:
    scores = [[0.1, 0.5, 0.8], [0.3, 0.2, 0.9]]
    assert iqm_interval(scores, seed=3) == iqm_interval(scores, seed=3) != iqm_interval(scores, seed=4)


# Over seeds


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("solving", [0.2, 0.5, 0.8])
def test_a_mean_of_trainings_that_solve_or_fail_is_covered(solving: float, seeds: int) -> None:
    """As documented: .94 or more, where t over 3 and 5 seeds covers .49 and .67 unless odds are even."""
    rng, truth = np.random.default_rng(seeds), solving * 0.995 + (1 - solving) * 0.1
    held = np.zeros(2)
    for _ in range(200):
        skill = np.where(rng.random(seeds) < solving, 0.995, 0.1)
        right = rng.binomial(Q, np.broadcast_to(skill[:, None], (seeds, 32)))
        intervals = (f(right, np.full_like(right, Q)) for f in (across_seeds, crossed_interval))
        held += [low <= truth <= high for _, low, high in intervals]
    assert held[0] >= 0.92 * 200
    assert held[1] < 0.8 * 200 or seeds == 10 or solving == 0.5


def test_a_training_between_solving_and_failing_says_that_trainings_spread() -> None:
    rows = [np.full(64, k) for k in (19, 20, 15)], [np.full(64, 20)] * 3
    assert across_seeds(*rows) == crossed_interval(*rows)


def test_one_seed_has_the_interval_of_its_rows() -> None:
    right, asked = np.arange(200) % 5, np.full(200, 4)
    assert crossed_interval([right], [asked]) == (right.sum() / asked.sum(), *cluster_interval(right, asked))


def test_seeds_alike_on_other_rows_each_would_have_the_t_interval_of_seeds() -> None:
    """Where rows share nothing the crossed variance is that of the seeds' means: Student's t over seeds."""
    rng = np.random.default_rng(0)
    right = rng.binomial(1, np.clip(rng.normal(0.5, 0.1, 6), 0, 1)[:, None], (6, 4000))
    mean, low, high = crossed_interval(right, np.ones((6, 4000)))
    t_low, t_high = stats.t.interval(0.95, 5, right.mean(), stats.sem(right.mean(1)))
    assert mean == pytest.approx(right.mean())
    np.testing.assert_allclose((low, high), (t_low, t_high), atol=0.006)


def test_seeds_that_are_copies_are_one_seed() -> None:
    """Rows are the same for all seeds, so copies add no evidence."""
    right, asked = np.arange(300) % 9, np.full(300, 8)
    np.testing.assert_allclose(
        crossed_interval([right] * 5, [asked] * 5), crossed_interval([right], [asked]), rtol=1e-12
    )


def test_seeds_that_are_all_perfect_count_their_rows_once() -> None:
    perfect = [np.ones(64)] * 5
    assert crossed_interval(perfect, perfect) == (1.0, *floats(wilson(64, 64)))


def test_seeds_that_cancel_row_by_row_are_not_certain() -> None:
    _, low, high = crossed_interval([[1, 0] * 20, [0, 1] * 20], np.ones((2, 40)))
    assert (low, high) == floats(wilson(20, 40))


def test_the_mean_is_over_seeds_whatever_their_rows() -> None:
    mean, low, high = crossed_interval([[1, 1], [0, 0, 0, 1]], [[1, 1], [1, 1, 1, 1]])
    assert mean == (1 + 0.25) / 2
    assert 0 <= low < mean < high <= 1


def test_seeds_that_disagree_widen_the_interval() -> None:
    rows, asked = np.arange(500) % 10, [np.full(500, 10)] * 5
    _, low, high = crossed_interval([rows] * 5, asked)
    _, apart_low, apart_high = crossed_interval([np.clip(rows + shift, 0, 10) for shift in (-4, -2, 0, 2, 4)], asked)
    assert apart_high - apart_low > 4 * (high - low)


def test_a_mean_over_no_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        crossed_interval([], [])


def covered(interval: Callable[[Counts, Counts, int], tuple[float, ...]], spread: Spread, S: int, trials: int) -> float:
    """How often the last two of `interval(right, asked, trial)` hold the mean over all trainings and all rows."""
    rng = np.random.default_rng(S)
    many = 200_000
    truth = logistic(spread(rng, many) + rng.normal(0, 1.0, many) + rng.normal(0, 0.4, many)).mean()
    held = 0
    for trial in range(trials):
        low, high = interval(answers(rng, spread(rng, S), rng.normal(0, 1.0, 96)), np.full(96, Q), trial)[-2:]
        held += low <= truth <= high
    return held / trials


def ours(right: Counts, asked: Counts, trial: int) -> tuple[float, ...]:
    return crossed_interval(right, [asked] * len(right))


def bootstrap(right: Counts, asked: Counts, trial: int) -> tuple[float, ...]:
    return seeds_bootstrap(right, asked, 300, trial)


@pytest.mark.parametrize(
    ("spread", "seeds", "least", "most"),
    [
        (alike, 3, 0.93, 0.995),
        (alike, 10, 0.92, 0.985),
        (normal, 5, 0.90, 0.985),
        (normal, 10, 0.92, 0.985),
        (solve_or_fail, 3, 0.68, 0.82),
        (solve_or_fail, 5, 0.89, 0.98),
    ],
)
def test_crossed_interval_covers(spread: Spread, seeds: int, least: float, most: float) -> None:
    """As its documentation says, the known weakness of 3 seeds that solve or fail included."""
    assert least <= covered(ours, spread, seeds, 400) <= most


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spread", "seeds", "of_ours", "of_bootstrap"),
    [
        (alike, 3, 0.965, 0.98),
        (alike, 5, 0.955, 0.97),
        (normal, 3, 0.92, 0.80),
        (normal, 5, 0.94, 0.885),
        (normal, 10, 0.955, 0.93),
        (solve_or_fail, 3, 0.75, 0.75),
        (solve_or_fail, 10, 0.98, 0.91),
    ],
)
def test_coverage_is_as_documented(spread: Spread, seeds: int, of_ours: float, of_bootstrap: float) -> None:
    for interval, trials, said in ((ours, 1500, of_ours), (bootstrap, 600, of_bootstrap)):
        chance = 3 * np.sqrt(said * (1 - said) / trials)
        assert covered(interval, spread, seeds, trials) == pytest.approx(said, abs=0.005 + chance)


# The interquartile mean


@pytest.mark.parametrize("n", [4, 8, 40])
def test_iqm_is_the_trimmed_mean_where_a_quarter_is_whole(n: int) -> None:
    x = np.random.default_rng(n).normal(size=(3, n))
    np.testing.assert_allclose(iqm(x), stats.trim_mean(x, 0.25, axis=1))


@pytest.mark.parametrize(
    ("values", "middle"),
    [([3.0], 3), ([1, 2], 1.5), ([0, 1, 5], (0.25 * 0 + 1 + 0.25 * 5) / 1.5), ([9, 0, 1, 2, 4], (0.75 + 2 + 3) / 2.5)],
)
def test_iqm_counts_the_values_at_its_edges_in_part(values: list[float], middle: float) -> None:
    assert iqm(values) == pytest.approx(middle)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=11))
def test_iqm_of_four_copies_of_each_value_is_the_iqm(values: list[float]) -> None:
    """Which fixes the fractional weights: four of each have whole quarters."""
    assert float(iqm(values)) == pytest.approx(float(stats.trim_mean(np.repeat(values, 4), 0.25)), abs=1e-12)


def test_iqm_draws_seeds_within_their_task() -> None:
    """Tasks whose seeds agree leave nothing to draw, however far apart tasks are."""
    assert iqm_interval([[0.1] * 5, [0.5] * 5, [0.6] * 5, [0.9] * 5]) == pytest.approx((0.55,) * 3)
    middle, low, high = iqm_interval([[0.1, 0.2, 0.3], [0.5, 0.7]])
    assert low < middle < high


def test_iqm_of_nothing_is_refused() -> None:
    for nothing in ([], [[]], [[0.5], []]):
        with pytest.raises(ValueError, match="at least one"):
            iqm_interval(nothing)


# Exact tests


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_flipped_signs_are_counted_one_by_one(differences: list[int]) -> None:
    flipped = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=len(differences))]
    assert signs_flipped(differences) == pytest.approx(np.mean(np.array(flipped) >= abs(sum(differences))))


def test_one_question_a_row_gives_mcnemars_exact_test() -> None:
    won, lost = 14, 4
    differences = np.r_[np.ones(won), -np.ones(lost), np.zeros(80)]
    assert signs_flipped(differences) == pytest.approx(stats.binomtest(won, won + lost).pvalue)


def test_flipped_signs_need_whole_questions() -> None:
    with pytest.raises(ValueError, match="whole questions"):
        signs_flipped([0.5])


def test_exchanged_trainings_agree_with_another_implementation() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.6, 0.1, 5), rng.normal(0.5, 0.1, 4)
    theirs = stats.permutation_test((x, y), lambda a, b, axis: np.abs(a.mean(axis) - b.mean(axis)), n_resamples=np.inf,
                                    alternative="greater", vectorized=True).pvalue  # fmt: skip
    assert trainings_exchanged(x, y) == pytest.approx(theirs)


@pytest.mark.parametrize(("seeds", "least"), [(2, 1 / 3), (3, 0.1), (4, 2 / 70), (5, 2 / 252)])
def test_trainings_that_are_all_better_reach_the_least_p(seeds: int, least: float) -> None:
    assert trainings_exchanged(np.linspace(0.8, 0.9, seeds), np.linspace(0.1, 0.2, seeds)) == least_p(seeds, seeds)
    assert least_p(seeds, seeds) == pytest.approx(least)


def test_of_many_trainings_exchanges_are_drawn() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.55, 0.1, 12), rng.normal(0.5, 0.1, 12)
    exact = stats.ttest_ind(x, y).pvalue
    assert trainings_exchanged(x, y, seed=1) == trainings_exchanged(x, y, seed=1) == pytest.approx(exact, abs=0.02)
    assert trainings_exchanged(x + 9, y) == least_p(12, 12) == 1 / 20_001


def test_how_many_seeds_a_claim_takes() -> None:
    assert [seeds_to_show(claims) for claims in (1, 2, 6, 7, 23, 24)] == [4, 5, 5, 6, 6, 7]


def test_holm_by_hand() -> None:
    """The smallest times 4, the next times 3, ... and never below the one before."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1, 1])
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_p_and_bonferroni(p: list[float]) -> None:
    raised = holm(p)
    assert np.all(raised >= p)
    assert np.all(raised <= np.minimum(1, np.multiply(p, len(p))))
    assert min(raised) == pytest.approx(min(1, len(p) * min(p)))


def test_superiority_counts_ties_half() -> None:
    assert superiority([0.9, 0.8], [0.1, 0.8]) == (1 + 1 + 1 + 0.5) / 4
    assert superiority([0.5], [0.5]) == 0.5


# Two memories on the same rows


def test_what_is_hard_for_both_cancels() -> None:
    """Rows differ widely, memories by one question in every tenth row: pairing sees it, marginal intervals overlap."""
    rng = np.random.default_rng(0)
    worse = rng.integers(0, Q, (1, 400))
    better = worse + (rng.random(400) < 0.1)
    asked = np.full(400, Q)
    found = paired_difference(better, worse, asked)
    assert found.low > 0
    assert found.p < 1e-6
    assert cluster_interval(better[0], asked)[0] < cluster_interval(worse[0], asked)[1]


def test_one_training_each_gives_the_t_interval_of_paired_rows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, Q + 1, (2, 1, 200))
    found = paired_difference(x, y, np.full(200, Q))
    test = stats.ttest_rel(x[0] / Q, y[0] / Q)
    np.testing.assert_allclose((found.low, found.high), test.confidence_interval(), rtol=1e-9)
    assert found.p == pytest.approx(max(test.pvalue, signs_flipped(x[0] - y[0])))
    assert np.isnan(found.effect)


def test_trainings_that_differ_alone_give_welchs_test() -> None:
    """Rows all alike: what is left is Welch's t over the seeds, held against the exact test."""
    x, y = np.array([[40], [44], [47], [39], [45]]), np.array([[30], [42], [28], [35], [50]])
    rows = np.ones(60, dtype=int)
    found = paired_difference(x * rows, y * rows, 50 * rows)
    welch = stats.ttest_ind(x[:, 0] / 50, y[:, 0] / 50, equal_var=False)
    np.testing.assert_allclose((found.low, found.high), welch.confidence_interval(), rtol=1e-9)
    assert found.p == pytest.approx(max(welch.pvalue, trainings_exchanged(x, y)))


def test_the_difference_changes_sign_with_its_order() -> None:
    rng = np.random.default_rng(0)
    x, y, asked = rng.integers(0, Q + 1, (5, 50)), rng.integers(0, Q, (3, 50)), np.full(50, Q)
    one, other = paired_difference(x, y, asked), paired_difference(y, x, asked)
    assert (one.difference, one.low, one.high, one.effect) == pytest.approx(
        (-other.difference, -other.high, -other.low, 1 - other.effect)
    )
    assert (one.p, one.seeds, one.num_sequences, one.least) == (other.p, 3, 50, 1 / 56)


def test_memories_that_are_both_perfect_are_not_certain_to_be_equal() -> None:
    perfect = np.full((4, 64), Q)
    found = paired_difference(perfect, perfect, perfect[0])
    assert found.low == -found.high
    assert 0.05 < found.high < 0.07
    assert (found.difference, found.p, found.effect) == (0, 1, 0.5)
    apart = paired_difference(perfect, 0 * perfect, perfect[0])
    assert (apart.high, apart.p, apart.effect) == (1, least_p(4, 4), 1)
    assert apart.low > 0.9


def test_three_seeds_cannot_show_a_difference() -> None:
    """However clear: the interval leaves 0 out, and p says .1."""
    rng = np.random.default_rng(0)
    good, bad = rng.binomial(Q, 0.95, (3, 100)), rng.binomial(Q, 0.2, (3, 100))
    found = paired_difference(good, bad, np.full(100, Q))
    assert found.low > 0.6
    assert found.p == found.least == pytest.approx(0.1)


def test_right_answers_of_one_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[seeds, sequences\]"):
        paired_difference([1, 0], [[1, 0]], [1, 1])


def mistaken(spread: Spread, seeds: int, trials: int) -> tuple[float, float]:
    """Between equal memories, each with rows it finds hard: how often p < .05, and how often the interval holds 0."""
    rng = np.random.default_rng(seeds)
    asked, wrong, held = np.full(96, Q), 0, 0
    for _ in range(trials):
        hard = rng.normal(0, 1.0, 96)
        found = paired_difference(
            *(answers(rng, spread(rng, seeds), hard + rng.normal(0, 0.5, 96)) for _ in range(2)), asked
        )
        wrong += found.p < 0.05
        held += found.low <= 0 <= found.high
    return wrong / trials, held / trials


@pytest.mark.parametrize(("spread", "seeds"), [(alike, 1), (alike, 5), (normal, 5), (solve_or_fail, 5), (normal, 3)])
def test_equal_memories_are_rarely_told_apart(spread: Spread, seeds: int) -> None:
    wrong, held = mistaken(spread, seeds, 400)
    assert wrong <= (0.075 if seeds != 3 else 0)
    assert held >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("spread", [alike, normal, solve_or_fail])
@pytest.mark.parametrize("seeds", [4, 5, 8])
def test_a_level_of_5_percent_is_kept(spread: Spread, seeds: int) -> None:
    wrong, held = mistaken(spread, seeds, 1500)
    assert wrong <= 0.065
    assert held >= 0.93


# The variance of seeds that share their sequences

CORRECT = np.array([8, 5, 0, 7, 2, 8, 1, 6], dtype=float)


def seeds_of(*correct: NDArray[np.float64]) -> Trainings:
    return trainings([(k, np.full(8, 8.0)) for k in correct])


def test_sequences_that_are_as_hard_for_both_add_nothing_to_a_difference() -> None:
    one, other = seeds_of(CORRECT, CORRECT, CORRECT), seeds_of(CORRECT, CORRECT)
    assert crossed_variance(one).value > 0.01
    assert crossed_variance(one, other).value == pytest.approx(0, abs=1e-15)


def test_sequences_that_are_hard_for_one_where_they_are_easy_for_the_other_count_four_times() -> None:
    one, other = seeds_of(CORRECT, CORRECT), seeds_of(8 - CORRECT, 8 - CORRECT)
    assert crossed_variance(one, other).value == pytest.approx(4 * crossed_variance(one).value)


def test_superiority_is_the_statistic_of_mann_and_whitney() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.integers(0, 6, 5) / 5, rng.integers(0, 6, 7) / 5
        assert superiority(x, y) == pytest.approx(stats.mannwhitneyu(x, y).statistic / 35)


def test_combined_intervals_of_symmetric_ones_add_squares() -> None:
    total, low, high = combine_intervals([2, -1], [0.5, 0.3], [0.4, 0.1], [0.6, 0.5])
    assert (total, high - total, total - low) == pytest.approx((0.7, np.hypot(0.2, 0.2), np.hypot(0.2, 0.2)))
    _, low, high = combine_intervals([1, -1, 0], [0.5, 0.3, 9], [0.4, 0.1, -np.inf], [np.inf, 0.5, np.inf])
    assert (low, high) == (pytest.approx(0.2 - np.hypot(0.1, 0.2)), np.inf)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_t_over_seeds_holds_where_some_solved_and_some_did_not(seeds: int) -> None:
    """Where all came out alike it holds for such trainings alone, which is why tables say how many solved."""
    rng, covered = np.random.default_rng(seeds), dict[bool, list[bool]]({True: [], False: []})
    for _ in range(600):
        solved = rng.random(seeds) < 0.8
        values = np.where(solved, rng.normal(0.97, 0.01, seeds), rng.normal(0.25, 0.05, seeds))
        _, low, high = number_over_seeds(values)
        if solved.any():
            truth = 0.97 if solved.all() else 0.8 * 0.97 + 0.2 * 0.25
            covered[bool(solved.all())].append(low <= truth <= high)
    assert all(np.mean(hits) > 0.9 for hits in covered.values())
