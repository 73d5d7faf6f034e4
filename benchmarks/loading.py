"""Sequences a second that reach a training loop, MQAR at length 64 in batches of 256, beside drawing the blocks alone:
`of drawing` is the fraction of `Stream.block`'s rate that is left, timed in turns with it."""

import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median

from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from recall_tasks import MQAR, Stream
from recall_tasks.dataset import RecallDataset, RecallIterable, Row

from .tables import Columns, Line

ROWS, SIZE, REPEATS = 16384, 256, 9
STREAM = Stream(MQAR(num_pairs=4), 64)


class RowByRow(Dataset[Row]):
    """The same rows without `__getitems__`: a loader fetches each alone."""

    def __init__(self, dataset: RecallDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> Row:
        return self.dataset[row]


def whole_batches(shuffled: bool) -> DataLoader[Row]:
    kept = RecallDataset(STREAM, ROWS, cached=ROWS // STREAM.block_rows if shuffled else 8)
    sampler = BatchSampler((RandomSampler if shuffled else SequentialSampler)(kept), SIZE, drop_last=False)
    return DataLoader(kept, batch_size=None, sampler=sampler)


WAYS: dict[str, Callable[[], Iterable[object]]] = {
    "Stream.block": lambda: map(STREAM.block, range(ROWS // STREAM.block_rows)),
    "Stream.batches": lambda: STREAM.batches(SIZE, 0, ROWS),
    "map-style, row by row": lambda: DataLoader(RowByRow(RecallDataset(STREAM, ROWS)), SIZE),
    "map-style, __getitems__": lambda: DataLoader(RecallDataset(STREAM, ROWS), SIZE),
    "map-style, whole batches": lambda: whole_batches(shuffled=False),
    "  shuffled, all blocks kept": lambda: whole_batches(shuffled=True),
    "iterable, row by row": lambda: DataLoader(RecallIterable(STREAM, 0, ROWS), SIZE),
    "iterable, whole batches": lambda: DataLoader(RecallIterable(STREAM, 0, ROWS, batch_size=SIZE), None),
    "  shuffled": lambda: DataLoader(RecallIterable(STREAM, 0, ROWS, batch_size=SIZE, shuffle=True), None),
    "  of 64 rows": lambda: DataLoader(RecallIterable(STREAM, 0, ROWS, batch_size=64), None),
}


def table() -> Iterator[Line]:
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(REPEATS):  # in turns, so that what else the machine does falls on all of them
        for name, way in WAYS.items():
            began = time.perf_counter()
            for _ in way():
                pass
            times[name].append(time.perf_counter() - began)
    drawing = median(times["Stream.block"])
    yield Columns({"way": "<30", "sequences/s": ">13,.0f", "of drawing": ">12.2f"})
    for name, taken in times.items():
        yield name, ROWS / median(taken), drawing / median(taken)
