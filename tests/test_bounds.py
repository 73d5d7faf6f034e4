"""Floors and ceilings as closed forms, as simulations, and against readers that know less."""

import numpy as np
import pytest

from recall_tasks import MQAR, TASKS, MultiQuery, Needle, Stream, make_task
from recall_tasks.bounds import (
    bag_floor,
    ceiling,
    chance,
    floors,
    item_bits,
    largest_multiplicity,
    position_floor,
    recalled_bits,
)
from recall_tasks.readers import Guess, Position, accuracy

TASK = MQAR(num_pairs=8, num_values=32)
UNEVEN = MultiQuery(num_pairs=4, num_queries=13, values_per_key=3)


@pytest.mark.parametrize("name", TASKS)
def test_a_state_as_large_as_the_payload_can_be_perfect(name):
    task = TASKS[name]()
    payload = task.payload_bits(64)
    assert ceiling(payload, task, 64) == 1.0
    assert ceiling(10 * payload, task, 64) == 1.0
    assert ceiling(0.999 * payload, task, 64) < 1.0
    assert np.isclose(ceiling(0, task, 64), task.chance)


@pytest.mark.parametrize("task", [TASK, UNEVEN, make_task("copy", num_symbols=2)], ids=lambda t: t.name)
def test_recalled_bits_invert_the_ceiling(task):
    payload = task.payload_bits(64)
    bits = np.linspace(0, payload, 41)
    scores = np.array([ceiling(b, task, 64) for b in bits])
    assert (np.diff(scores) > 0).all()
    assert np.allclose([recalled_bits(a, task, 64) for a in scores], bits, atol=1e-6 * payload)
    assert recalled_bits(1, task, 64) == payload
    assert recalled_bits(task.chance, task, 64) == recalled_bits(0, task, 64) == 0


def test_the_ceiling_solves_its_equation():
    for share in (0.1, 0.5, 0.9):
        a = ceiling(share * 40, TASK, 64)
        h = -a * np.log2(a) - (1 - a) * np.log2(1 - a)
        assert np.isclose(5 - h - (1 - a) * np.log2(31), share * 5)


def test_bits_go_to_what_is_asked_most():
    # Whoever spreads its bits evenly over items asked unevenly scores less.
    even = MultiQuery(num_pairs=4, num_queries=12, values_per_key=3)
    assert ceiling(30, UNEVEN, 64) > ceiling(30, even, 64) + 1e-3
    assert np.isclose(ceiling(30, even, 64), ceiling(30, MQAR(num_pairs=12), 64))


def test_no_store_of_some_items_beats_the_ceiling():
    # Keeping k of 8 values whole and guessing the rest is one use of 5 k bits.
    for k in range(1, 8):
        assert ceiling(5 * k, TASK, 64) > k / 8 + (8 - k) / 8 / 32


def test_wrong_bits_and_accuracies_are_refused():
    with pytest.raises(ValueError, match="state_bits must be at least 0, not -1"):
        ceiling(-1, TASK, 64)
    for accuracy_ in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="accuracy must be from 0 to 1"):
            recalled_bits(accuracy_, TASK, 64)


@pytest.mark.parametrize(("draws", "values"), [(1, 5), (2, 2), (8, 32), (64, 16), (100, 3), (300, 4096)])
def test_largest_multiplicity_by_simulation(draws, values):
    counts = np.random.default_rng(0).multinomial(draws, np.full(values, 1 / values), size=20_000 // (1 + values // 99))
    largest = counts.max(axis=1)
    exact = largest_multiplicity(draws, values)
    assert abs(largest.mean() - exact) < 4 * largest.std() / np.sqrt(len(largest)) + 1e-9


def test_largest_multiplicity_in_closed_form():
    assert np.isclose(largest_multiplicity(1, 7), 1)
    assert np.isclose(largest_multiplicity(2, 10), 1 + 1 / 10)
    assert np.isclose(largest_multiplicity(3, 4), (3 * 1 + 2 * 9 + 1 * 6) / 16)
    assert np.isclose(largest_multiplicity(40, 2**20), 1 + 40 * 39 / 2 / 2**20, atol=1e-6)


def test_crossing_off_what_was_shown_helps():
    assert bag_floor(make_task("copy", feedback=True), 64) > 1.8 * bag_floor(make_task("copy"), 64)
    assert bag_floor(make_task("copy", num_tokens=1), 64) == 1


@pytest.mark.parametrize("name", TASKS)
def test_floors_are_above_chance_and_the_same_every_time(name):
    task = TASKS[name]()
    first = floors(task, 64)
    position_floor.cache_clear()
    assert floors(task, 64) == first
    assert list(first) == ["chance", "memoryless", "bag", "position", "recency"]
    assert first["chance"] == chance(task) <= min(first.values())
    assert max(first.values()) <= 1


@pytest.mark.parametrize("task", [TASK, UNEVEN, Needle(num_needles=4, num_asked=2)], ids=lambda t: t.name)
def test_readers_that_know_less_stay_below_the_floors(task):
    batch = Stream(task, 64, "test").rows(0, 4096)
    limits = floors(task, 64)
    guess = accuracy(Guess(np.random.default_rng(0)), batch, task)
    blind = accuracy(Position([Stream(task, 64).rows(0, 256)]), batch, task)
    assert guess < min(limits["bag"], limits["position"])
    assert blind < limits["position"] + 0.02
    assert limits["position"] < limits["bag"] + 0.02, "a fair placement tells nothing about the pair"


def test_counting_is_enough_where_order_is_kept():
    assert position_floor(make_task("copy"), 64) == 1
    assert position_floor(MQAR(placement="distance:20-40"), 64) == 1


def test_the_bits_of_an_item_are_its_share_of_the_recalled_bits():
    for score in (0.0, 0.02, 0.3, 0.9, 1.0):
        assert np.isclose(8 * item_bits(score, 32), recalled_bits(score, TASK, 64), atol=1e-6)
    assert item_bits(1.0, 2) == 1.0
