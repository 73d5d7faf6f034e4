"""Repeat first and repeat previous: what is asked at each step, and what must be held for it."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import IGNORE, RepeatFirst, RepeatPrevious, Stream, make_task
from recall_tasks.bounds import ceiling, position_floor


def test_rows_token_for_token():
    row = [3, 1, 4, 4, 2]
    assert RepeatFirst(num_symbols=4).solve(row) == {1: 3, 2: 3, 3: 3, 4: 3}
    assert RepeatFirst(2, num_symbols=4).solve(row) == {2: 3, 3: 1, 4: 3}
    assert RepeatPrevious(2, num_symbols=4).solve(row) == {2: 3, 3: 1, 4: 4}
    assert RepeatFirst().spell(3) == RepeatPrevious().spell(3) == "s2"


@pytest.mark.parametrize(("asked", "first"), [("every", 4), ("last", 8)])
def test_first_symbols_are_asked_equally_often(asked, first):
    batch = Stream(RepeatFirst(3, asked=asked), 11).rows(0, 8)
    # Eight steps are left after three symbols: six of them ask.
    steps = np.arange(5 if asked == "every" else 8, 11)
    assert np.array_equal(batch.asked, np.broadcast_to(steps, batch.asked.shape))
    assert np.array_equal(batch.answers, batch.tokens[:, steps % 3])
    assert (np.bincount(batch.origins[0], minlength=3) == len(steps) // 3).all()


@pytest.mark.parametrize("task", [RepeatFirst(num_symbols=4), RepeatPrevious(3, num_symbols=4)], ids=lambda t: t.name)
def test_the_token_that_asks_says_nothing(task):
    batch = Stream(task, 19).rows(0, 1024)
    shown = np.take_along_axis(batch.tokens, batch.asked, axis=1)
    table = np.zeros((4, 4))
    np.add.at(table, (shown[:, -1] - 1, batch.answers[:, -1] - 1), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_a_constant_stream_is_blank():
    batch = Stream(RepeatFirst(2, stream="constant"), 12).rows(0, 64)
    assert (batch.tokens[:, 2:] == 0).all()
    assert (Stream(RepeatFirst(2), 12).rows(0, 64).tokens > 0).all()


def test_one_first_symbol_is_no_load():
    assert RepeatFirst().payload_bits(2) == RepeatFirst().payload_bits(10**6) == 5
    assert make_task("repeat_first", preset="bsuite_memory_len").payload_bits(100) == 1
    assert make_task("repeat_first", preset="bsuite_memory_len").num_questions(100) == 1


def test_every_step_from_the_lag_on_asks():
    batch = Stream(RepeatPrevious(4), 11).rows(0, 32)
    assert ((batch.targets == IGNORE) == (np.arange(11) < 4)).all()
    assert np.array_equal(batch.targets[:, 4:], batch.tokens[:, :7])
    assert (batch.distances == 4).all()
    assert make_task("repeat_previous", preset="popgym_easy").num_questions(51) == 48


@pytest.mark.parametrize(("length", "held"), [(5, [(1, 1)]), (8, [(4, 4)]), (14, [(8, 4), (2, 2)]), (12, [(8, 4)])])
def test_a_queue_is_bounded_window_by_window(length, held):
    task = RepeatPrevious(4)
    asks = task.num_questions(length)
    assert [(round(asks * w), len(s)) for w, s in task.bottlenecks(length)] == held
    assert task.payload_bits(length) == 5 * max(items for _, items in held)


def test_a_shorter_queue_never_beats_the_ceiling():
    # Keeping only every other symbol: half of the answers are right, the rest are guessed.
    task = RepeatPrevious(4)
    assert ceiling(2 * 5, task, 68) > 0.5 + 0.5 / 32
    assert ceiling(2 * 5, task, 68) == pytest.approx(ceiling(10, RepeatPrevious(4), 8))
    assert position_floor(task, 68) == position_floor(RepeatFirst(), 64) == 1


def test_words_for_the_load():
    with pytest.raises(ValueError, match=r"repeat_previous: 4 steps back need at least 5 tokens, not 4"):
        Stream(RepeatPrevious(), 4)
    with pytest.raises(ValueError, match=r"repeat_first: 3 first symbols need at least 6 tokens, not 5"):
        Stream(RepeatFirst(3), 5)
    with pytest.raises(ValueError, match=r"lag must be at least 1, not 0"):
        RepeatPrevious(0)
