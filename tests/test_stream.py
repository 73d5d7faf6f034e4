"""Rows are a function of (task, length, split, seed, i) and of nothing else."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recall_tasks import BLOCK, MQAR, SPLITS, Stream, draws

ROOT = Path(__file__).parent.parent
WHOLE = Stream(MQAR(num_pairs=2), 12, seed=5).rows(0, 4 * BLOCK)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4 * BLOCK - 1), st.integers(1, 4 * BLOCK))
def test_any_slice_is_a_slice_of_the_whole(start, count):
    count = min(count, 4 * BLOCK - start)
    piece = Stream(MQAR(num_pairs=2), 12, seed=5).rows(start, count)
    for name, array in WHOLE[start : start + count].arrays().items():
        assert np.array_equal(piece.arrays()[name], array)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_the_order_of_reading_does_not_matter(numbers):
    stream = Stream(MQAR(num_pairs=2), 12, seed=5)
    for number in numbers:
        fresh = Stream(MQAR(num_pairs=2), 12, seed=5).block(number)
        assert np.array_equal(stream.block(number).tokens, fresh.tokens)


def test_blocks_seeds_and_splits_share_no_rows():
    task = MQAR(num_pairs=4, num_keys=64, num_values=64)
    streams = [Stream(task, 32, split, seed) for split in SPLITS for seed in (0, 1, 2**63 - 1)]
    rows = np.concatenate([stream.rows(0, 2 * BLOCK).tokens for stream in streams])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_the_length_and_the_task_make_other_rows():
    tokens = Stream(MQAR(num_pairs=4), 32).rows(0, 8).tokens
    assert not np.array_equal(tokens[:, :8], Stream(MQAR(num_pairs=4), 33).rows(0, 8).tokens[:, :8])
    assert not np.array_equal(tokens[:, :8], Stream(MQAR(num_pairs=4, num_keys=33), 32).rows(0, 8).tokens[:, :8])


def test_a_new_version_draws_new_rows(monkeypatch):
    tokens = Stream(MQAR(), 32).rows(0, 8).tokens
    monkeypatch.setattr(MQAR, "version", MQAR.version + 1)
    assert not np.array_equal(tokens, Stream(MQAR(), 32).rows(0, 8).tokens)


def test_long_rows_come_in_smaller_blocks():
    assert Stream(MQAR(), 2**14).block_rows == BLOCK
    assert Stream(MQAR(), 2**14 + 1).block_rows == BLOCK - 1
    longest = Stream(MQAR(), 2**22)
    assert longest.block_rows == 1
    stream = Stream(MQAR(), 100_000)
    assert stream.block_rows == 41
    whole = stream.rows(0, 90)
    assert np.array_equal(stream.rows(40, 3).asked, whole.asked[40:43])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.integers(0, 600), st.integers(1, 700))
def test_batches_are_the_rows_in_order(size, start, count):
    stream = Stream(MQAR(num_pairs=2), 12, seed=5)
    batches = list(stream.batches(size, start, min(start + count, 4 * BLOCK)))
    assert [len(b) for b in batches[:-1]] == [size] * (len(batches) - 1)
    assert np.array_equal(np.concatenate([b.tokens for b in batches]), WHOLE.tokens[start : start + count])


def test_batches_draw_each_block_once_and_do_not_end(monkeypatch):
    stream, drawn = Stream(MQAR(num_pairs=2), 12), []
    block = stream.block
    monkeypatch.setattr(stream, "block", lambda number: drawn.append(number) or block(number))
    endless = stream.batches(100)
    for _ in range(8):
        next(endless)
    assert drawn == [0, 1, 2, 3]


def test_the_checksum_is_the_same_in_any_process():
    code = "from recall_tasks import *; print(Stream(MQAR(), 64, seed=3).checksum())"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == Stream(MQAR(), 64, seed=3).checksum()


def test_the_checksum_sees_every_array():
    stream = Stream(MQAR(num_pairs=2), 12)
    assert stream.checksum(10) != stream.checksum(11)
    assert stream.checksum() != Stream(MQAR(num_pairs=2), 12, seed=1).checksum()


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, None, "1"])
def test_wrong_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="seed takes a whole number"):
        Stream(MQAR(), 64, seed=seed)


def test_wrong_splits_and_rows_are_refused():
    with pytest.raises(ValueError, match="unknown split 'tset': choose one of train"):
        Stream(MQAR(), 64, "tset")
    stream = Stream(MQAR(), 64)
    for start, count in ((-1, 2), (0, 0), (2**48, 1)):
        with pytest.raises(ValueError, match="counted from 0"):
            stream.rows(start, count)
    with pytest.raises(ValueError, match=r"whole numbers, not 1.5 \(float\)"):
        stream.rows(1.5, 2)
    with pytest.raises(ValueError, match=r"not np.int64\(1\) \(int64; pass 1\)"):
        stream.rows(np.int64(1), 2)
    for number in (-1, 2**48, 1.0):
        with pytest.raises(ValueError, match="blocks are counted from 0"):
            stream.block(number)
    for sizes in ((0,), (5, -1), (5, 3, 3), (2.0,), (4, "3"), (4, 0, "9"), (np.int64(4),)):
        with pytest.raises(ValueError, match="takes a whole number from"):
            stream.batches(*sizes)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(0, 300), st.integers(0, 9))
def test_subsets_are_subsets(size, more, seed):
    chosen = draws.distinct(np.random.default_rng(seed), 20, size, size + more)
    assert chosen.shape == (20, size)
    assert all(len(set(row)) == size and min(row) >= 0 and max(row) < size + more for row in chosen.tolist())


@pytest.mark.parametrize(("size", "among"), [(2, 4), (9, 10)])
def test_distinct_draws_every_order_alike(size, among):
    # Both ways of drawing: Floyd's for few, sorting for many.
    first = draws.distinct(np.random.default_rng(0), 60_000, size, among)[:, [0, -1]]
    counts = np.unique(first, axis=0, return_counts=True)[1]
    assert len(counts) == among * (among - 1)
    assert counts.std() < 4 * np.sqrt(counts.mean())
    assert abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


def test_threads_share_a_stream_without_disturbing_each_other():
    stream = Stream(MQAR(num_pairs=8), 64, seed=5)
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(stream.block, [number % 16 for number in range(400)]))
    alone = Stream(MQAR(num_pairs=8), 64, seed=5)
    for number, block in enumerate(drawn):
        assert np.array_equal(block.tokens, alone.block(number % 16).tokens)
