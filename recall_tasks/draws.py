"""Uniform draws without replacement, all rows at once and without a loop that may not end.

Orders come from sorting random numbers that carry their index in their low bits: no two are equal, so every
machine sorts them alike. With n numbers of 64 bits a row is off uniform with probability below n^3 / 2^64.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from math import comb

import numpy as np
from numpy.typing import NDArray

from .batch import Ints


def order(keys: NDArray[np.uint64]) -> Ints:
    """The indices that sort each row of keys, those alike in all but the low bits in order of place: [rows, n].

    Floats above 0 sort by their bits as by their worth: pass `view(np.uint64)`. The keys are written over.
    """
    size = keys.shape[1]
    low = np.uint64((1 << max(0, size - 1).bit_length()) - 1)
    keys &= ~low
    keys |= np.arange(size, dtype=np.uint64)
    keys.sort(axis=1)
    keys &= low
    return keys.astype(np.int32)


def shuffled(rng: np.random.Generator, rows: int, size: int) -> Ints:
    """A uniform permutation of 0..size-1 in each row: [rows, size]."""
    return order(_bits(rng, rows, size))


def mixed(rng: np.random.Generator, items: Ints) -> Ints:
    """The items of each row in uniform order, each row's its own: [rows, size]."""
    return np.take_along_axis(items, shuffled(rng, *items.shape), axis=1)


def subsets(rng: np.random.Generator, rows: int, size: int, among: int) -> Ints:
    """A uniform subset of `size` of 0..among-1 in each row, in no particular order: [rows, size].

    Sparse subsets follow Floyd (Bentley & Floyd 1987, "A sample of brilliance"): step j draws from
    0..j and takes j itself where the draw is already chosen. The order it leaves is not uniform:
    `distinct` shuffles it. Dense subsets are the beginning of a permutation.
    """
    if _dense(size, among):
        return shuffled(rng, rows, among)[:, :size]
    last = np.arange(among - size, among, dtype=np.int64)
    chosen = rng.integers(0, last + 1, size=(rows, size)).astype(np.int32)
    return chosen if size < 2 else _floyd(chosen, last.astype(np.int32))


def distinct(rng: np.random.Generator, rows: int, size: int, among: int) -> Ints:
    """`size` distinct numbers of 0..among-1 in uniform order in each row: [rows, size]."""
    chosen = subsets(rng, rows, size, among)
    return chosen if size < 2 or _dense(size, among) else mixed(rng, chosen)


def spans(rng: np.random.Generator, rows: int, size: int, width: int, among: int) -> Ints:
    """Where `size` spans of `width` tokens begin in a row of `among`, ascending: [rows, size].

    A span is drawn as one cell of a row in which spans are one token long, and moved on by those before
    it: every arrangement without overlap is as likely as any other.
    """
    cells = np.sort(subsets(rng, rows, size, among - size * (width - 1)), axis=1)
    return cells + np.arange(size, dtype=np.int32) * np.int32(width - 1)


def spans_beside(rng: np.random.Generator, rows: int, size: int, width: int, among: int, taken: int) -> Ints:
    """`spans`, ascending, in a row of `among` tokens where one more span begins at `taken`: [rows, size].

    Again every arrangement is as likely as any other, so the number of spans before the taken one is drawn
    first, by how many arrangements have it.
    """
    after = among - width - taken
    starts = np.empty((rows, size), np.int32)
    before = np.searchsorted(_splits(size, width, taken, after), rng.random(rows), side="right")
    for left in np.unique(before).tolist():
        here = np.flatnonzero(before == left)
        starts[here, :left] = spans(rng, len(here), left, width, taken)
        starts[here, left:] = spans(rng, len(here), size - left, width, after) + np.int32(taken + width)
    return starts


def uniform(rng: np.random.Generator, rows: int, size: int, alphabet: range) -> Ints:
    """Independent uniform members of a contiguous alphabet: [rows, size]."""
    return rng.integers(alphabet.start, alphabet.stop, size=(rows, size), dtype=np.int32)


@lru_cache(maxsize=64)
def _splits(size: int, width: int, before: int, after: int) -> NDArray[np.float64]:
    """P(at most j of the spans stand before), j = 0..size - 1, where `before` and `after` tokens are free."""
    ways = [_arrangements(j, width, before) * _arrangements(size - j, width, after) for j in range(size + 1)]
    total = sum(ways)
    return np.array([running / total for running in accumulate(ways[:-1])])


def _arrangements(spans: int, width: int, among: int) -> int:
    return comb(among - spans * (width - 1), spans) if spans * width <= among else 0


def _bits(rng: np.random.Generator, rows: int, size: int) -> NDArray[np.uint64]:
    return rng.integers(0, 2**64 - 1, size=(rows, size), dtype=np.uint64, endpoint=True)


def _dense(size: int, among: int) -> bool:
    """Whether a permutation of everything is faster than Floyd, as measured."""
    return size > 1 and among < 4 * size + size**1.5


def _floyd(chosen: Ints, last: Ints) -> Ints:
    """Replace each draw that was chosen before it by the last it could have been, first ones first.

    What replaces is above all draws before it, so each round settles one more step of every row it
    touches: no more rounds than steps, and few in practice. A few steps are faster one by one.
    """
    size = len(last)
    if size <= 8:
        for step in range(1, size):
            seen = (chosen[:, :step] == chosen[:, step : step + 1]).any(axis=1)
            chosen[seen, step] = last[step]
        return chosen
    shift = size.bit_length()
    rows = np.arange(len(chosen))
    while len(rows):
        ranked = (chosen[rows].astype(np.int64) << shift) | np.arange(size)
        ranked.sort(axis=1)
        again = (ranked[:, 1:] >> shift) == (ranked[:, :-1] >> shift)
        hit = again.any(axis=1)
        rows = rows[hit]
        first = np.where(again[hit], ranked[hit, 1:] & ((1 << shift) - 1), size).min(axis=1, initial=size)
        chosen[rows, first] = last[first]
    return chosen
