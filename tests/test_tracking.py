"""Controls of state tracking: worked rows, uniform states, how many must be told apart, what a guess scores."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from recall_tasks import IGNORE, Majority, Parity, PermutationState, Stream, make_task
from recall_tasks.bounds import ceiling, memoryless_floor
from recall_tasks.readers import Memoryless, accuracy

TRACKING = [Parity(modulus=3, num_steps=5), PermutationState(num_steps=4), Majority(num_steps=6)]
each_task = pytest.mark.parametrize("task", TRACKING, ids=lambda t: t.name)


def tokens_of(task, words):
    spelled = {task.spell(token): token for token in range(task.vocab_size)}
    return [spelled[word] for word in words.split()]


@pytest.mark.parametrize(
    ("task", "row", "answers"),
    [
        (Parity(num_steps=3), "s1 . s1 . s0 . s1", {2: "s0", 4: "s0", 6: "s1"}),
        (Parity(num_steps=3, modulus=5), "s4 s3 s0 s4", {1: "s2", 2: "s2", 3: "s1"}),
        (PermutationState(num_steps=2), "s102 . s201 . s021", {2: "s210", 4: "s201"}),
        (PermutationState(num_steps=2, num_objects=2), "s10 s10 s10", {1: "s01", 2: "s10"}),
        (Majority(num_steps=3), "s1 . s0 . s0 . s1", {2: "s1", 4: "s0", 6: "s0"}),
        (Majority(num_steps=4), "s0 s1 s1 s0 s0", {1: "s0", 2: "s1", 3: "s1", 4: "s0"}),
    ],
)
def test_rows_worked_by_hand(task, row, answers):
    solved = task.solve(tokens_of(task, row))
    assert {t: task.spell(answer) for t, answer in solved.items()} == answers


@each_task
@pytest.mark.parametrize("length", [10, 23])
def test_symbols_stand_evenly_and_the_last_ends_the_row(task, length):
    batch = Stream(task, length).rows(0, 32)
    (places,) = np.unique(batch.stored.positions, axis=0)
    assert places[-1] == length - 1
    assert np.ptp(np.diff(places)) <= 1
    assert np.array_equal(batch.tokens > 0, np.isin(np.arange(length), places)[None].repeat(32, axis=0))
    assert np.array_equal(batch.asked[0], places[1:])
    assert (batch.origins == places[0]).all()


@each_task
def test_asking_the_last_changes_no_row(task):
    last = make_task(
        task.name, **{**{k: v for k, v in task.spec().items() if k not in ("task", "version")}, "asked": "last"}
    )
    rng = [np.random.default_rng(3) for _ in range(2)]
    every, one = task.draw(rng[0], 40, 20), last.draw(rng[1], 40, 20)
    assert np.array_equal(every.tokens, one.tokens)
    assert np.array_equal(every.answers[:, -1:], one.answers)
    assert (one.targets != IGNORE).sum() == 40


@pytest.mark.parametrize("task", TRACKING[:2], ids=lambda t: t.name)
def test_no_symbol_tells_its_state(task):
    # Symbol and state together are uniform over all pairs, and so are two symbols in turn.
    batch = Stream(task, task.min_length).rows(0, 8192)
    V = task.num_answers
    for step in range(1, task.num_steps + 1):
        for other in (batch.answers[:, step - 1], batch.tokens[:, step - 1]):
            pairs = (batch.tokens[:, step] - 1) * V + other - 1
            assert stats.chisquare(np.bincount(pairs, minlength=V * V)).pvalue > 1e-5


def test_permutations_of_three_do_not_commute_and_all_are_spelled():
    task = PermutationState(num_objects=3)
    assert [task.spell(token) for token in task.answers] == ["s012", "s021", "s102", "s120", "s201", "s210"]
    one, other = tokens_of(task, "s012 s102 s021"), tokens_of(task, "s012 s021 s102")
    assert task.solve(one)[2] != task.solve(other)[2]


def test_ties_favour_neither_symbol():
    task = Majority(num_steps=5)
    for row in product((1, 2), repeat=6):
        mirrored = [3 - symbol for symbol in row]
        assert task.solve(mirrored) == {t: 3 - answer for t, answer in task.solve(list(row)).items()}


def states_to_tell_apart(num_symbols: int) -> int:
    """The most classes, over the time, of prefixes whose answers agree whatever follows."""
    task = Majority(num_steps=num_symbols - 1)
    most = 0
    for shown in range(1, num_symbols):
        classes = set()
        for prefix in product((1, 2), repeat=shown):
            futures = product((1, 2), repeat=num_symbols - shown)
            solved = (task.solve([*prefix, *future]) for future in futures)
            classes.add(tuple(tuple(s[t] for t in range(shown, num_symbols)) for s in solved))
        most = max(most, len(classes))
    return most


@pytest.mark.parametrize("num_symbols", range(2, 9))
def test_the_payload_of_majority_counts_its_states(num_symbols):
    payload = Majority(num_steps=num_symbols - 1).payload_bits(num_symbols)
    assert np.isclose(2**payload, states_to_tell_apart(num_symbols))


@pytest.mark.parametrize("num_steps", [1, 2, 4, 7])
def test_majority_without_memory_is_its_closed_form(num_steps):
    task = Majority(num_steps=num_steps, asked="last")
    rows = np.array(list(product((1, 2), repeat=num_steps + 1)))
    right = np.mean([task.solve(row.tolist())[num_steps] == row[-1] for row in rows])
    assert np.isclose(max(right, 1 - right), task.floors[-1])
    assert task.balanced == (task.floors[-1] == 0.5)


def test_ceilings_of_no_bits_are_no_lower_than_a_guess():
    for task in (*TRACKING, Majority(num_steps=2), Majority(num_steps=2, asked="last")):
        fitted = Memoryless(Stream(task, 32).block(b) for b in range(8))
        score = accuracy(fitted, Stream(task, 32, "test").rows(0, 2048), task)
        assert ceiling(0, task, 32) > score - 0.03
        assert np.isclose(ceiling(task.payload_bits(32), task, 32), 1)
    last = Majority(num_steps=2, asked="last")
    assert np.isclose(ceiling(0, last, 32), 0.75)
    assert abs(memoryless_floor(last, 32) - 0.75) < 0.03


def test_states_cost_what_they_are():
    assert Parity().payload_bits(64) == 1
    assert Parity(modulus=8).payload_bits(64) == 3
    assert np.isclose(PermutationState(num_objects=5).payload_bits(64), np.log2(120))


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("parity", {"modulus": 1}, "modulus must be at least 2, not 1"),
        ("parity", {"num_steps": 0}, "num_steps must be at least 1, not 0"),
        ("parity", {"asked": "first"}, "unknown asked 'first': choose one of every, last"),
        ("permutation", {"num_objects": 9}, "num_objects must be from 2 to 8, not 9"),
        ("majority", {"num_steps": 0}, "num_steps must be at least 1, not 0"),
    ],
)
def test_wrong_fields_are_refused_in_words(name, fields, message):
    with pytest.raises(ValueError, match=message):
        make_task(name, **fields)
