"""Compositional recall: which keys share which half, and what a reader of one half is left with."""

from collections import Counter, defaultdict
from math import isqrt

import numpy as np
import pytest
from scipy import stats

from recall_tasks import Compositional, Stream
from recall_tasks.bounds import largest_multiplicity


def halves(task: Compositional, rows: int = 4, length: int | None = None) -> np.ndarray:
    """First and second half of each pair in order of writing: [rows, pairs, 2]."""
    tokens = Stream(task, length or task.min_length).rows(0, rows).tokens
    return tokens[:, : 3 * task.num_pairs].reshape(rows, -1, 3)[:, :, :2]


def score(task: Compositional, first: bool, second: bool, rows: int = 512) -> float:
    """Accuracy of voting for every value seen with the first half, the second, or once for each."""
    batch = Stream(task, task.min_length).rows(0, rows)
    right = 0.0
    for tokens, asked, answers in zip(batch.tokens.tolist(), batch.asked.tolist(), batch.answers.tolist(), strict=True):
        votes: dict[int, Counter] = defaultdict(Counter)
        for p in range(0, 3 * task.num_pairs, 3):
            for half in tokens[p : p + 2]:
                votes[half][tokens[p + 2]] += 1
        for t, answer in zip(asked, answers, strict=True):
            heard = Counter()
            for half in (tokens[t - 1],) * first + (tokens[t],) * second:
                heard += votes[half]
            most = [value for value, count in heard.items() if count == max(heard.values())]
            right += (answer in most) / len(most)
    return right / batch.answers.size


def test_a_row_read_by_hand():
    task = Compositional(num_pairs=4, similarity=1, num_keys=3, num_values=4)
    a1, a2, b1, b2, v1, v2, v3 = 2, 3, 5, 6, 8, 9, 10
    row = [a1, b1, v1, a2, b1, v2, a1, b2, v3, a2, b2, v1, 0, a2, b1, a1, b2, 0, a1, b1, a2, b2]
    assert [task.spell(t) for t in row[:3]] == ["a1", "b1", "v1"]
    assert task.solve(row) == {14: v2, 16: v3, 19: v1, 21: v1}


@pytest.mark.parametrize("pairs", [*range(1, 31), 64, 99, 144])
def test_every_half_is_shared_as_said(pairs):
    most = Compositional(num_pairs=1, similarity=0, num_keys=256).at_load(pairs)
    assert most.similarity == 0
    for similarity in range((isqrt(4 * pairs + 1) - 1) // 2 + 1):
        task = Compositional(num_pairs=pairs, similarity=similarity, num_keys=256)
        for row in halves(task):
            assert len(np.unique(row, axis=0)) == pairs, "keys are distinct"
            for half in row.T:
                shared = np.unique(half, return_counts=True)[1]
                assert abs(shared - (similarity + 1)).max() <= 1
                assert (shared > 1).all() or similarity == 0 or pairs in (2, 3, 5)
    with pytest.raises(ValueError, match=f"at most {similarity} among {pairs} pairs, not {similarity + 1}"):
        Compositional(num_pairs=pairs, similarity=similarity + 1, num_keys=256)


def test_the_mend_for_too_much_similarity_works():
    with pytest.raises(ValueError, match=r"\(try --similarity 2 or --num-pairs 30\)"):
        Compositional(num_pairs=9, similarity=5)
    Compositional(num_pairs=9, similarity=2)
    Compositional(num_pairs=30, similarity=5)


def test_a_square_is_a_whole_grid():
    for row in halves(Compositional(num_pairs=16, similarity=3)):
        assert len({(a, b) for a in set(row[:, 0]) for b in set(row[:, 1])} - set(map(tuple, row))) == 0


def test_without_similarity_each_half_stands_alone():
    for row in halves(Compositional(num_pairs=9, similarity=0)):
        assert len(set(row[:, 0])) == len(set(row[:, 1])) == 9


def test_similarity_moves_nothing_else():
    tasks = [Compositional(num_pairs=12, similarity=s) for s in range(4)]
    assert len({(t.vocab_size, t.min_length, t.num_questions(64), t.payload_bits(64)) for t in tasks}) == 1
    assert tasks[3].at_load(8).similarity == 2
    assert tasks[3].at_load(1).similarity == 0


def test_halves_pairs_and_slots_are_drawn_uniformly():
    task = Compositional(num_pairs=4, similarity=1, num_keys=3)
    keys = halves(task, 4096, 22)
    for place in range(4):
        cells = keys[:, place, 0] * 9 + keys[:, place, 1]
        names, counts = np.unique(cells, return_counts=True)
        assert len(names) == 9
        assert stats.chisquare(counts).pvalue > 1e-4
    shared = (keys[:, :1] == keys[:, 1:]) @ [1, 2]
    for other in shared.T:  # has the first half of the first pair, has its second half, or has neither
        assert stats.chisquare(np.bincount(other, minlength=3)).pvalue > 1e-4
    batch = Stream(task, 22).rows(0, 4096)
    order, counts = np.unique(batch.origins, axis=0, return_counts=True)
    assert len(order) == 24
    assert stats.chisquare(counts).pvalue > 1e-4
    slots, counts = np.unique(batch.asked, axis=0, return_counts=True)
    assert len(slots) == 15  # four questions among two blanks
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("fields", [{}, {"num_values": 2}, {"num_pairs": 16, "similarity": 3}, {"similarity": 0}])
def test_one_half_is_worth_one_in_those_that_share_it(fields):
    task = Compositional(**fields)
    shared = task.similarity + 1
    floor = largest_multiplicity(shared, task.num_values) / shared
    for first in (True, False):
        assert abs(score(task, first, not first) - floor) < 0.03


def test_votes_of_both_halves_say_less_the_more_keys_share_them():
    assert abs(score(Compositional(), True, True) - 0.92) < 0.02
    assert abs(score(Compositional(num_pairs=64, similarity=7), True, True, 48) - 0.49) < 0.04


def test_key_alphabets_must_hold_the_halves():
    with pytest.raises(ValueError, match=r"9 halves of a kind need as many keys, not 8 \(try --num-keys 9\)"):
        Compositional(similarity=0, num_keys=8)
    Compositional(similarity=0, num_keys=9)
    for load in range(1, 9):
        Compositional(num_keys=3).at_load(load)


def test_presets_are_whole_grids_within_the_papers_vocabulary():
    for preset in Compositional.presets.values():
        task = Compositional(**preset.fields)
        assert task.num_halves**2 == task.num_pairs
        assert task.vocab_size == 8192
