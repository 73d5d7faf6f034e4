"""Intervals against closed forms, and against how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from runners.statistics import across_seeds, cluster_interval, share_solved, wilson

Z = 1.959963984540054


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
    with pytest.raises(ValueError, match="0 <= right <= n"):
        wilson(right, n)


def test_rows_of_one_question_give_nearly_the_wilson_interval() -> None:
    right = np.arange(400) % 4 > 0
    np.testing.assert_allclose(cluster_interval(right, np.ones(400)), wilson(300, 400), atol=0.006)


def test_the_same_seed_gives_the_same_bounds() -> None:
    right, asked = np.arange(50) % 5, np.full(50, 4)
    first = cluster_interval(right, asked, seed=3)
    assert first == cluster_interval(right, asked, seed=3) != cluster_interval(right, asked, seed=4)


@pytest.mark.parametrize("share", [0, 2, 4])
def test_rows_that_all_agree_do_not_give_certainty(share: int) -> None:
    low, high = cluster_interval(np.full(30, share), np.full(30, 4))
    assert (low, high) == tuple(float(bound) for bound in wilson(30 * share / 4, 30))
    assert high - low > 0.1


def test_questions_of_a_row_are_not_counted_as_independent() -> None:
    """Rows right in all 16 questions or in none: the interval is that of the rows."""
    right = 16 * (np.arange(100) % 2)
    low, high = cluster_interval(right, np.full(100, 16))
    naive = np.subtract(*reversed(wilson(800, 1600)))
    assert high - low == pytest.approx(np.subtract(*reversed(wilson(50, 100))), rel=0.1)
    assert high - low > 3.5 * naive


def test_cluster_interval_covers_the_truth() -> None:
    """Rows that differ in how hard they are: 95 % of intervals hold the mean, give or take 3.5 %."""
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(300):
        right = rng.binomial(8, rng.beta(1.4, 0.6, 80))
        low, high = cluster_interval(right, np.full(80, 8), seed=seed, resamples=500)
        held += low <= 0.7 <= high
    assert 0.915 <= held / 300 <= 0.985


def test_one_seed_has_the_interval_of_its_rows() -> None:
    right, asked = np.arange(200) % 5, np.full(200, 4)
    mean, low, high = across_seeds([right], [asked])
    assert mean == right.sum() / asked.sum()
    np.testing.assert_allclose((low, high), cluster_interval(right, asked), atol=0.006)


def test_the_mean_is_over_seeds_whatever_their_rows() -> None:
    mean, _, _ = across_seeds([[1, 1], [0, 0, 0, 1]], [[1, 1], [1, 1, 1, 1]])
    assert mean == (1 + 0.25) / 2


def test_seeds_that_disagree_widen_the_interval() -> None:
    rows, asked = np.arange(500) % 10, [np.full(500, 10)] * 5
    _, low, high = across_seeds([rows] * 5, asked)
    _, apart_low, apart_high = across_seeds([np.clip(rows + shift, 0, 10) for shift in (-4, -2, 0, 2, 4)], asked)
    assert apart_high - apart_low > 4 * (high - low)


def test_seeds_that_are_all_perfect_count_their_rows_once() -> None:
    """They answered the same rows, so five seeds are not five times the evidence."""
    perfect = [np.ones(64)] * 5
    assert across_seeds(perfect, perfect) == (1.0, *(float(bound) for bound in wilson(64, 64)))


def test_across_seeds_covers_the_mean_of_all_seeds_there_could_be() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for trial in range(150):
        skill = np.clip(rng.normal(0.6, 0.08, 12), 0, 1)
        right = [rng.binomial(1, p, 60) for p in skill]
        _, low, high = across_seeds(right, [np.ones(60)] * 12, seed=trial, resamples=400)
        held += low <= 0.6 <= high
    assert 0.88 <= held / 150 <= 0.995


def test_three_seeds_that_solve_or_fail_are_too_few() -> None:
    """The documented weakness: a nominal 95 % that covers about 71 %."""
    rng = np.random.default_rng(2)
    held = 0
    for trial in range(150):
        right = [np.r_[np.full(20, solves), 1 - solves] for solves in rng.integers(0, 2, 3)]
        _, low, high = across_seeds(right, [np.ones(21)] * 3, seed=trial, resamples=300)
        held += low <= 0.5 <= high
    assert 0.6 <= held / 150 <= 0.85


def test_share_solved() -> None:
    assert share_solved([True, False, True, True]) == (3, 4, *(float(bound) for bound in wilson(3, 4)))


@pytest.mark.parametrize(
    ("right", "asked", "words"),
    [
        ([], [], "one length"),
        ([1], [1, 2], "one length"),
        ([2], [1], "right <= asked"),
        ([0], [0], "asked >= 1"),
    ],
)
def test_counts_that_cannot_be_are_refused(right: list[int], asked: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cluster_interval(right, asked)


def test_a_mean_over_no_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        across_seeds([], [])
