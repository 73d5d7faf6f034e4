"""The rows of a stream as torch datasets. Import it by name: the rest of the library does without torch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count

import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from .stream import Stream
from .task import Batch

Row = dict[str, torch.Tensor]
"""`tokens` and `targets` of one row, both int64 [T]; targets are IGNORE where nothing is asked."""


class RecallDataset(Dataset[Row]):
    """Rows 0 to num_rows - 1 of a stream, in any order.

    `cached` blocks of 256 rows are kept, so reading in order draws each block once; shuffled reading
    draws a block for every row it misses. Raises ValueError for less than one row.
    """

    def __init__(self, stream: Stream, num_rows: int, cached: int = 8) -> None:
        if num_rows < 1:
            raise ValueError(f"num_rows must be at least 1, not {num_rows}")
        self.stream, self.num_rows, self.cached = stream, num_rows, cached
        self._block = lru_cache(cached)(stream.block)

    def __len__(self) -> int:
        return self.num_rows

    def __getitem__(self, i: int) -> Row:
        if not 0 <= i < self.num_rows:
            raise IndexError(f"row {i} of {self.num_rows}")
        return _row(self._block(i // self.stream.block_rows), i % self.stream.block_rows)

    def __reduce__(self) -> tuple[type[RecallDataset], tuple[Stream, int, int]]:
        return RecallDataset, (self.stream, self.num_rows, self.cached)


class RecallIterable(IterableDataset[Row]):
    """Rows of a stream from `start` on, endless or `num_rows` of them.

    Each worker takes every n-th block: together they give each row once, and no block is drawn twice.
    To resume, pass as `start` the number of rows already used. Raises ValueError for a negative start
    or less than one row.
    """

    def __init__(self, stream: Stream, start: int = 0, num_rows: int | None = None) -> None:
        if start < 0 or (num_rows is not None and num_rows < 1):
            raise ValueError(f"rows are counted from 0, at least one of them: not {num_rows} from {start}")
        self.stream, self.start = stream, start
        self.stop = None if num_rows is None else start + num_rows

    def __iter__(self) -> Iterator[Row]:
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        size = self.stream.block_rows
        for number in count(self.start // size + first, step):
            if self.stop is not None and number * size >= self.stop:
                return
            block = self.stream.block(number)
            for i in range(size):
                row = number * size + i
                if row >= self.start and (self.stop is None or row < self.stop):
                    yield _row(block, i)


def _row(block: Batch, i: int) -> Row:
    row = block[i : i + 1]
    return {name: torch.from_numpy(a[0]).long() for name, a in (("tokens", row.tokens), ("targets", row.targets))}
