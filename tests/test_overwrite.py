"""The last write wins, and nothing but the order of writes tells which was last."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import Overwrite, Stream
from recall_tasks.bounds import recency_floor
from recall_tasks.generators.bindings import Bindings


def written(batch, task):
    """Keys and values of the writes, in order: both [B, writes]."""
    stop = 2 * task.num_writes
    return batch.tokens[:, 0:stop:2], batch.tokens[:, 1:stop:2]


def first_match(batch, task) -> float:
    """Accuracy of the reader that says the value first bound to the key."""
    keys, values = written(batch, task)
    asked = np.take_along_axis(batch.tokens, batch.asked, axis=1)
    place = np.argmax(keys[:, None, :] == asked[:, :, None], axis=2)
    return float((np.take_along_axis(values, place, axis=1) == batch.answers).mean())


def test_a_row_by_hand():
    task = Overwrite(num_pairs=2, num_updates=2, num_keys=2, num_values=3)
    # .  k0 k1 v0 v1 v2 are 0 to 5
    k0, k1, v0, v1, v2 = range(1, 6)
    assert task.solve([k0, v0, k1, v1, k0, v2, k1, v1, 0, k1, k0]) == {9: v1, 10: v2}
    assert task.min_length == 10


def test_what_holds_at_the_end_is_stored():
    task = Overwrite(num_pairs=5, num_updates=8, num_values=50)
    batch = Stream(task, 40).rows(0, 300)
    keys, values = written(batch, task)
    for row in range(300):
        end = dict(zip(keys[row].tolist(), values[row].tolist(), strict=True))
        stored = batch.stored
        assert end == dict(zip(stored.keys[row].tolist(), stored.values[row].tolist(), strict=True))
        asked = batch.tokens[row, batch.asked[row]].tolist()
        assert [end[key] for key in asked] == batch.answers[row].tolist()


@pytest.mark.parametrize(("pairs", "updates"), [(3, 4), (4, 2), (5, 0), (1, 6), (4, 8)])
def test_updates_are_dealt_like_cards(pairs, updates):
    task = Overwrite(num_pairs=pairs, num_updates=updates)
    keys = np.sort(written(Stream(task, 64).rows(0, 256), task)[0], axis=1)
    each, over = divmod(pairs + updates, pairs)
    for row in keys:
        counts = np.sort(np.unique(row, return_counts=True)[1])
        assert counts.tolist() == [each] * (pairs - over) + [each + 1] * over


def test_every_order_of_writes_is_as_likely():
    task = Overwrite(num_pairs=2, num_updates=2)
    keys, _ = written(Stream(task, 10).rows(0, 6144), task)
    patterns = (keys == keys[:, :1]) @ 2 ** np.arange(4)
    counts = np.unique(patterns, return_counts=True)[1]
    assert len(counts) == 3  # aabb, abab, abba
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_new_value_does_not_depend_on_the_old():
    task = Overwrite(num_pairs=1, num_updates=1, num_values=3)
    _, values = written(Stream(task, 5).rows(0, 6144), task)
    table = np.zeros((3, 3))
    np.add.at(table, tuple((values - task.answers.start).T), 1)
    assert stats.chisquare(table.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("updates", [0, 2, 6, 8, 20])
def test_the_first_match_scores_what_the_docstring_says(updates):
    task = Overwrite(num_pairs=8, num_updates=updates, num_values=4)
    expected = 1 / 4 + 3 / 4 * max(0, 1 - updates / 8)
    assert abs(first_match(Stream(task, 64).rows(0, 2048), task) - expected) < 0.015


def test_the_value_shown_last_scores_what_the_docstring_says():
    assert abs(recency_floor(Overwrite(num_values=4), 64) - (1 / 4 + 3 / 4 / 8)) < 0.015


def test_questions_come_in_any_order_whatever_was_written_last():
    task = Overwrite(num_pairs=3, num_updates=3, num_values=64)
    batch = Stream(task, 20).rows(0, 6144)
    asked = np.take_along_axis(batch.tokens, batch.asked, axis=1)
    for order in (np.argsort(batch.origins, axis=1), np.argsort(asked, axis=1)):
        counts = np.unique(order @ 3 ** np.arange(3), return_counts=True)[1]
        assert len(counts) == 6
        assert stats.chisquare(counts).pvalue > 1e-3
    slots = np.bincount(batch.asked[:, 0])[12:]
    expected = np.array([21, 15, 10, 6, 3, 1]) / 56  # the least of 3 slots of 8
    assert stats.chisquare(slots[:6], expected * 6144).pvalue > 1e-3


def test_without_updates_it_is_mqar():
    task = Overwrite(num_updates=0)
    for tokens in Stream(task, 40).rows(0, 64).tokens.tolist():
        assert task.solve(tokens) == Bindings.solve(task, tokens)
    assert first_match(Stream(task, 40).rows(0, 256), task) == 1.0


def test_load_moves_the_updates_with_it():
    assert Overwrite(num_pairs=8, num_updates=12).at_load(4) == Overwrite(num_pairs=4, num_updates=6)
    assert Overwrite().at_load(1) == Overwrite(num_pairs=1, num_updates=1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_updates": -1}, r"num_updates must be at least 0, not -1"),
        ({"num_pairs": 40}, r"40 pairs need as many keys, not 32 \(try --num-keys 40\)"),
    ],
)
def test_wrong_fields_are_refused_in_words(fields, message):
    with pytest.raises(ValueError, match=message):
        Overwrite(**fields)
