"""The rows that many lanes play, each from its own stream, held a window at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..batch import Batch, Ints
from ..stream import Stream
from .resets import check_following

Rows = NDArray[np.int64]
Lanes = slice | NDArray[np.intp]

BYTES = 2**28
"""At most so much is held, but for one row a lane. Where a block is larger, its windows are drawn one by one."""


class Shelf:
    """Window of lane i: rows `first[i]` to `stop[i] - 1` of its stream, all of them from one block."""

    def __init__(self, num_lanes: int) -> None:
        self.streams: list[Stream | None] = [None] * num_lanes
        self.first = np.zeros(num_lanes, np.int64)
        self.stop = np.zeros(num_lanes, np.int64)
        self._held: dict[str, Ints] = {}

    def __getstate__(self) -> dict[str, Any]:
        """What is held can be drawn again."""
        nothing = np.zeros_like(self.stop)
        return self.__dict__ | {"first": nothing, "stop": nothing.copy(), "_held": {}}

    def seed(self, lane: int, stream: Stream) -> None:
        """From now on the lane plays the rows of this stream."""
        self.streams[lane] = stream
        self.first[lane] = self.stop[lane] = 0

    def reach(self, rows: Rows) -> Rows:
        """Hold each lane's row; how many rows of each lane, from its own on, are held: [N], at least 1."""
        for lane in np.flatnonzero((rows < self.first) | (rows >= self.stop)).tolist():
            self._fetch(lane, int(rows[lane]))
        return self.stop - rows

    def _fetch(self, lane: int, row: int) -> None:
        stream = self.streams[lane]
        assert stream is not None  # whoever asks for rows has seeded the lane
        check_following(row)
        number, offset = divmod(row, stream.block_rows)
        drawn = stream.block(number).arrays()
        if not self._held:
            bytes_a_row = len(self.streams) * sum(a[0].nbytes for a in drawn.values())
            windows = -(-stream.block_rows // max(1, BYTES // bytes_a_row))
            size = -(-stream.block_rows // windows)
            self._held = {n: np.zeros((len(self.streams), size, *a.shape[1:]), np.int32) for n, a in drawn.items()}
        size = self._held["tokens"].shape[1]
        start = offset // size * size
        window = slice(start, min(start + size, stream.block_rows))
        for name, array in drawn.items():
            self._held[name][lane, : window.stop - window.start] = array[window]
        self.first[lane] = row - offset + window.start
        self.stop[lane] = row - offset + window.stop

    def take(self, name: str, lanes: Lanes, rows: Rows, count: int) -> Ints:
        """One array of the batches, for each of these lanes `count` rows from its own on: [n, count, ...].

        May be a view. The rows must be within reach.
        """
        places = (rows - self.first)[lanes]
        if isinstance(lanes, slice) and (places == places[0]).all():
            return self._held[name][:, places[0] : places[0] + count]
        numbers = np.arange(len(rows))[lanes]
        taken: Ints = self._held[name][numbers[:, None], places[:, None] + np.arange(count)]
        return taken

    def batch(self, rows: Rows) -> Batch:
        """Each lane's row as a Batch of N."""
        self.reach(rows)
        return Batch.of({name: self.take(name, slice(None), rows, 1)[:, 0].copy() for name in self._held})
