"""Random access to the rows of a task: row i depends on task, version, length, split, seed and i only.

Rows are drawn in blocks of `BLOCK`, fewer where a row is longer than 16,384 tokens. Block b comes from a
Philox generator (Salmon et al. 2011) whose key is a hash of everything but b and whose counter starts at
b: the same rows whatever the batch size, the worker or the point of resumption, and no two splits or
seeds share a generator.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .batch import Batch
from .task import Task, told

BLOCK = 256
BLOCK_TOKENS = 2**22
LAST = 2**48
Split = Literal["train", "validation", "test", "probe"]
SPLITS: tuple[str, ...] = get_args(Split)


class _Source(threading.local):
    """The generator of a stream, one in each thread: a block that one thread draws is no concern of another's."""

    def __init__(self, key: NDArray[np.uint64]) -> None:
        self.philox = np.random.Philox(key=key)
        self.rng = np.random.Generator(self.philox)
        self.fresh = self.philox.state

    def at(self, number: int) -> np.random.Generator:
        """The generator at the start of a block."""
        # Setting the counter of one generator is sixteen times faster than building one for each block.
        # Word 2 of the counter holds the block, words 0 and 1 count within it: blocks cannot overlap.
        self.fresh["state"]["counter"][:] = (0, 0, number, 0)
        self.philox.state = self.fresh
        return self.rng


class Stream:
    """Endless rows of one task at one length.

    Raises ValueError for a length the task does not fit, an unknown split or a seed that is not a
    whole number from 0 to 2^63 - 1.
    """

    def __init__(self, task: Task, length: int, split: str = "train", seed: int = 0) -> None:
        if not isinstance(task, Task):
            raise ValueError(f"a stream takes a task such as MQAR() or make_task('mqar'), not {task!r}")
        task.check_length(length)
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
        if type(seed) is not int or not 0 <= seed < 2**63:
            raise ValueError(f"seed takes a whole number from 0 to 2^63 - 1, not {told(seed, int)}")
        self.task, self.length, self.split, self.seed = task, length, split, seed
        self.block_rows = max(1, min(BLOCK, BLOCK_TOKENS // length))
        identity = json.dumps([task.spec(), length, split, seed], sort_keys=True, separators=(",", ":"))
        key = hashlib.blake2b(identity.encode(), digest_size=16).digest()
        self._source = _Source(np.frombuffer(key, dtype=np.uint64))

    def __reduce__(self) -> tuple[type[Stream], tuple[Task, int, str, int]]:
        return Stream, (self.task, self.length, self.split, self.seed)

    def __repr__(self) -> str:
        return f"Stream({self.task}, length={self.length}, split={self.split!r}, seed={self.seed})"

    def block(self, number: int) -> Batch:
        """Rows number * block_rows to (number + 1) * block_rows - 1. Raises ValueError for a number below 0."""
        if type(number) is not int or not 0 <= number < LAST:
            raise ValueError(f"blocks are counted from 0 to 2^48, not {told(number, int)}")
        rng = self._source.at(number)
        if self.split == "train":
            drawn = self.task.draw_from(rng, self.block_rows, self.length, number * self.block_rows)
        else:
            drawn = self.task.draw(rng, self.block_rows, self.length)
        # Tasks may return broadcast arrays, which torch cannot take without a warning.
        return Batch.of({name: np.ascontiguousarray(a) for name, a in drawn.arrays().items()})

    def rows(self, start: int, count: int) -> Batch:
        """Rows start to start + count - 1.

        Raises ValueError for a start that is not a whole number from 0, or a count below 1.
        """
        for value in (start, count):
            if type(value) is not int:
                raise ValueError(f"rows are counted in whole numbers, not {told(value, int)}")
        if start < 0 or count < 1 or start + count > LAST:
            raise ValueError(f"rows are counted from 0 to 2^48, at least one of them: not {count} from {start}")
        first, last = start // self.block_rows, (start + count - 1) // self.block_rows
        drawn = Batch.concatenate([self.block(b) for b in range(first, last + 1)])
        offset = start - first * self.block_rows
        return drawn[offset : offset + count]

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Rows from `start` in batches of `size`, endlessly, or up to and without `stop` with a last one that may
        be smaller. Each block is drawn once. Resume with the number of rows already seen as `start`.

        Raises ValueError, at once, for a size below 1, a start below 0 or a stop not above the start.
        """
        end = LAST if stop is None else stop
        low = {"size": 1, "start": 0, "stop": 0}
        for name, value in (("size", size), ("start", start), ("stop", end)):
            if type(value) is not int or not low[name] <= value <= LAST:
                raise ValueError(f"{name} takes a whole number from {low[name]} to 2^48, not {told(value, int)}")
            low["stop"] = start + 1 if name == "start" else 0
        return self._batches(size, start, end)

    def _batches(self, size: int, start: int, end: int) -> Iterator[Batch]:
        held = self.rows(start, min(self.block_rows - start % self.block_rows, end - start))
        while start < end:
            wanted = min(size, end - start)
            if missing := max(0, wanted - len(held)):
                first = (start + len(held)) // self.block_rows
                blocks = range(first, first - (-missing // self.block_rows))
                held = Batch.concatenate([held, *(self.block(b) for b in blocks)])
            yield held[:wanted]
            held, start = held[wanted:], start + wanted

    def checksum(self, count: int = BLOCK) -> str:
        """Twelve hexadecimal digits that anyone with the same first `count` rows also gets."""
        digest = hashlib.blake2b(digest_size=6)
        for name, array in sorted(self.rows(0, count).arrays().items()):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, dtype="<i4").tobytes())
        return digest.hexdigest()
