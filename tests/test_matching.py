"""N-back and delayed match: worked rows, fair coins, and hashes that the ceiling must allow for."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import DelayedMatch, NBack, Stream, make_task
from recall_tasks.bounds import ceiling


def tokens_of(task, words):
    spelled = {task.spell(token): token for token in range(task.vocab_size)}
    return [spelled[word] for word in words.split()]


@pytest.mark.parametrize(
    ("task", "row", "answers"),
    [
        (NBack(lag=2, num_symbols=16), "s4 s1 s4 s2 s0 s2", {2: "yes", 3: "no", 4: "no", 5: "yes"}),
        (NBack(lag=1, num_symbols=2), "s0 s0 s1", {1: "yes", 2: "no"}),
        (DelayedMatch(num_samples=2, num_symbols=8), "s5 s2 . . ? s5 s7", {5: "yes", 6: "no"}),
        (DelayedMatch(num_samples=2, num_symbols=8, num_fillers=3), "s5 s2 f2 ? s2 s2", {4: "no", 5: "yes"}),
    ],
)
def test_rows_worked_by_hand(task, row, answers):
    solved = task.solve(tokens_of(task, row))
    assert {t: task.spell(answer) for t, answer in solved.items()} == answers


@pytest.mark.parametrize("task", [NBack(lag=3, num_symbols=4), DelayedMatch(num_samples=5, num_symbols=4)])
def test_answers_are_fair_coins_and_all_else_is_uniform(task):
    length = 13
    batch = Stream(task, length).rows(0, 8192)
    yes = batch.answers == task.answers[1]
    assert stats.binomtest(int(yes.sum()), yes.size).pvalue > 1e-5
    following = np.bincount((2 * yes[:, :-1] + yes[:, 1:]).ravel(), minlength=4)
    assert stats.chisquare(following).pvalue > 1e-5

    shown = np.take_along_axis(batch.tokens, batch.asked, axis=1) - task.alphabet.start
    held = np.take_along_axis(batch.tokens, batch.origins, axis=1) - task.alphabet.start
    for said in (False, True):
        assert stats.chisquare(np.bincount(shown[yes == said])).pvalue > 1e-5, "the probe tells nothing"
    apart = (shown - held) % 4
    assert (apart[yes] == 0).all()
    assert stats.chisquare(np.bincount(apart[~yes])[1:]).pvalue > 1e-5, "any other is as likely"


def test_the_last_symbols_of_n_back_are_independent():
    task = NBack(lag=2, num_symbols=3)
    tokens = Stream(task, 12).rows(0, 8192).tokens - task.alphabet.start
    for t in range(11):
        assert stats.chisquare(np.bincount(tokens[:, t] * 3 + tokens[:, t + 1], minlength=9)).pvalue > 1e-5
    assert (tokens[:, 5] == tokens[:, 7]).mean() > 0.45


def test_n_back_asks_at_every_step_from_the_lag_on():
    batch = Stream(NBack(lag=5), 17).rows(0, 3)
    assert np.array_equal(batch.asked, np.arange(5, 17)[None].repeat(3, axis=0))
    assert (batch.distances == 5).all()


@pytest.mark.parametrize(("length", "held"), [(5, 1), (6, 2), (8, 4), (64, 4)])
def test_what_n_back_holds_is_what_will_be_asked(length, held):
    task = NBack(lag=4, num_symbols=16)
    assert task.payload_bits(length) == 4 * held
    assert max(len(shares) for _, shares in task.bottlenecks(length)) == held


def hashed(task, batch, buckets: int) -> float:
    """Accuracy of whoever keeps which bucket each symbol is in."""
    held, shown = (
        (np.take_along_axis(batch.tokens, at, axis=1) - task.alphabet.start) % buckets
        for at in (batch.origins, batch.asked)
    )
    return float(((held == shown) == (batch.answers == task.answers[1])).mean())


@pytest.mark.parametrize("task", [NBack(lag=3, num_symbols=16), DelayedMatch(num_samples=3, num_symbols=16)])
@pytest.mark.parametrize("buckets", [2, 4, 8])
def test_hashes_stay_below_the_ceiling_but_near(task, buckets):
    batch = Stream(task, 33).rows(0, 1024)
    score, limit = hashed(task, batch, buckets), ceiling(3 * np.log2(buckets), task, 33)
    assert score < limit + 0.01
    assert score > limit - 0.045


def test_distractors_fill_the_delay_and_nothing_else():
    task = DelayedMatch(num_samples=2, num_fillers=3)
    tokens = Stream(task, 40).rows(0, 256).tokens
    filler = (tokens >= task.fillers.start) & (tokens < task.fillers.stop)
    assert filler[:, 2:37].all()
    assert filler.sum() == 256 * 35
    assert (
        stats.chisquare(np.bincount(tokens[:, 2:37].ravel(), minlength=task.vocab_size)[task.fillers.start :]).pvalue
        > 1e-5
    )
    assert not Stream(DelayedMatch(num_samples=2), 40).rows(0, 8).tokens[:, 2:37].any()


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("n_back", {"lag": 0}, "lag must be at least 1, not 0"),
        ("n_back", {"num_symbols": 1}, "num_symbols must be at least 2, not 1"),
        ("delayed_match", {"num_samples": 0}, "num_samples must be at least 1, not 0"),
        ("delayed_match", {"num_fillers": -1}, "num_fillers must be at least 0, not -1"),
    ],
)
def test_wrong_fields_are_refused_in_words(name, fields, message):
    with pytest.raises(ValueError, match=message):
        make_task(name, **fields)


def test_a_short_row_is_refused_with_the_lag_that_fits():
    with pytest.raises(ValueError, match=r"a lag of 9 needs at least 10 tokens, not 8 \(try --length 10 or --lag 7\)"):
        Stream(NBack(lag=9), 8)
