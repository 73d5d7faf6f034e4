"""The rows of a stream as torch datasets. Import it by name: the rest of the library does without torch.

A row is `tokens` and `targets`, int64 [T], and with `questions` also `asked`, `answers` and `origins`, [Q];
a batch has a first axis more. Whole batches are much faster than rows that a loader puts together:

    DataLoader(RecallIterable(stream, batch_size=64), batch_size=None, num_workers=2)
    DataLoader(dataset, batch_size=None, sampler=BatchSampler(SequentialSampler(dataset), 64, drop_last=False))
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from .batch import Batch, Ints
from .order import Order, Turn
from .stream import LAST, Stream
from .task import told

Row = dict[str, torch.Tensor]
State = dict[str, Any]
QUESTIONS = ("asked", "answers", "origins")


class RecallDataset(Dataset[Row]):
    """Rows 0 to num_rows - 1 of a stream, in any order: `dataset[i]` is a row, `dataset[[i, j]]` or a slice a batch.

    A row costs its block, wherever it stands and however many rows there are; the last `cached` blocks are
    kept, and a batch draws each block it needs at most once. So reading in order draws each block once, and
    reading in a shuffled order one for most rows, unless `cached` is enough for all of them: `RecallIterable`
    shuffles without that. Raises ValueError for arguments it cannot use.
    """

    def __init__(self, stream: Stream, num_rows: int, cached: int = 8, *, questions: bool = False) -> None:
        _check(stream, {"num_rows": (num_rows, 1), "cached": (cached, 1)}, {"questions": questions})
        self.stream, self.num_rows, self.cached, self.questions = stream, num_rows, cached, questions
        self._block = lru_cache(cached)(self._draw)

    def __len__(self) -> int:
        return self.num_rows

    def __getitem__(self, rows: int | slice | ArrayLike) -> Row:
        """A row, or a batch of those asked for. Raises IndexError for a row that is not there."""
        if isinstance(rows, slice):
            return self._gather(range(self.num_rows)[rows])
        if np.ndim(rows):
            return self._gather(rows)
        return {name: batch[0] for name, batch in self._gather(np.array([rows])).items()}

    def __getitems__(self, rows: Sequence[int]) -> list[Row]:
        """The rows that a DataLoader asks for at once, cut from one batch."""
        return _rows(self._gather(rows))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_block"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._block = lru_cache(self.cached)(self._draw)

    def _draw(self, number: int) -> dict[str, Ints]:
        return _arrays(self.stream.block(number), self.questions)

    def _gather(self, rows: ArrayLike) -> Row:
        wanted = np.asarray(rows)
        if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
            raise ValueError(f"rows are asked for by one whole number, or a list of at least one, not by {rows!r}")
        if (outside := wanted[(wanted < 0) | (wanted >= self.num_rows)]).size:
            raise IndexError(f"row {outside[0]} of {self.num_rows}")
        numbers, places = np.divmod(wanted.astype(np.int64), self.stream.block_rows)
        # Block by block, so that no block is drawn twice however few are kept.
        order = np.argsort(numbers, kind="stable")
        gathered: dict[str, NDArray[np.int64]] = {}
        for group in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
            block = self._block(int(numbers[group[0]]))
            for name, array in block.items():
                if name not in gathered:
                    gathered[name] = np.empty((len(wanted), array.shape[1]), np.int64)
                gathered[name][group] = array[places[group]]
        return {name: torch.from_numpy(batch) for name, batch in gathered.items()}


class RecallIterable(IterableDataset[Row]):
    """Rows of a stream from `start` on, endless or `num_rows` of them; with `batch_size`, whole batches.

    Workers share the blocks between them: together they give each row once, and no block is drawn twice. One
    worker, or none, gives the rows in order; of n, worker w keeps that order in blocks w, w + n, w + 2n, ...,
    and the last batch of each may be smaller. After a finished part, go on with the number of rows used as
    `start`.

    `shuffle` gives the blocks another order and then the rows inside each, one block at a time, as follows from
    the stream, the range of rows, `shuffle_seed` and the epoch alone (see `Order` and `set_epoch`).

    `state_dict` and `load_state_dict` are what torchdata's StatefulDataLoader asks for, which then goes on
    exactly, with as many workers as before. They tell of the latest iterator in this process: the workers
    of a plain DataLoader iterate in their own. Raises ValueError for arguments it cannot use.
    """

    def __init__(
        self, stream: Stream, start: int = 0, num_rows: int | None = None, *, batch_size: int | None = None,
        shuffle: bool = False, shuffle_seed: int = 0, questions: bool = False,
    ) -> None:  # fmt: skip
        counts = {"start": (start, 0), "shuffle_seed": (shuffle_seed, 0)}
        counts |= {} if num_rows is None else {"num_rows": (num_rows, 1)}
        counts |= {} if batch_size is None else {"batch_size": (batch_size, 1)}
        _check(stream, counts, {"shuffle": shuffle, "questions": questions})
        if shuffle_seed and not shuffle:
            raise ValueError(f"shuffle_seed {shuffle_seed} shuffles nothing without shuffle=True")
        stop = None if num_rows is None else start + num_rows
        self.order = Order(stream, start, stop, shuffle_seed if shuffle else None)
        self.stream, self.start, self.num_rows = stream, start, num_rows
        self.batch_size, self.questions = batch_size, questions
        self._epoch = torch.zeros((), dtype=torch.int64)
        if shuffle:
            self._epoch.share_memory_()  # type: ignore[no-untyped-call]  # workers that persist see a new epoch
        self._at: State = _beginning(0)
        self._resume: State | None = None

    def set_epoch(self, epoch: int) -> None:
        """Shuffle as in this epoch from the next iterator on."""
        _check(self.stream, {"epoch": (epoch, 0)}, {})
        if epoch != self._at["epoch"]:
            self._at, self._resume = _beginning(epoch), None
        self._epoch.fill_(epoch)

    def state_dict(self) -> State:
        """Where the latest iterator stands: `row` rows into the block of its `turn`. JSON types."""
        return {"rows": self._identity, **self._at}

    def load_state_dict(self, state: State) -> None:
        """Let the next iterator go on from there. Raises ValueError for what is not a state of these rows."""
        if not isinstance(state, dict) or set(state) != set(self.state_dict()):
            raise ValueError(f"a state holds {', '.join(self.state_dict())}, not {state!r}")
        counts = [name for name in state if name != "rows"]
        wrong = [name for name in counts if type(state[name]) is not int or not 0 <= state[name] < LAST]
        if wrong or not isinstance(state["rows"], str):
            name = wrong[0] if wrong else "rows"
            raise ValueError(f"a state's {name} is {'a whole number from 0' if wrong else 'JSON'}, not {state[name]!r}")
        try:
            theirs, ours = dict(json.loads(state["rows"])), json.loads(self._identity)
        except (ValueError, TypeError):
            raise ValueError(f"a state's rows are JSON of their stream, not {state['rows']!r}") from None
        for name, value in ours.items():
            if theirs.get(name) != value:
                raise ValueError(f"the state is of other rows: {name} {theirs.get(name)}, not {value}")
        self._resume = self._at = {name: state[name] for name in self._at}
        self._epoch.fill_(self._at["epoch"])

    def __iter__(self) -> Iterator[Row]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        at, self._resume = self._resume, None
        if at is None or not (at["turn"] or at["row"]):
            at = _beginning(int(self._epoch), worker, workers)
        elif (worker, workers) != (at["worker"], at["workers"]):
            raise ValueError(
                f"the state is of worker {at['worker']} of {at['workers']}, not {worker} of {workers}: "
                "go on with as many workers as before"
            )
        self._at = at
        return self._one_by_one(at) if self.batch_size is None else self._by_batches(at, self.batch_size)

    @property
    def _identity(self) -> str:
        stream, order = self.stream, self.order
        rows = {"task": stream.task.spec(), "length": stream.length, "split": stream.split, "seed": stream.seed}
        part = {"start": self.start, "num_rows": self.num_rows, "shuffle_seed": order.shuffle_seed}
        return json.dumps(rows | part, sort_keys=True)

    def _one_by_one(self, at: State) -> Iterator[Row]:
        for turn in self.order.turns(**at):
            for row, one in enumerate(_rows(self._drawn(turn)), start=turn.used + 1):
                self._at = {**at, "turn": turn.turn, "row": row}
                yield one

    def _by_batches(self, at: State, size: int) -> Iterator[Row]:
        held: list[Row] = []
        missing = size
        for turn in self.order.turns(**at):
            block, cut = self._drawn(turn), 0
            rows = len(block["tokens"])
            while cut < rows:
                part = {name: a[cut : cut + missing] for name, a in block.items()}
                held.append(part)
                taken = len(part["tokens"])
                cut, missing = cut + taken, missing - taken
                if not missing:
                    self._at = {**at, "turn": turn.turn, "row": turn.used + cut}
                    yield _joined(held)
                    held, missing = [], size
        if held:
            self._at = {**at, "turn": turn.turn, "row": turn.used + rows}
            yield _joined(held)

    def _drawn(self, turn: Turn) -> Row:
        arrays = _arrays(self.stream.block(turn.block), self.questions)
        return {name: torch.from_numpy(array[turn.rows].astype(np.int64)) for name, array in arrays.items()}


def _beginning(epoch: int, worker: int = 0, workers: int = 1) -> State:
    return {"epoch": epoch, "worker": worker, "workers": workers, "turn": 0, "row": 0}


def _arrays(batch: Batch, questions: bool) -> dict[str, Ints]:
    arrays = {"tokens": batch.tokens, "targets": batch.targets}
    return arrays | ({name: getattr(batch, name) for name in QUESTIONS} if questions else {})


def _rows(batch: Row) -> list[Row]:
    return [dict(zip(batch, row, strict=True)) for row in zip(*(a.unbind() for a in batch.values()), strict=True)]


def _joined(parts: list[Row]) -> Row:
    return parts[0] if len(parts) == 1 else {name: torch.cat([p[name] for p in parts]) for name in parts[0]}


def _check(stream: Stream, counts: dict[str, tuple[int, int]], truths: dict[str, bool]) -> None:
    if not isinstance(stream, Stream):
        raise ValueError(f"a dataset takes a Stream, not {stream!r}: pass Stream(task, length)")
    for name, (value, low) in counts.items():
        if type(value) is not int or not low <= value < LAST:
            raise ValueError(f"{name} takes a whole number from {low} to 2^48, not {told(value, int)}")
    for name, truth in truths.items():
        if type(truth) is not bool:
            raise ValueError(f"{name} takes True or False, not {told(truth, bool)}")
