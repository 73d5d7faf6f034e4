"""Compression: places are asked in any order, noise is not counted, never asked, and exact in number."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import BLOCK, Compression, Stream, make_task


def test_a_row_token_for_token():
    task = Compression(num_tokens=3, num_symbols=4, num_places=5, noise=0.4, num_noise=3)
    row = [8, 12, 10, 13, 7, 0, 1, 4, 2, 3]  # s1 f1 s3 f2 s0 . | p2 p0 p1
    assert task.shown == 5
    assert task.solve(row) == {7: 7, 8: 8, 9: 10}
    assert " ".join(map(task.spell, row)) == "s1 f1 s3 f2 s0 . | p2 p0 p1"


def test_every_order_of_questions_is_as_likely():
    batch = Stream(Compression(num_tokens=3), 9).rows(0, 20 * BLOCK)
    orders = np.unique(batch.origins, axis=0, return_counts=True)[1]
    assert len(orders) == 6
    assert stats.chisquare(orders).pvalue > 1e-3


def test_who_is_asked_once_is_uniform():
    batch = Stream(Compression(num_tokens=5, num_asked=1), 12).rows(0, 20 * BLOCK)
    assert stats.chisquare(np.bincount(batch.origins[:, 0], minlength=5)).pvalue > 1e-3


@pytest.mark.parametrize(("noise", "shown"), [(0.0, 8), (0.25, 11), (0.5, 16), (0.8, 40)])
def test_noise_takes_its_share_of_the_sequence_and_nothing_else(noise, shown):
    task = Compression(noise=noise)
    assert task.min_length == shown + 9
    assert task.payload_bits(64) == 40
    batch = Stream(task, 64).rows(0, 4 * BLOCK)
    is_noise = batch.tokens >= task.answers.stop
    assert (is_noise.sum(axis=1) == shown - 8).all()
    assert not is_noise[:, shown:].any()
    assert (batch.tokens[:, shown:55] == 0).all()
    if noise:
        assert stats.chisquare(np.bincount(batch.tokens[is_noise] - task.answers.stop, minlength=16)).pvalue > 1e-3
        counts = np.bincount(batch.stored.positions.ravel(), minlength=shown)
        # Places of a row exclude each other, which shrinks the statistic.
        assert stats.chi2.sf(stats.chisquare(counts).statistic / (1 - 8 / shown), shown - 1) > 1e-3


def test_the_published_sizes():
    mad = make_task("compression", preset="mad")
    assert (mad.num_tokens, mad.num_symbols, mad.min_length) == (31, 15, 63)
    bits = make_task("compression", preset="bsuite_memory_size")
    assert (bits.payload_bits(42), bits.num_questions(42), bits.min_length) == (40, 1, 42)
    assert bits.at_load(7).num_asked == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_tokens": 33}, r"33 symbols need as many places, not 32 \(try --num-places 33\)"),
        ({"num_asked": 9}, r"num_asked must be from 1 to the 8 symbols shown, not 9 \(try --num-asked 8\)"),
        ({"num_asked": 0}, r"num_asked must be from 1"),
        ({"noise": 1.0}, r"noise must be from 0 to below 1, not 1.0"),
        ({"noise": float("nan")}, r"noise must be from 0 to below 1, not nan"),
    ],
)
def test_wrong_fields_are_refused_in_words(fields, message):
    with pytest.raises(ValueError, match=message):
        Compression(**fields)
