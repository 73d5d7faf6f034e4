"""Fuzzy recall: how long keys and values are, that no two keys are one, and what parts of a key say."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from scipy import stats

from recall_tasks import Fuzzy, Stream

MARK = 1


def parsed(task: Fuzzy, tokens: list[int]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The pairs of a row in the order they were written: a key, the mark, a value."""
    marks = [t for t, token in enumerate(tokens) if token == MARK][: task.num_pairs]
    pairs = []
    for mark in marks:
        start, stop = mark, mark + 1
        while start and tokens[start - 1] in task.keys:
            start -= 1
        while stop < len(tokens) and tokens[stop] in task.answers:
            stop += 1
        pairs.append((tuple(tokens[start:mark]), tuple(tokens[mark + 1 : stop])))
    return pairs


def test_a_row_read_by_hand():
    k2, k7, v1, v3, v4 = 4, 9, 11, 13, 14
    shown = [k2, k7, MARK, v1, v4, k7, MARK, v3, 0]
    task = Fuzzy(num_pairs=2, num_keys=8, num_values=8)
    assert [task.spell(t) for t in shown[:4]] == ["k2", "k7", ":", "v1"]
    told = [*shown, k7, MARK, v3, 0, k2, k7, MARK, v1, v4]
    untold = [*shown, k7, MARK, 0, 0, k2, k7, MARK, 0, 0]
    assert task.solve(told) == task.solve(untold) == {10: v3, 15: v1, 16: v4}
    assert task.solve([*told, k7, MARK, v3, k7, MARK, 0]) == {10: v3, 15: v1, 16: v4, 19: v3, 22: v3}


@pytest.mark.parametrize(
    ("pairs", "keys", "values"), [(1, 3, 2), (2, 3, 3), (6, 3, 2), (7, 2, 4), (5, 1, 1), (8, 9, 9)]
)
def test_sizes_are_dealt_like_cards(pairs, keys, values):
    task = Fuzzy(num_pairs=pairs, key_tokens=keys, value_tokens=values, num_keys=5)
    for tokens in Stream(task, task.min_length + 3).rows(0, 64).tokens.tolist():
        read = parsed(task, tokens)
        assert len({key for key, _ in read}) == pairs, "keys are distinct"
        for most, sizes in ((keys, [len(k) for k, _ in read]), (values, [len(v) for _, v in read])):
            counts = [sizes.count(size) for size in range(1, most + 1)]
            assert sum(counts) == pairs
            assert max(counts) - min(counts) <= 1
            assert counts == sorted(counts, reverse=True), "small ones come once more"


def test_sizes_of_a_key_and_of_its_value_are_independent():
    task = Fuzzy(num_pairs=2, key_tokens=2, value_tokens=2)
    table = np.zeros((2, 2, 2))
    for tokens in Stream(task, task.min_length).rows(0, 2048).tokens.tolist():
        (key, value), _ = parsed(task, tokens)
        table[len(key) - 1, len(value) - 1] += 1
    assert stats.chisquare(table[:, :, 0].ravel()).pvalue > 1e-4


def test_keys_of_a_size_are_a_uniform_set_of_strings():
    task = Fuzzy(num_pairs=4, key_tokens=2, num_keys=3)
    sets: Counter = Counter()
    for tokens in Stream(task, task.min_length).rows(0, 4096).tokens.tolist():
        sets[tuple(key for key, _ in parsed(task, tokens) if len(key) == 2)] += 1
    assert len(sets) == 72  # two of nine strings, in either order
    assert stats.chisquare(list(sets.values())).pvalue > 1e-4


def test_every_key_is_asked_once_in_any_order_at_any_place():
    task = Fuzzy(num_pairs=3, key_tokens=1, value_tokens=1)
    batch = Stream(task, 20).rows(0, 4096)
    assert (np.sort(batch.origins, axis=1) == batch.stored.positions).all()
    for array, kinds in ((batch.origins, 6), (batch.asked, 10)):  # orders; three questions among two blanks
        seen, counts = np.unique(array, axis=0, return_counts=True)
        assert len(seen) == kinds
        assert stats.chisquare(counts).pvalue > 1e-4


def test_questions_repeat_the_pair_and_blanks_stand_for_it_without_feedback():
    task = Fuzzy()
    for tokens in Stream(task, 64).rows(0, 128).tokens.tolist():
        shown, again = tokens[: task.min_length // 2], tokens[task.min_length // 2 :]
        words = " ".join(map(str, again))
        assert len(again) - again.count(0) == len(shown)
        for key, value in parsed(task, shown):
            assert " ".join(map(str, (*key, MARK, *value))) in words


def test_feedback_moves_nothing_else():
    told, untold = (Fuzzy(feedback=f).draw(np.random.default_rng(3), 64, 70) for f in (True, False))
    for name in ("asked", "answers", "origins", "stored_positions", "stored_values"):
        assert np.array_equal(told.arrays()[name], untold.arrays()[name])
    differ = told.tokens != untold.tokens
    assert (untold.tokens[differ] == 0).all()
    assert np.array_equal(np.take_along_axis(told.tokens, told.asked + 1, axis=1), told.answers)
    assert (np.take_along_axis(untold.tokens, untold.asked + 1, axis=1) == 0).all()
    assert differ.sum() == told.answers.size


def test_the_last_token_of_a_key_is_not_enough():
    for num_keys, stated in ((4, 0.58), (32, 0.92)):
        task = Fuzzy(num_keys=num_keys)
        batch = Stream(task, task.min_length).rows(0, 1024)
        right = asked = 0.0
        for tokens, targets in zip(batch.tokens.tolist(), batch.targets.tolist(), strict=True):
            ends = defaultdict(Counter)
            for key, value in parsed(task, tokens):
                ends[key[-1]][value[0]] += 1
            for t in range(task.min_length // 2, task.min_length):
                if tokens[t] == MARK:
                    heard = ends[tokens[t - 1]]
                    most = [v for v, count in heard.items() if count == max(heard.values())]
                    right, asked = right + (targets[t] in most) / len(most), asked + 1
        assert abs(right / asked - stated) < 0.02


def test_few_pairs_leave_large_sizes_out():
    # No array may grow with sizes that no row has.
    task = Fuzzy(num_pairs=2, key_tokens=10**6, value_tokens=10**6, num_keys=1)
    assert task.min_length == 16
    assert Stream(task, 16).rows(0, 2).tokens.shape == (2, 16)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_pairs": 13}, r"5 keys of one token need as many keys, not 4 \(try --num-keys 5\)"),
        ({"key_tokens": 0}, r"fuzzy: key_tokens must be at least 1, not 0"),
        ({"num_keys": 64, "key_tokens": 6}, r"64 tokens spell over 2\^31 keys of 6 \(try --key-tokens 5\)"),
        ({"key_tokens": 16}, r"4 tokens spell over 2\^31 keys of 16 \(try --key-tokens 15\)"),
    ],
)
def test_what_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Fuzzy(**fields)


def test_the_largest_alphabets_spell_distinct_keys():
    task = Fuzzy(num_pairs=15, key_tokens=15, num_keys=4)
    for tokens in Stream(task, task.min_length).rows(0, 16).tokens.tolist():
        assert sorted(len(key) for key, _ in parsed(task, tokens)) == list(range(1, 16))
