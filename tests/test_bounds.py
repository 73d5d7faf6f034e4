"""Floors and ceilings as closed forms, as simulations, and against readers that know less."""

import numpy as np
import pytest
from cases import cases, middle

from recall_tasks import IGNORE, MQAR, TASKS, MultiQuery, Needle, Stream, Task, bounds, make_task
from recall_tasks.bounds import (
    bag_floor,
    ceiling,
    chance,
    floors,
    item_bits,
    largest_multiplicity,
    memoryless_floor,
    position_floor,
    recalled_bits,
    recency_floor,
)
from recall_tasks.readers import Bag, Guess, Memoryless, Position, Recency, accuracy

CASES = cases(1)
TASK = MQAR(num_pairs=8, num_values=32)
UNEVEN = MultiQuery(num_pairs=4, num_queries=13, values_per_key=3)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].name}-{case[1]}")
def case(request) -> tuple[Task, int]:
    return request.param


# Over the registry


def test_the_ceiling_rises_from_chance_to_one_at_the_payload(case):
    task, length = case
    payload = task.payload_bits(length)
    assert ceiling(payload, task, length) == ceiling(10 * payload, task, length) == 1.0
    scores = [ceiling(share * payload, task, length) for share in np.linspace(0, 1, 5)]
    assert (np.diff(scores) >= -1e-9).all()
    assert scores[0] >= max(task.chance, floors(task, length)["memoryless"] - 0.03) - 1e-9
    held = max(len(shares) for _, shares in task.bottlenecks(length))
    if task.balanced and held * float(task.bits_for(1.0)) <= payload * (1 + 1e-9):  # items tell nothing of others
        assert np.isclose(scores[0], task.chance)
        if not task.derived:
            assert scores[-2] < 1


def test_recalled_bits_are_the_state_that_the_ceiling_needs(case):
    task, length = case
    most = recalled_bits(1, task, length)
    assert recalled_bits(task.chance, task, length) == recalled_bits(0, task, length) == 0
    assert most <= task.payload_bits(length) * (1 + 1e-9)
    assert task.derived or np.isclose(most, task.payload_bits(length))
    score = ceiling(0.6 * most, task, length)
    if task.chance < score < 1 - 1e-9:
        assert np.isclose(recalled_bits(score, task, length), 0.6 * most, rtol=1e-5, atol=1e-6)


def test_a_table_of_some_items_never_beats_the_ceiling(case):
    # It keeps k values whole, of the items written first or last, and guesses the rest: k log2 V bits. That
    # it also knows every key for nothing is to its advantage.
    task, length = case
    if task.derived:
        return  # what its answers rest on is no item: the tasks' own tests have their simulators
    batch = Stream(task, length, "test").rows(0, 512)
    places = np.where(batch.stored.values == IGNORE, 2**30, batch.stored.positions)[:, None, :]
    held = max(len(shares) for _, shares in task.bottlenecks(length))
    for k in sorted({1, held // 4, held // 2, held - 1} - {0, -1}):
        index = (places < batch.origins[:, :, None]).sum(axis=2)
        age = ((places < batch.asked[:, :, None]) & (places > batch.origins[:, :, None])).sum(axis=2)
        for kept in (index < k, age < k):
            hits = np.where(kept, 1.0, task.chance)[batch.asking]
            assert hits.mean() <= ceiling(k * np.log2(task.num_answers), task, length) + 0.02


def test_cut_values_never_beat_the_ceiling(case):
    # It keeps b bits of every value and guesses among those that agree.
    task, length = case
    if not task.derived:
        held, V = max(len(shares) for _, shares in task.bottlenecks(length)), task.num_answers
        for kept in (1, 2, 3):
            if 2**kept <= V:
                assert 2**kept / V <= ceiling(held * kept, task, length) + 1e-9


def test_floors_are_reached_by_their_readers(case):
    task, length = case
    limits = floors(task, length)
    assert list(limits) == ["chance", "memoryless", "bag", "position", "recency"]
    assert limits["chance"] == chance(task) <= min(limits.values())
    assert max(limits.values()) <= 1
    batch = Stream(task, length, "test").rows(0, 1024)
    fitted = [Stream(task, length, "probe").block(b) for b in range(4)]
    readers = {"memoryless": Memoryless(fitted), "bag": Bag(), "position": Position(fitted), "recency": Recency()}
    for name, reader in readers.items():
        right = (reader.answer(batch, task) == batch.answers) & batch.asking
        shares = right.sum(axis=1) / batch.asking.sum(axis=1)
        slack = 5 * shares.std() / np.sqrt(len(shares)) + 0.02
        assert limits[name] - 2 * slack < right.sum() / batch.asking.sum() < limits[name] + slack or (
            limits[name] == task.chance and right.sum() / batch.asking.sum() < task.chance
        )


def test_who_knows_less_scores_less(case):
    # What the bag holds, the position reader holds in order; neither is below a reader that sees nothing.
    task, length = case
    limits = floors(task, length)
    if task.balanced:
        assert limits["memoryless"] < task.chance + 0.06
        assert limits["recency"] <= max(limits["position"], limits["bag"]) + 0.06


@pytest.mark.parametrize("name", ["mqar", "needle", "signal", "mixture"])
def test_floors_are_the_same_every_time(name):
    task = TASKS[name]()
    first = floors(task, middle(task))
    for floor in (position_floor, memoryless_floor, recency_floor):
        floor.cache_clear()
    assert floors(task, middle(task)) == first


# In closed form and by simulation


@pytest.mark.parametrize("task", [TASK, UNEVEN, make_task("copy", num_symbols=2)], ids=lambda t: t.name)
def test_recalled_bits_invert_the_ceiling(task):
    payload = task.payload_bits(64)
    bits = np.linspace(0, payload, 5)
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
    with pytest.raises(ValueError, match="state_bits must be a number of at least 0, not -1"):
        ceiling(-1, TASK, 64)
    for accuracy_ in (-0.1, 1.1, float("nan"), "x"):
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


def test_a_bag_knows_what_counts_tell():
    # Whether a probe was among the samples at all, whose count is highest: no place is needed for that.
    assert floors(make_task("frequency", rank=3), 64)["bag"] == 1
    assert floors(make_task("count_recall"), 64)["bag"] == 1
    assert floors(make_task("delayed_match", num_symbols=1024), 64)["bag"] > 0.99
    assert floors(make_task("n_back", num_symbols=4096), 64)["bag"] > 0.99
    assert floors(make_task("autoencode", feedback=True), 64)["bag"] > 0.4


def test_large_vocabularies_take_no_room():
    assert 0 < floors(make_task("overwrite", num_values=16_000_000), 64)["bag"] < 0.2


@pytest.mark.parametrize("wrong", [(64, MQAR()), (MQAR, 64), ("mqar", 64), (MQAR(num_pairs=2), 64.0)])
def test_a_bound_is_of_a_task_at_a_length(wrong):
    with pytest.raises(ValueError, match=r"a bound is of a task|a whole number"):
        bounds.floors(*wrong)


def test_nothing_stored_is_chance_exactly():
    signal = make_task("signal", None)
    assert bounds.ceiling(0, signal, 64) == signal.chance
