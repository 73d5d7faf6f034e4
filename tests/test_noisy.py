"""Noisy recall: how much noise there is, where it stands and what it leaves alone."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from recall_tasks import Noisy, Stream


def test_a_row_read_by_hand():
    task = Noisy(num_pairs=2, num_keys=4, num_values=4, num_noise=5)
    k1, k2, v1, v2, f1, f3 = 2, 3, 6, 7, 10, 12
    row = [f3, k1, v1, 0, f1, f1, k2, v2, k2, f3, 0, k1]
    assert [task.spell(t) for t in row[:4]] == ["f3", "k1", "v1", "."]
    assert task.solve(row) == {8: v2, 11: v1}


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.29, 0.5, 0.75, 0.8, 0.96])
@pytest.mark.parametrize("pairs", [1, 2, 7])
def test_the_share_of_noise_is_exact_and_the_least_length_is_least(noise, pairs):
    task = Noisy(num_pairs=pairs, noise=noise)
    share = Fraction(str(noise))
    for length in (task.min_length, task.min_length + 1, 200 + task.min_length):
        tokens = Stream(task, length).rows(0, 8).tokens
        count = np.isin(tokens, task.fillers).sum(axis=1)
        assert (count == count[0]).all()
        assert Fraction(-1, 2) < count[0] - share * length <= Fraction(1, 2), "rounded, halves up"
        assert ((tokens != 0).sum(axis=1) == count + 3 * pairs).all()
    # One token less leaves fewer than three tokens a pair.
    assert 3 * pairs + task.num_noisy(task.min_length - 1) > task.min_length - 1


def test_noise_is_counted_in_the_decimal_as_written():
    # In floats 0.29 x 50 is just below 14.5 and 0.57 x 50 just below 28.5.
    assert Noisy(noise=0.29).num_noisy(50) == 15
    assert Noisy(noise=0.57).num_noisy(50) == 29
    assert Noisy(noise=0.1).num_noisy(5) == 1


def test_more_noise_moves_nothing_else():
    def drawn(noise):
        return Noisy(noise=noise).draw(np.random.default_rng(5), 64, 120)

    none, some, much = drawn(0), drawn(0.3), drawn(0.8)
    for other in (some, much):
        for name in ("asked", "answers", "origins", "stored_positions", "stored_values"):
            assert np.array_equal(none.arrays()[name], other.arrays()[name])
        meant = none.tokens != 0
        assert np.array_equal(other.tokens[meant], none.tokens[meant])
    assert Noisy(noise=0).vocab_size == Noisy(noise=0.8).vocab_size


def test_pairs_and_questions_take_every_arrangement():
    task = Noisy(num_pairs=2, noise=0.25)
    batch = Stream(task, 8).rows(0, 8192)
    places, counts = np.unique(np.hstack([batch.stored.positions, batch.asked]), axis=0, return_counts=True)
    assert len(places) == 15  # two pairs, then two questions, among two places left
    assert stats.chisquare(counts).pvalue > 1e-4
    first = batch.origins[:, 0] == batch.stored.positions[:, 0]
    assert stats.binomtest(int(first.sum()), 8192).pvalue > 1e-4
    assert (np.take_along_axis(batch.tokens, batch.stored.positions - 1, axis=1) == batch.stored.keys).all()


def test_noise_takes_any_of_the_places_left_and_any_token():
    task = Noisy(num_pairs=1, noise=0.4, num_noise=3)
    batch = Stream(task, 5).rows(0, 4096)  # two of two places left
    assert (batch.tokens != 0).all()
    task = Noisy(num_pairs=1, noise=0.4, num_noise=3, num_keys=1)
    rows = Stream(task, 10).rows(0, 8192)  # four of seven
    left = rows.tokens[~np.isin(rows.tokens, [*task.keys, *task.answers])].reshape(-1, 7)
    assert stats.chisquare(np.bincount(left[left > 0] - task.fillers.start, minlength=3)).pvalue > 1e-4
    patterns, counts = np.unique(left > 0, axis=0, return_counts=True)
    assert len(patterns) == 35
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("noise", [-0.1, 1, 1.0, 3.5, float("nan"), float("inf")])
def test_shares_of_noise_that_leave_nothing_are_refused(noise):
    with pytest.raises(ValueError, match=r"noisy: noise must be from 0 to below 1, not .* \(try --noise 0.8\)"):
        Noisy(noise=noise)


def test_other_wrong_fields_are_refused():
    with pytest.raises(ValueError, match="num_noise must be at least 1, not 0"):
        Noisy(num_noise=0)
    with pytest.raises(ValueError, match=r"33 pairs need as many keys, not 32 \(try --num-keys 33\)"):
        Noisy(num_pairs=33)


def test_presets_have_the_papers_vocabularies():
    # Beside the blank, which the paper has not.
    sizes = {name: Noisy(**preset.fields).vocab_size - 1 for name, preset in Noisy.presets.items()}
    assert {n: s for n, s in sizes.items() if s != 32} == {"mad_vocab_48": 48, "mad_vocab_80": 80, "mad_vocab_144": 144}
