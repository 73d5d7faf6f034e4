"""The order in which an epoch reads rows of a stream, shared out among workers block by block.

Nothing here draws a row: an order is worked out before the blocks it names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .stream import LAST, Stream

MOST_BLOCKS = 2**24
"""Blocks whose order an epoch can hold: 128 MiB of numbers, 2^32 rows of up to 16,384 tokens."""


class Turn(NamedTuple):
    """One block as a worker comes to it: how many of its rows were used before, and which are left, in order."""

    turn: int
    used: int
    block: int
    rows: slice | NDArray[np.int64]


class Order:
    """Rows `start` to `stop` - 1 of a stream, or all from `start` on: as they stand, or shuffled by a seed.

    Worker w of n takes the blocks in places w, w + n, w + 2n, ... of the order of blocks, so no block is drawn
    twice. Shuffling has two levels: the blocks of an epoch are permuted, then the rows inside each block.
    Both follow from the stream, the seed and the epoch (the first from the range of rows too) and from
    nothing else; one block is held at a time, so rows of a block stay together.

    Raises ValueError for rows beyond the stream, and for a shuffle without end or of more than 2^24 blocks.
    """

    def __init__(self, stream: Stream, start: int, stop: int | None, shuffle_seed: int | None = None) -> None:
        if not 0 <= start < (LAST if stop is None else stop) <= LAST:
            raise ValueError(f"rows are counted from 0 to 2^48, at least one of them: not {start} to {stop}")
        self.start, self.stop, self.shuffle_seed = start, stop, shuffle_seed
        self.size = stream.block_rows
        self.first = start // self.size
        self.num_blocks = (LAST if stop is None else -(-stop // self.size)) - self.first
        if shuffle_seed is not None and stop is None:
            raise ValueError("an endless stream has no order to shuffle (its rows are independent): pass num_rows")
        if shuffle_seed is not None and self.num_blocks > MOST_BLOCKS:
            most = (MOST_BLOCKS - 1) * self.size
            raise ValueError(f"{(stop or 0) - start:,} rows are too many to shuffle: at most {most:,} of this length")
        self._rows_of = [stream.task.spec(), stream.length, stream.split, stream.seed]

    def turns(self, epoch: int, worker: int = 0, workers: int = 1, turn: int = 0, row: int = 0) -> Iterator[Turn]:
        """The blocks of one worker from its turn `turn` on, without the first `row` rows of that one."""
        shuffled = self.shuffle_seed is not None
        order = self._rng(epoch, self.first, level=0).permutation(self.num_blocks) if shuffled else None
        for now in count(turn):
            place = now * workers + worker
            if place >= self.num_blocks:
                return
            block = self.first + (place if order is None else int(order[place]))
            low = max(self.start - block * self.size, 0)
            high = self.size if self.stop is None else min(self.stop - block * self.size, self.size)
            used = row if now == turn else 0
            if used >= high - low:
                continue
            if order is None:
                yield Turn(now, used, block, slice(low + used, high))
            else:
                inside = self._rng(epoch, block, level=1).permutation(high - low)
                yield Turn(now, used, block, low + inside[used:])

    def _rng(self, epoch: int, block: int, level: int) -> np.random.Generator:
        identity = ["order", self._rows_of, self.shuffle_seed, epoch]
        words = json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()
        key = np.frombuffer(hashlib.blake2b(words, digest_size=16).digest(), dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, block, level]))
