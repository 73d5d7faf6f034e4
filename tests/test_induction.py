"""Induction: the last mark counts, marks stand anywhere or at a depth, and nothing else tells the answer."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import BLOCK, Induction, Stream


def test_a_row_token_for_token():
    task = Induction(num_occurrences=2, num_symbols=5)
    row = [6, 4, 1, 3, 4, 1, 5, 2, 1]  # s4 s2 | s1 s2 | s3 s0 |
    assert task.solve(row) == {8: 5}
    assert task.solve(row[:8]) == task.solve(row[:6]) == {}
    assert " ".join(map(task.spell, row)) == "s4 s2 | s1 s2 | s3 s0 |"


@pytest.mark.parametrize("depth", [None, 0.0, 0.7, 1.0])
@pytest.mark.parametrize("occurrences", [1, 3])
def test_there_are_so_many_marks_and_each_has_its_token(occurrences, depth):
    task = Induction(num_occurrences=occurrences, depth=depth)
    for length in (task.min_length, 30):
        tokens = Stream(task, length).rows(0, 512).tokens
        marks = tokens == 1
        assert (marks.sum(axis=1) == occurrences + 1).all()
        assert marks[:, -1].all()
        assert not (marks[:, 1:] & marks[:, :-1]).any()
        assert tokens.min() > 0


def test_marks_take_every_arrangement_alike():
    marks = Stream(Induction(2), 7).rows(0, 20 * BLOCK).tokens == 1
    arrangements, counts = np.unique(marks, axis=0, return_counts=True)
    assert len(arrangements) == 6  # two pairs in six tokens
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(
    ("occurrences", "depth", "first"), [(1, 0, 0), (1, 0.5, 14), (1, 1, 28), (3, 0, 4), (3, 1, 28)]
)
def test_the_last_mark_stands_at_its_depth(occurrences, depth, first):
    batch = Stream(Induction(occurrences, depth=depth), 31).rows(0, 64)
    assert (batch.origins == first + 1).all()


def test_marks_before_one_at_a_depth_are_uniform():
    batch = Stream(Induction(2, depth=1.0), 13).rows(0, 20 * BLOCK)
    first = (batch.tokens == 1).argmax(axis=1)
    assert stats.chisquare(np.bincount(first, minlength=9)).pvalue > 1e-3


def test_it_asks_for_one_token_at_any_size():
    assert Induction(num_occurrences=9).payload_bits(10**6) == 5
    with pytest.raises(ValueError, match=r"depth must be from 0 to 1, not 2.0"):
        Induction(depth=2)
    with pytest.raises(ValueError, match=r"num_occurrences must be at least 1, not 0"):
        Induction(0)
