"""Rows are a function of (task, length, split, seed, i) and of nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recall_tasks import BLOCK, MQAR, SPLITS, TASKS, Stream, draws, make_task

GOLDEN = {  # fields, length, tokens, targets (-1 where nothing is asked) and checksum at seed 1
    "associative": (
        {"num_pairs": 2, "num_keys": 4, "num_values": 4},
        7,
        [1, 6, 3, 6, 0, 0, 1],
        [-1, -1, -1, -1, -1, -1, 6],
        "47e6954cc17d",
    ),
    "mqar": (
        {"num_pairs": 2, "num_keys": 4, "num_values": 4},
        8,
        [4, 7, 3, 7, 4, 0, 0, 3],
        [-1, -1, -1, -1, 7, -1, -1, 7],
        "bc2c672be8f4",
    ),
    "multi_query": (
        {"num_pairs": 2, "num_queries": 4, "values_per_key": 2, "num_keys": 4, "num_values": 4},
        12,
        [3, 8, 8, 2, 8, 8, 3, 2, 0, 2, 3, 0],
        [-1, -1, -1, -1, -1, -1, 8, 8, -1, 8, 8, -1],
        "28bfa5e5d950",
    ),
    "needle": (
        {"num_needles": 2, "num_asked": 2, "num_keys": 4, "num_values": 4},
        10,
        [3, 8, 2, 7, 0, 0, 0, 1, 3, 2],
        [-1, -1, -1, -1, -1, -1, -1, -1, 8, 7],
        "06bf15296ce7",
    ),
    "copy": (
        {"num_tokens": 3, "num_symbols": 4, "feedback": True},
        8,
        [5, 5, 3, 0, 0, 1, 5, 5],
        [-1, -1, -1, -1, -1, 5, 5, 3],
        "6a2f3da76b08",
    ),
    "selective_copy": (
        {"num_tokens": 3, "num_symbols": 4},
        10,
        [0, 3, 0, 0, 3, 4, 0, 1, 0, 0],
        [-1, -1, -1, -1, -1, -1, -1, 3, 3, 4],
        "cda20f717181",
    ),
}

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


@pytest.mark.parametrize("name", TASKS)
def test_golden_rows(name):
    fields, length, tokens, targets, checksum = GOLDEN[name]
    stream = Stream(make_task(name, **fields), length, seed=1)
    row = stream.rows(0, 1)
    assert row.tokens[0].tolist() == tokens
    assert np.where(row.targets[0] < 0, -1, row.targets[0]).tolist() == targets
    assert stream.checksum() == checksum, f"what {name} draws has changed: raise its version"


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
    for start, count in ((-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="counted from 0"):
            Stream(MQAR(), 64).rows(start, count)


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
