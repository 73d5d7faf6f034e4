"""In-context recall: what comes back, how often, and how much is held when it does."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import InContext, Stream
from recall_tasks.readers import Recency, accuracy


def held_when_asked(batch) -> np.ndarray:
    """Pairs written before each question: [B, Q]."""
    return (batch.stored.positions[:, None, :] < batch.asked[:, :, None]).sum(axis=2)


def test_a_row_read_by_hand():
    task = InContext(num_pairs=2, num_queries=3, num_keys=4, num_values=4)
    k1, k2, v1, v2 = 2, 3, 6, 7
    row = [k1, v1, 0, k1, v1, k2, v2, 0, 0, k1, v1, k2, v2]
    assert [task.spell(t) for t in row[:3]] == ["k1", "v1", "."]
    assert task.solve(row) == {3: v1, 9: v1, 11: v2}


def test_a_row_is_slots_of_a_key_and_its_value_and_blanks():
    task = InContext(num_pairs=3, num_queries=5)
    batch = Stream(task, 23).rows(0, 256)
    for tokens, targets in zip(batch.tokens.tolist(), batch.targets.tolist(), strict=True):
        shown = [t for t in tokens if t]
        keys, values = shown[::2], shown[1::2]
        assert len(keys) == len(values) == 8
        assert all(k in task.keys for k in keys)
        assert len(set(zip(keys, values, strict=True))) == len(set(keys)) == 3
        seen: set[int] = set()
        for t, token in enumerate(tokens):
            if token in task.keys:
                assert targets[t] == (tokens[t + 1] if token in seen else -100)
                seen.add(token)


def test_which_slots_are_new_is_uniform():
    task = InContext(num_pairs=3, num_queries=2)
    batch = Stream(task, 10).rows(0, 4096)
    assert (batch.stored.positions[:, 0] == 1).all(), "without blanks the first slot opens the row, and is new"
    patterns, counts = np.unique(batch.asked, axis=0, return_counts=True)
    assert len(patterns) == 6  # two of four slots
    assert stats.chisquare(counts).pvalue > 1e-4


def test_slots_lie_anywhere():
    batch = Stream(InContext(num_pairs=2, num_queries=1), 9).rows(0, 4096)
    keys = np.isin(batch.tokens, list(InContext().keys))
    arrangements, counts = np.unique(keys, axis=0, return_counts=True)
    assert len(arrangements) == 20  # three slots among three blanks
    assert stats.chisquare(counts).pvalue > 1e-4


def test_what_comes_back_is_uniform_over_what_was_seen():
    batch = Stream(InContext(num_pairs=4, num_queries=6), 24).rows(0, 4096)
    held = held_when_asked(batch)
    item = (batch.stored.positions[:, None, :] < batch.origins[:, :, None]).sum(axis=2)
    for pairs in (2, 3, 4):
        assert stats.chisquare(np.bincount(item[held == pairs], minlength=pairs)).pvalue > 1e-4


@pytest.mark.parametrize(("pairs", "queries"), [(1, 3), (4, 1), (4, 6), (7, 20)])
def test_every_number_of_pairs_held_weighs_the_same(pairs, queries):
    task = InContext(num_pairs=pairs, num_queries=queries)
    batch = Stream(task, task.min_length + 9).rows(0, 4096)
    held = held_when_asked(batch)
    law = task.bottlenecks(64)
    assert [len(shares) for _, shares in law] == list(range(1, pairs + 1))
    for number, (weight, shares) in enumerate(law, start=1):
        per_row = (held == number).mean(axis=1)
        assert abs(per_row.mean() - weight) < 5 * per_row.std() / 64 + 1e-9
        assert np.allclose(shares, 1 / number)


def test_shares_are_the_bottlenecks_put_together():
    task = InContext(num_pairs=5)
    mixed = sum(weight * np.pad(shares, (0, 5 - len(shares))) for weight, shares in task.bottlenecks(64))
    assert np.allclose(task.shares, mixed)
    batch = Stream(task, 64).rows(0, 4096)
    hits = (batch.origins[:, :, None] == batch.stored.positions[:, None, :]).mean(axis=(0, 1))
    assert np.allclose(hits, mixed, atol=0.01)


def test_naming_a_value_that_is_held_is_right_as_often_as_said():
    # The value shown last is one of those held: right in the mean of 1, 1/2, .., 1/8, and by chance besides.
    task = InContext(num_values=4096)
    score = accuracy(Recency(), Stream(task, 64).rows(0, 2048), task)
    assert abs(score - sum(1 / c for c in range(1, 9)) / 8) < 0.01


@pytest.mark.parametrize(("length", "queries"), [(128, 56), (256, 120), (512, 248), (1024, 504)])
def test_longer_rows_of_the_paper_bind_no_more(length, queries):
    name = "mad" if length == 128 else f"mad_length_{length}"
    preset = InContext.presets[name]
    task = InContext(**preset.fields)
    assert preset.length == task.min_length == length
    assert (task.num_queries, task.payload_bits(length)) == (queries, 24)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_queries": 0}, r"in_context: num_queries must be at least 1, not 0"),
        ({"num_pairs": 40}, r"40 pairs need as many keys, not 32 \(try --num-keys 40\)"),
        ({"num_values": 1}, r"num_values must be at least 2, not 1"),
    ],
)
def test_what_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        InContext(**fields)
