"""Needles stand where they are told to, and the haystack is what it says it is."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import Needle, Stream
from recall_tasks.bounds import bag_floor, ceiling, recency_floor
from recall_tasks.generators.haystack import HAYSTACKS, SENTENCE, chain, text
from recall_tasks.readers import Oracle, accuracy


def test_a_row_by_hand():
    task = Needle(num_needles=2, num_asked=2, values_per_key=2, num_keys=2, num_values=3)
    # . ? k0 k1 v0 v1 v2 are 0 to 6
    mark, k0, k1, v0, v1, v2 = range(1, 7)
    row = [k1, v0, 0, k0, v2, k0, v0, k1, v1, mark, k0, k0, k1, k1]
    assert task.solve(row) == {10: v2, 11: v0, 12: v0, 13: v1}


@pytest.mark.parametrize("haystack", HAYSTACKS)
@pytest.mark.parametrize("depth", [0.0, 0.2, 0.5, 0.77, 1.0])
def test_the_depth_is_exact_at_every_length(haystack, depth):
    task = Needle(num_needles=4, num_asked=2, haystack=haystack, depth=depth)
    for length in (*range(task.min_length, task.min_length + 9), 200):
        batch = Stream(task, length).rows(0, 32)
        hay = length - 3
        assert (batch.origins[:, 0] - 1 == round(depth * (hay - 2))).all()
        assert accuracy(Oracle(), batch, task) == 1.0


@pytest.mark.parametrize("depth", [None, 0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("needles", [1, 2, 3, 5])
def test_the_least_length_is_the_least_that_holds_them(needles, depth):
    task = Needle(num_needles=needles, depth=depth)

    def holds(length: int) -> bool:
        hay = length - 2
        start = 0 if depth is None else round(depth * (hay - 2))
        return hay >= 2 and 1 + start // 2 + (hay - 2 - start) // 2 >= needles

    assert task.min_length == min(length for length in range(60) if holds(length))
    assert all(holds(length) for length in range(task.min_length, 60))


def test_a_chosen_depth_is_asked_first_and_bounds_what_must_be_kept():
    assert Needle(num_needles=4, depth=0.5).payload_bits(64) == 5.0
    assert Needle(num_needles=4, num_asked=2, depth=0.5).payload_bits(64) == 20.0
    (weight, shares), *rest = Needle(num_needles=5, num_asked=3, depth=0.5).bottlenecks(64)
    assert weight == 1
    assert np.allclose(shares, [1 / 3, 1 / 6, 1 / 6, 1 / 6, 1 / 6])
    assert not rest
    assert ceiling(5.0, Needle(num_needles=4, depth=0.5), 64) == 1.0
    assert ceiling(5.0, Needle(num_needles=4), 64) < 0.5


def test_needles_of_a_chosen_depth_leave_the_others_anywhere():
    # In eight tokens the needle at 3 leaves one place before it and two after.
    batch = Stream(Needle(num_needles=2, depth=0.5), 10).rows(0, 6144)
    others = batch.stored.positions.sum(axis=1) - batch.origins[:, 0] - 1
    starts, counts = np.unique(others, return_counts=True)
    assert starts.tolist() == [0, 1, 5, 6]
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("num_fillers", [1, 2, 5, 40])
def test_the_markov_haystack_keeps_its_law(num_fillers):
    counts, first, following = chain(num_fillers)
    assert counts.tolist() == [-(-num_fillers // rank) for rank in range(1, num_fillers + 1)]
    assert np.array_equal(np.bincount(following), counts), "as often left as entered: the law is stationary"
    shown = text(np.random.default_rng(0), 40_000, SENTENCE + 2, num_fillers)
    for column in (0, 1, SENTENCE - 1, SENTENCE + 1):
        seen = np.bincount(shown[:, column], minlength=num_fillers)
        assert num_fillers == 1 or stats.chisquare(seen, 40_000 * counts / counts.sum()).pvalue > 1e-3
    for rank in (0, num_fillers - 1):
        next_ones = shown[shown[:, 4] == rank, 5]
        table = np.bincount(following[first[rank] : first[rank] + counts[rank]], minlength=num_fillers)
        assert not np.bincount(next_ones, minlength=num_fillers)[table == 0].any()
        expected = len(next_ones) * table / table.sum()
        seen = np.bincount(next_ones, minlength=num_fillers)
        assert (table > 0).sum() == 1 or stats.chisquare(seen[table > 0], expected[table > 0]).pvalue > 1e-3


def test_common_fillers_have_many_successors_and_rare_ones_few():
    counts, first, following = chain(1000)
    successors = [len(set(following[f : f + c].tolist())) for f, c in zip(first, counts, strict=True)]
    assert successors[0] > 400
    assert max(successors[500:]) <= 2


@pytest.mark.parametrize("haystack", ["uniform", "markov"])
def test_a_haystack_of_fillers_has_no_blanks_and_every_filler(haystack):
    task = Needle(haystack=haystack, num_fillers=5)
    hay = Stream(task, 64).rows(0, 512).tokens[:, :-2]
    assert set(np.unique(hay)) == {*task.keys, *task.answers, *task.fillers}


def test_one_filler_is_repeated():
    task = Needle(haystack="uniform", num_fillers=1)
    hay = Stream(task, 64).rows(0, 16).tokens[:, :-2]
    assert ((hay == task.fillers.start).sum(axis=1) == 60).all()


def test_a_haystack_of_needles_shows_values_behind_fillers():
    task = Needle(num_needles=3, num_asked=1, haystack="needles", num_values=8, num_fillers=6)
    batch = Stream(task, 61).rows(0, 512)
    hay = batch.tokens[:, :-2]
    value = np.isin(hay, task.answers)
    assert not value[:, 0].any()
    assert not np.isin(hay[:, :-1][value[:, 1:]], task.answers).any(), "every value stands behind a key or filler"
    assert (np.isin(hay, task.keys).sum(axis=1) == 3).all()
    assert not (hay == 0).any()
    behind = hay[:, 1:][np.isin(hay[:, :-1], task.fillers) & value[:, 1:]]
    assert stats.chisquare(np.bincount(behind)[task.answers.start :]).pvalue > 1e-3
    # A filler without a value ends a gap of odd size, and nothing else does.
    lone = np.isin(hay[:, :-1], task.fillers) & ~value[:, 1:]
    assert not np.isin(hay[:, 1:][lone], task.fillers).any()


def test_a_haystack_of_needles_beats_readers_that_match_no_key():
    task, blank = Needle(haystack="needles"), Needle()
    assert bag_floor(blank, 64) == recency_floor(blank, 64) == 1.0
    assert bag_floor(task, 64) < 0.2
    assert recency_floor(task, 64) < 0.2
    assert task.payload_bits(64) == blank.payload_bits(64)


def test_a_row_can_be_all_needles():
    task = Needle(num_needles=31)
    hay = Stream(task, 64).rows(0, 32).tokens[:, :-2]
    assert np.isin(hay[:, 0::2], task.keys).all()
    assert np.isin(hay[:, 1::2], task.answers).all()
