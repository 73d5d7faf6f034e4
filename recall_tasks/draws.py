"""Uniform draws without replacement, all rows at once and without a loop that may not end."""

from __future__ import annotations

import numpy as np

from .task import Ints


def shuffled(rng: np.random.Generator, rows: int, size: int) -> Ints:
    """A uniform permutation of 0..size-1 in each row: [rows, size]."""
    items = np.broadcast_to(np.arange(size, dtype=np.int32), (rows, size))
    return rng.permuted(items, axis=1)


def subsets(rng: np.random.Generator, rows: int, size: int, among: int) -> Ints:
    """A uniform subset of `size` of 0..among-1 in each row, in no particular order: [rows, size].

    Small subsets follow Floyd (Bentley & Floyd 1987, "A sample of brilliance"): step j draws from
    0..j and takes j itself where the draw is already chosen, so `size` steps always suffice. The
    order it leaves is not uniform: `distinct` shuffles it. Dense subsets sort random numbers.
    """
    if size > 8 and among < 8 * size:
        lowest = rng.random((rows, among)).argpartition(size - 1, axis=1)[:, :size]
        # The order that a partition leaves depends on the processor; the rows must not.
        return np.sort(lowest, axis=1).astype(np.int32)
    last = np.arange(among - size, among, dtype=np.int64)
    chosen = rng.integers(0, last + 1, size=(rows, size)).astype(np.int32)
    for step in range(1, size):
        seen = (chosen[:, :step] == chosen[:, step : step + 1]).any(axis=1)
        chosen[seen, step] = last[step]
    return chosen


def distinct(rng: np.random.Generator, rows: int, size: int, among: int) -> Ints:
    """`size` distinct numbers of 0..among-1 in uniform order in each row: [rows, size]."""
    chosen = subsets(rng, rows, size, among)
    return chosen if size < 2 else np.take_along_axis(chosen, shuffled(rng, rows, size), axis=1)


def uniform(rng: np.random.Generator, rows: int, size: int, alphabet: range) -> Ints:
    """Independent uniform members of a contiguous alphabet: [rows, size]."""
    return rng.integers(alphabet.start, alphabet.stop, size=(rows, size), dtype=np.int32)
