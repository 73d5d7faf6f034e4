"""A curve over length in one number, against curves whose number is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from runners.statistics import area, area_interval, effective_length, half_life, half_life_interval

LADDER = [64, 128, 256, 512, 1024]


@pytest.mark.parametrize(
    ("lows", "length"),
    [
        ([0.99, 0.95, 0.93, 0.6, 0.95], 256),  # what rises again does not count
        ([0.99] * 5, 1024),
        ([0.9, 0.99, 0.99, 0.99, 0.99], 0),  # above, not at
        ([0.91, 0.2, 0.1, 0.1, 0.1], 64),
        ([0.99, np.nan, 0.99, 0.99, 0.99], 64),
    ],
)
def test_effective_length_is_the_last_before_the_first_fall(lows: list[float], length: int) -> None:
    assert effective_length(LADDER, lows, 0.9) == length


@given(st.floats(0.2, 3), st.floats(0, 0.4))
def test_half_life_of_a_line_over_log_length(slope: float, floor: float) -> None:
    """Excess that falls by a constant for every doubling: half of it is gone where the line says."""
    assume(abs(slope - 0.5) > 1e-9)
    excess = (1 - floor) * (1 - slope / 4 * np.arange(5))
    found = half_life(LADDER, floor + excess, floor)
    assert found is None if slope < 0.5 else found == pytest.approx(64 * 2 ** (2 / slope), rel=1e-6)


def test_half_life_is_the_first_crossing() -> None:
    assert half_life(LADDER, [1.0, 0.6, 0.8, 0.2, 0.9], 0.0) == pytest.approx(256 * 2**0.5)
    assert half_life(LADDER, [1.0, 0.9, 0.5, 0.5, 0.5], 0.0) == 256


def test_half_life_beyond_the_ladder_and_of_nothing() -> None:
    assert half_life(LADDER, [1.0, 0.9, 0.9, 0.8, 0.51], 0.0) is None
    assert half_life(LADDER, [0.1, 0.1, 0.1, 0.1, 0.1], 0.1) == 0
    assert half_life([64], [0.9], 0.1) is None


def test_half_life_takes_floors_that_change_with_length() -> None:
    """Accuracy that stays while the floor rises to it is lost all the same."""
    assert half_life(LADDER, [0.8] * 5, [0.0, 0.2, 0.4, 0.6, 0.8]) == 256


def test_area_between_floor_and_perfect() -> None:
    assert area(LADDER, [1.0] * 5, 0.2) == 1
    assert area(LADDER, [0.2] * 5, 0.2) == 0
    assert area(LADDER, np.linspace(1, 0.2, 5), 0.2) == pytest.approx(0.5)
    assert area([64], [0.6], 0.2) == pytest.approx(0.5)
    assert area(LADDER, [0.0] * 5, 0.5) == -1


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_area_of_a_finer_ladder_is_the_same(accuracies: list[float]) -> None:
    """Points put on the line between others add nothing."""
    finer = np.interp(np.arange(9) / 2, np.arange(5), accuracies)
    lengths = [int(64 * 2 ** (i / 2)) for i in range(9)]
    assert area(lengths, finer, 0.1) == pytest.approx(area(LADDER, accuracies, 0.1), abs=0.01)


def test_seeds_alike_leave_no_doubt() -> None:
    curves = np.tile([1.0, 0.9, 0.7, 0.4, 0.2], (5, 1))
    assert half_life_interval(LADDER, curves, 0.0) == (half_life(LADDER, curves[0], 0.0),) * 3
    assert area_interval(LADDER, curves, 0.0) == pytest.approx((area(LADDER, curves[0], 0.0),) * 3)


def test_half_life_may_lie_beyond_the_ladder_for_some_seeds() -> None:
    curves = np.array([[1, 1, 1, 1, 0.9], [1, 0.8, 0.6, 0.4, 0.2], [1, 0.7, 0.4, 0.2, 0.1]])
    life, low, high = half_life_interval(LADDER, curves, 0.0)
    assert life is not None
    assert low is not None
    assert low < life
    assert high is None
    assert half_life_interval(LADDER, curves, 0.0, seed=0) == (life, low, high)


def test_area_over_seeds_is_students_t() -> None:
    curves = np.random.default_rng(0).random((6, 5))
    areas = [area(LADDER, curve, 0.1) for curve in curves]
    expected = (np.mean(areas), *stats.t.interval(0.95, 5, np.mean(areas), stats.sem(areas)))
    assert area_interval(LADDER, curves, 0.1) == pytest.approx(expected)


@pytest.mark.parametrize("lengths", [[], [64, 64], [128, 64], [0, 64]])
def test_lengths_that_do_not_rise_are_refused(lengths: list[int]) -> None:
    values = [0.5] * len(lengths)
    for call in (effective_length, half_life, area):
        with pytest.raises(ValueError, match="rising lengths"):
            call(lengths, values, 0.1)


def test_one_seed_has_no_bounds() -> None:
    curve = [1.0, 0.9, 0.7, 0.4, 0.2]
    assert half_life_interval(LADDER, [curve], 0.1) == (half_life(LADDER, curve, 0.1), None, None)
    assert area_interval(LADDER, [curve], 0.1) == (area(LADDER, curve, 0.1), None, None)


def test_floors_of_one_are_refused() -> None:
    with pytest.raises(ValueError, match="below 1"):
        area(LADDER, [1.0] * 5, 1.0)
