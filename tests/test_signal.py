"""Signals: every kind is uniform over as many as its payload says, and levels are numbers."""

import numpy as np
import pytest
from scipy import stats

from recall_tasks import Signal, Stream, make_task
from recall_tasks.bounds import ceiling, memoryless_floor

SMALL = [
    Signal(kind="white", num_samples=4, num_parts=1, num_asked=2, num_levels=3),
    Signal(kind="step", num_samples=5, num_parts=3, num_asked=2, num_levels=3),
    Signal(kind="step", num_samples=5, num_parts=1, num_asked=2, num_levels=3),
    Signal(kind="spike", num_samples=5, num_parts=2, num_asked=2, num_levels=4),
    Signal(kind="spike", num_samples=3, num_parts=3, num_asked=2, num_levels=3),
    Signal(kind="band", num_samples=6, num_parts=5, num_asked=2, num_levels=8),
    Signal(kind="band", num_samples=1, num_parts=1, num_asked=1, num_levels=2),
]


def signals(task, rows):
    batch = Stream(task, task.min_length + 3).rows(0, rows)
    return batch.tokens[:, : task.num_samples] - task.answers.start


def test_a_row_worked_by_hand():
    task = Signal(num_samples=5, num_asked=2, num_parts=3)
    spelled = {task.spell(token): token for token in range(task.vocab_size)}
    row = [spelled[word] for word in ("v4", "v4", "v7", "v7", "v1", ".", ".", "?", "t3", "t0")]
    assert {t: task.spell(answer) for t, answer in task.solve(row).items()} == {8: "v7", 9: "v4"}


@pytest.mark.parametrize("task", SMALL, ids=lambda t: f"{t.kind}-{t.num_parts}")
def test_the_payload_counts_signals_all_equally_likely(task):
    _, counts = np.unique(signals(task, 16_384), axis=0, return_counts=True)
    assert np.isclose(np.log2(len(counts)), task.payload_bits(64))
    assert stats.chisquare(counts).pvalue > 1e-5


def test_steps_spikes_and_bands_are_what_they_are_called():
    steps = signals(Signal(kind="step", num_samples=20, num_parts=4), 512)
    assert (np.count_nonzero(np.diff(steps, axis=1), axis=1) == 3).all()
    spikes = signals(Signal(kind="spike", num_samples=20, num_parts=4, num_levels=9), 512)
    assert (np.count_nonzero(spikes != 4, axis=1) == 4).all()

    band = Signal(kind="band", num_samples=32, num_parts=6, num_levels=512)
    tokens = signals(band, 512) + band.answers.start
    time = (np.arange(32) + 0.5) / 32
    cosines = np.cos(np.pi * np.arange(32)[:, None] * time) * np.where(np.arange(32) > 0, 2, 1)[:, None] / 32
    coefficients = 6 * band.levels(tokens) @ cosines.T
    assert np.allclose(np.abs(coefficients[:, :6]), 1, atol=0.02)
    assert np.allclose(coefficients[:, 6:], 0, atol=0.02)


@pytest.mark.parametrize("num_parts", range(1, 11))
def test_the_least_levels_tell_all_bands_apart(num_parts):
    # All signs at once, through the draw: a generator whose coins count in binary.
    least = int(np.sqrt(2) * num_parts) + 1

    class Counting:
        def integers(self, low, high, size):
            rows = np.arange(size[0])[:, None]
            return rows >> np.arange(size[1]) & 1

    for num_samples in {num_parts, num_parts + 1, 3 * num_parts}:
        task = Signal(kind="band", num_samples=num_samples, num_parts=num_parts, num_asked=1, num_levels=max(2, least))
        assert len(np.unique(task._band(Counting(), 2**num_parts), axis=0)) == 2**num_parts
    if least > 2:
        with pytest.raises(ValueError, match=f"try --num-levels {least}"):
            Signal(kind="band", num_parts=num_parts, num_levels=least - 1)


def test_any_times_are_asked_in_any_order():
    task = Signal(num_samples=4, num_asked=3, num_parts=2)
    batch = Stream(task, 12).rows(0, 8192)
    asked = np.take_along_axis(batch.tokens, batch.asked, axis=1) - task.times.start
    assert np.array_equal(asked, batch.origins)
    _, counts = np.unique(asked, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-5


def test_levels_are_numbers_from_minus_one_to_one():
    task = Signal(num_levels=4)
    assert np.array_equal(task.levels(np.array(task.answers)), [-0.75, -0.25, 0.25, 0.75])
    assert np.isnan(task.levels(np.array([0, 1, task.times.start, task.answers.stop]))).all()
    batch = Stream(task, 64).rows(0, 8)
    assert task.levels(batch.answers).shape == batch.answers.shape
    assert np.isfinite(task.levels(batch.answers)).all()


@pytest.mark.parametrize("kind", ["white", "step", "spike", "band"])
def test_no_reader_without_memory_beats_the_ceiling_of_no_bits(kind):
    task = Signal(kind=kind)
    assert memoryless_floor(task, 64) < ceiling(0, task, 64) + 0.01
    if kind != "band":
        assert memoryless_floor(task, 64) > ceiling(0, task, 64) - 0.01
    # Whoever keeps some whole samples and guesses the commonest level else stays below.
    for kept in (1, 2, 4, 7):
        score = (kept + (32 - kept) * memoryless_floor(task, 64)) / 32
        assert score < ceiling(4 * kept, task, 64) + 0.01


def test_fewer_samples_have_fewer_parts():
    lighter = Signal(kind="band", num_parts=6).at_load(2)
    assert (lighter.num_samples, lighter.num_parts, lighter.num_asked) == (2, 2, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "pink"}, "unknown kind 'pink': choose one of white, step, spike, band"),
        ({"num_samples": 80}, r"80 samples need as many times, not 64 \(try --num-times 80\)"),
        ({"num_asked": 33}, "num_asked must be from 1 to 32, not 33"),
        ({"num_parts": 33}, "num_parts must be from 1 to 32, not 33"),
        ({"kind": "band", "num_parts": 12}, r"12 cosines need at least 17 levels .* \(try --num-levels 17\)"),
        ({"kind": "band", "num_parts": 65, "num_samples": 99, "num_times": 99}, "must be at most 64, not 65"),
    ],
)
def test_wrong_fields_are_refused_in_words(fields, message):
    with pytest.raises(ValueError, match=message):
        make_task("signal", **fields)
