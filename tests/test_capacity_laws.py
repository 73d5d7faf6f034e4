"""Laws of capacity against simulations of what they are about, and fits against curves that are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from sklearn.isotonic import isotonic_regression

from recall_tasks import bounds, make_task
from runners.analysis.capacity import Counts, capacity, crossing, falling, slope
from runners.analysis.capacity_laws import (
    hebbian_accuracy,
    hebbian_capacity,
    hebbian_law,
    information_capacity,
    inverse_capacity,
    square_matrix,
)

LOADS = (1, 2, 4, 8, 16, 32, 64)
SIZES = [(16, 16, 64), (32, 32, 64), (32, 64, 1024)]


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.standard_normal(shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def recalled(pairs: int, d_k: int, d_v: int, V: int, by: str = "sum", questions: int = 3000) -> float:
    """The share of values that one matrix of random pairs gives back: the nearest of V is counted."""
    rng, right, asked = np.random.default_rng(pairs), 0, 0
    while asked < questions:
        keys, values = unit(rng, pairs, d_k), unit(rng, V, d_v)
        shown = rng.integers(V, size=pairs)
        S = keys.T @ values[shown] if by == "sum" else np.linalg.pinv(keys) @ values[shown]
        right += int((((keys @ S) @ values.T).argmax(1) == shown).sum())
        asked += pairs
    return right / asked


@pytest.mark.parametrize("threshold", [0.5, 0.9])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_sum_of_outer_products_holds_what_the_law_says(sizes: tuple[int, int, int], threshold: float) -> None:
    pairs = hebbian_capacity(*sizes, threshold)
    assert recalled(int(0.88 * pairs), *sizes) > threshold > recalled(int(np.ceil(1.12 * pairs)), *sizes)


def test_the_law_of_accuracy_is_that_of_the_matrix_at_any_load() -> None:
    for pairs in (4, 12, 24, 48, 96, 300):
        found = recalled(pairs, 16, 16, 64)
        low, high = (hebbian_accuracy(off * pairs, 16, 16, 64) for off in (1.12, 0.88))
        assert low - 0.01 < found < high + 0.01
    assert hebbian_accuracy(1, 16, 16, 64) == 1


@pytest.mark.parametrize("sizes", [*SIZES, (64, 64, 4096), (128, 128, 64)])
def test_the_formula_lies_below_the_half_point_by_less_than_half(sizes: tuple[int, int, int]) -> None:
    d_k, d_v, V = sizes
    law = hebbian_law(*sizes)
    assert law * 2 * np.log(V) * (1 / V + 1 / d_v) == pytest.approx(d_k)
    assert 0.5 < law / hebbian_capacity(*sizes, 0.5) < 1


def test_a_matrix_by_least_squares_is_perfect_up_to_its_key_size() -> None:
    assert recalled(int(inverse_capacity(24)), 24, 24, 64, by="inverse") == 1
    assert recalled(3 * 24, 24, 24, 64, by="inverse") < 0.9
    assert square_matrix(24 * 24) == 24


@pytest.mark.parametrize("threshold", [0.5, 0.9])
@pytest.mark.parametrize("name", ["mqar", "associative", "copy"])
def test_the_information_capacity_inverts_the_ceiling(name: str, threshold: float) -> None:
    sizes = {"num_keys": 200} if name != "copy" else {}
    task = make_task(name, None, **sizes)
    items = information_capacity(100, task, 400, threshold)
    held, over = (bounds.ceiling(100, task.at_load(n), 400) for n in (int(items), int(items) + 1))
    assert held >= threshold > over
    assert information_capacity(200, task, 400, threshold) == pytest.approx(2 * items)


def test_tasks_without_the_closed_form_have_no_information_capacity() -> None:
    for name in ("in_context", "frequency"):
        assert np.isnan(information_capacity(100, make_task(name, None), 64, 0.9))


def test_laws_refuse_what_cannot_be() -> None:
    task = make_task("mqar", None)
    with pytest.raises(ValueError, match="above chance"):
        information_capacity(100, task, 64, task.chance)
    with pytest.raises(ValueError, match="at least 0"):
        information_capacity(-1, task, 64, 0.5)
    with pytest.raises(ValueError, match="below 1"):
        hebbian_capacity(16, 16, 64, 1.0)
    with pytest.raises(ValueError, match="d_v >= 2"):
        hebbian_law(16, 1, 64)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_falling_is_isotonic_regression(accuracies: list[float]) -> None:
    np.testing.assert_allclose(falling(accuracies), isotonic_regression(accuracies, increasing=False), atol=1e-12)


@given(st.lists(st.integers(0, 1000).map(lambda thousandths: thousandths / 1000), min_size=4, max_size=9))
def test_a_crossing_between_inner_loads_is_that_of_pchip(accuracies: list[float]) -> None:
    """scipy's cubic that rises nowhere is the same where it does not end; at the ends this one takes the secant."""
    x, a = np.arange(len(accuracies), dtype=float), falling(accuracies)
    threshold = (a[1] + a[-2]) / 2
    assume(a[1] - a[-2] > 1e-3)
    there = np.log2(crossing(2**x, a, threshold))
    assert float(PchipInterpolator(x, a)(there)) == pytest.approx(threshold, abs=1e-7)


@pytest.mark.parametrize(
    ("accuracies", "load"),
    [
        ([1, 1, 0.5, 0], 4),
        ([1, 0.75, 0.25, 0], 2 * 2**0.5),
        ([0.8, 0.6, 0.4, 0.2], 2 * 2**0.5),
        ([1, 0.5, 0.5, 0.25], 4),
        ([1, 1, 1, 0.5], np.inf),
        ([1, 1, 1, 1], np.inf),
        ([0.4, 0.3, 0.2, 0.1], 0),
    ],
)
def test_a_crossing_lies_between_the_loads_around_it(accuracies: list[float], load: float) -> None:
    assert crossing([1, 2, 4, 8], accuracies, 0.5) == pytest.approx(load)


def test_one_load_alone_bounds_the_capacity() -> None:
    assert [crossing([4], [accuracy], 0.5) for accuracy in (0.6, 0.4)] == [np.inf, 0]


def drawn(
    half: float, seeds: int = 5, rows: int = 128, spread: float = 0.1, rng: int = 0, loads: tuple[int, ...] = LOADS
) -> Counts:
    """Answers of a memory whose accuracy is 1 / (1 + (load / half)^2), `half` another for each seed by `spread`."""
    draw = np.random.default_rng(rng)
    halves = half * np.exp2(draw.normal(0, spread, seeds))[:, None]
    right = [draw.binomial(load, np.repeat(1 / (1 + (load / halves) ** 2), rows, 1)).astype(float) for load in loads]
    return Counts(loads, tuple(right), tuple(np.full((seeds, rows), float(load)) for load in loads))


@pytest.mark.parametrize("half", [5.0, 8.0, 21.0])
def test_the_capacity_of_a_known_curve_is_found(half: float) -> None:
    counts = drawn(half, spread=0.0, rows=1000)
    for threshold in (0.5, 0.9):
        at = half * (1 / threshold - 1) ** 0.5
        value, low, high = capacity(counts, threshold)
        assert value == pytest.approx(at, rel=0.04)
        assert low <= value <= high < 1.2 * low


def test_what_lies_beyond_the_loads_is_not_made_up() -> None:
    assert capacity(drawn(4000.0), 0.5) == (np.inf, np.inf, np.inf)
    assert capacity(drawn(0.2), 0.5) == (0, 0, 0)
    value, low, high = capacity(drawn(62.0, spread=0.3), 0.5)
    assert low < value
    assert high == np.inf


def test_seeds_that_disagree_widen_the_interval() -> None:
    (_, low, high), (_, wide_low, wide_high) = (capacity(drawn(12, spread=s), 0.5) for s in (0.0, 0.5))
    assert np.log(wide_high / wide_low) > 3 * np.log(high / low)


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_slope_of_a_known_law_is_found(exponent: float) -> None:
    family = [(size, drawn(40 * (size / 512) ** exponent, rng=int(size))) for size in (128.0, 256.0, 512.0)]
    family += [(2.0**20, drawn(4000.0))]
    for threshold in (0.5, 0.9):
        fit = slope(family, threshold)
        assert fit is not None
        assert fit.low < fit.slope < fit.high
        assert fit.slope == pytest.approx(exponent, abs=0.15)
        assert (fit.used, fit.of, fit.smallest, fit.largest) == (3, 4, 128, 512)
        middle = 40 * 0.5**exponent * (1 / threshold - 1) ** 0.5
        assert 2**fit.intercept * 256**fit.slope == pytest.approx(middle, rel=0.12)


def test_a_slope_is_as_uncertain_as_its_ends_and_on_the_same_side() -> None:
    """The larger memory may hold all that was asked and more: then the slope has no upper bound, but a lower one."""
    family = [(128.0, drawn(10.0)), (512.0, drawn(62.0, spread=0.3))]
    (_, small_low, small_high), (_, large_low, large_high) = (capacity(counts, 0.5) for _, counts in family)
    fit = slope(family, 0.5)
    assert fit is not None
    assert large_high == fit.high == np.inf
    assert np.log2(large_low / small_high) / 2 < fit.low < fit.slope < np.log2(large_low / small_low)
    turned = slope([(512.0, family[0][1]), (128.0, family[1][1])], 0.5)
    assert turned is not None
    assert (turned.slope, turned.low, turned.high) == pytest.approx((-fit.slope, -np.inf, -fit.low))


def test_there_is_no_slope_over_one_size() -> None:
    assert slope([(64.0, drawn(8)), (64.0, drawn(9)), (2048.0, drawn(4000.0))], 0.5) is None


def test_counts_refuse_what_they_are_not() -> None:
    counts = drawn(8, loads=(2, 4))
    with pytest.raises(ValueError, match="that rise"):
        dataclasses.replace(counts, loads=(4, 2))
    with pytest.raises(ValueError, match="2 loads need as many counts, not 1"):
        dataclasses.replace(counts, correct=counts.correct[:1])
    with pytest.raises(ValueError, match="of the same seeds"):
        dataclasses.replace(counts, correct=(counts.correct[0], counts.correct[1][:3]))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 12])
def test_intervals_cover_the_capacity(seeds: int) -> None:
    """Seeds spread by a third of an octave: 95 % intervals hold the half point of the mean curve so often."""
    many = np.exp2(np.random.default_rng(9).normal(0, 0.35, 100_000))
    mean = np.array([(1 / (1 + (load / (12 * many)) ** 2)).mean() for load in LOADS])
    truth = crossing(LOADS, mean, 0.5)
    held = 0
    for trial in range(200):
        _, low, high = capacity(drawn(12, seeds, rows=64, spread=0.35, rng=trial), 0.5)
        held += low <= truth <= high
    assert 0.9 <= held / 200 <= 0.985


@pytest.mark.slow
def test_slopes_cover_the_exponent() -> None:
    held = 0
    for trial in range(200):
        family = [
            (size, drawn(0.02 * size, 5, rows=64, spread=0.35, rng=1000 * trial + number))
            for number, size in enumerate((256.0, 512.0, 1024.0))
        ]
        fit = slope(family, 0.5)
        assert fit is not None
        held += fit.low <= 1 <= fit.high
    assert 0.92 <= held / 200 <= 0.99
