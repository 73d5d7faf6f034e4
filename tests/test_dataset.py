"""The rows of a dataset are the rows of its stream, with any number of workers and from any start."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from recall_tasks import BLOCK, MQAR, Stream
from recall_tasks.dataset import RecallDataset, RecallIterable

torch.set_num_threads(1)
STREAM = Stream(MQAR(num_pairs=2), 12, seed=4)
WHOLE = STREAM.rows(0, 3 * BLOCK)


def gathered(dataset, **loader) -> tuple[np.ndarray, np.ndarray]:
    batches = list(DataLoader(dataset, batch_size=100, **loader))
    return tuple(torch.cat([b[name] for b in batches]).numpy() for name in ("tokens", "targets"))


@pytest.mark.parametrize("workers", [0, 2])
def test_map_style_gives_the_rows_in_order(workers):
    tokens, targets = gathered(RecallDataset(STREAM, 600), num_workers=workers)
    assert np.array_equal(tokens, WHOLE.tokens[:600])
    assert np.array_equal(targets, WHOLE.targets[:600])
    assert tokens.dtype == targets.dtype == np.int64


def test_map_style_is_random_access():
    dataset = RecallDataset(STREAM, 3 * BLOCK, cached=1)
    for i in (700, 3, 256, 255, 0, 767):
        assert np.array_equal(dataset[i]["tokens"], WHOLE.tokens[i])
    assert len(dataset) == 3 * BLOCK
    for i in (-1, 3 * BLOCK):
        with pytest.raises(IndexError, match=f"row {i}"):
            dataset[i]


def test_blocks_are_drawn_once_when_read_in_order(monkeypatch):
    drawn = []
    stream = Stream(MQAR(num_pairs=2), 12, seed=4)
    block = stream.block
    monkeypatch.setattr(stream, "block", lambda number: drawn.append(number) or block(number))
    for row in RecallDataset(stream, 600):
        assert row["tokens"].shape == (12,)
    assert drawn == [0, 1, 2]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("start", "num_rows"), [(0, 600), (300, 300), (5, 20)])
def test_workers_share_the_rows_between_them(workers, start, num_rows):
    tokens, targets = gathered(RecallIterable(STREAM, start, num_rows), num_workers=workers)
    want = np.concatenate([WHOLE.tokens, WHOLE.targets], axis=1)[start : start + num_rows]
    got = np.concatenate([tokens, targets], axis=1)
    assert np.array_equal(got, want) or workers
    assert sorted(got.tolist()) == sorted(want.tolist())


def test_an_endless_stream_goes_on_where_it_stopped():
    first, resumed = iter(RecallIterable(STREAM)), iter(RecallIterable(STREAM, start=400))
    for _ in range(400):
        next(first)
    for _ in range(200):
        assert torch.equal(next(first)["tokens"], next(resumed)["tokens"])


def test_datasets_travel_to_workers():
    for dataset in (RecallDataset(STREAM, 10), RecallIterable(STREAM, num_rows=10)):
        again = pickle.loads(pickle.dumps(dataset))
        rows = [row["tokens"] for row in again]
        assert np.array_equal(torch.stack(rows), WHOLE.tokens[:10])


def test_the_tasks_themselves_do_without_torch():
    code = "import sys, recall_tasks, recall_tasks.show; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=True)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="num_rows must be at least 1, not 0"):
        RecallDataset(STREAM, 0)
    for start, num_rows in ((-1, None), (0, 0)):
        with pytest.raises(ValueError, match="counted from 0"):
            RecallIterable(STREAM, start, num_rows)
