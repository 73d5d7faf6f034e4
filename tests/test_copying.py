"""Copying, selective copying: orders, repeats, noise, and what a later round rests on."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import BLOCK, SelectiveCopy, Stream, make_task
from recall_tasks.bounds import bag_floor, ceiling
from recall_tasks.generators.copying import Copy
from recall_tasks.readers import Position, accuracy


def test_a_row_token_for_token():
    once = Copy(num_tokens=3, num_symbols=4, repeats=2, order="reverse", feedback=True)
    row = [3, 5, 2, 0, 1, 2, 5, 3, 2, 5]  # s1 s3 s0 . | s0 s3 s1 s0 s3
    assert once.solve(row) == dict(zip(range(4, 10), [2, 5, 3, 2, 5, 3], strict=True))
    assert " ".join(map(once.spell, row[:5])) == "s1 s3 s0 . |"
    assert Copy(num_tokens=3, num_symbols=4).solve([3, 5, 2, 0, 1, 0, 0]) == {4: 3, 5: 5, 6: 2}


@pytest.mark.parametrize("name", ["copy", "selective_copy"])
@pytest.mark.parametrize("repeats", [1, 3])
def test_reverse_order_turns_each_round_around(name, repeats):
    task = make_task(name, num_tokens=4, repeats=repeats, order="reverse")
    batch = Stream(task, task.min_length + 3).rows(0, 64)
    assert np.array_equal(batch.answers, np.tile(batch.stored.values[:, ::-1], repeats))
    assert np.array_equal(batch.origins, np.tile(batch.stored.positions[:, ::-1], repeats))


@pytest.mark.parametrize("name", ["copy", "selective_copy"])
@pytest.mark.parametrize("repeats", [1, 2])
def test_feedback_shows_the_answer_before(name, repeats):
    without = Stream(make_task(name, repeats=repeats), 40).rows(0, 64)
    shown = Stream(make_task(name, repeats=repeats, feedback=True), 40).rows(0, 64)
    asks = 8 * repeats
    assert np.array_equal(shown.tokens[:, 1 - asks :], shown.answers[:, :-1])
    assert (without.tokens[:, 1 - asks :] == 0).all()
    assert (shown.tokens[:, -asks] == 1).all()


def test_repeats_ask_no_more_to_be_stored():
    once, often = Copy(), Copy(repeats=5)
    assert often.payload_bits(64) == once.payload_bits(64) == 40
    assert often.num_questions(64) == 40
    assert ceiling(20, often, 64) == ceiling(20, once, 64)
    assert bag_floor(often, 64) == bag_floor(once, 64)


def test_with_feedback_a_later_round_rests_on_one_symbol_less():
    # The token that begins a later round shows the symbol which that round asks last.
    task = Copy(num_tokens=4, repeats=3, feedback=True)
    assert [(round(12 * w), len(s)) for w, s in task.bottlenecks(64)] == [(4, 4), (6, 3), (2, 2)]
    assert not task.independent
    assert Copy(repeats=3).independent
    assert Copy(feedback=True).independent
    # A queue of three symbols and the tokens shown: all of the later rounds, half of the bits of the first.
    three = 3 * 5
    assert ceiling(three, task, 64) > (3 + 8) / 12 > ceiling(three, Copy(num_tokens=4), 64)


def test_a_single_symbol_is_not_asked_where_it_is_shown():
    with pytest.raises(ValueError, match=r"copy: feedback shows a single symbol .* \(try --num-tokens 2 or"):
        Copy(num_tokens=1, repeats=2, feedback=True)
    assert Copy(num_tokens=1, repeats=2).num_questions(3) == 2


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("copy", {"feedback": 1}, r"feedback takes true or false, not 1"),
        ("copy", {"num_tokens": 0}, r"num_tokens must be at least 1, not 0"),
        ("copy", {"repeats": 0}, r"repeats must be at least 1, not 0"),
        ("copy", {"order": "backward"}, r"unknown order 'backward': choose one of forward, reverse"),
        ("selective_copy", {"num_symbols": 1}, r"num_symbols must be at least 2, not 1"),
        ("selective_copy", {"num_fillers": -1}, r"num_fillers must be at least 0, not -1"),
    ],
)
def test_wrong_fields_are_refused_in_words(name, fields, message):
    with pytest.raises(ValueError, match=message):
        make_task(name, **fields)


def test_selective_copying_scatters_its_symbols_uniformly():
    batch = Stream(SelectiveCopy(num_tokens=3), 12).rows(0, 20 * BLOCK)
    counts = np.bincount(batch.stored.positions.ravel(), minlength=9)
    # Places of a row exclude each other, which shrinks the statistic by 1 - 3/9.
    assert stats.chi2.sf(stats.chisquare(counts).statistic / (1 - 3 / 9), 8) > 1e-3


@pytest.mark.parametrize("feedback", [False, True])
def test_noise_fills_every_blank_before_the_delimiter_and_none_after(feedback):
    task = SelectiveCopy(num_tokens=3, num_symbols=4, num_fillers=5, feedback=feedback)
    batch = Stream(task, 20).rows(0, 4 * BLOCK)
    before = batch.tokens[:, :17]
    noise = before >= 6
    assert (noise.sum(axis=1) == 14).all()
    assert stats.chisquare(np.bincount(before[noise] - 6, minlength=5)).pvalue > 1e-3
    assert (batch.tokens[:, 17] == 1).all()
    assert batch.tokens[:, 18:].max() < 6
    assert [task.spell(t) for t in (5, 6, 10)] == ["s3", "f0", "f4"]


def test_position_reader_knows_the_order_and_no_more():
    batch = Stream(make_task("copy", order="reverse", repeats=2), 30).rows(0, 256)
    assert accuracy(Position([batch]), batch, make_task("copy")) == 1.0


def test_the_mad_baseline_is_its_own():
    task = make_task("selective_copy", preset="mad")
    assert task.vocab_size == 16
    assert make_task("selective_copy", preset="mad_tokens_96").min_length == 192
