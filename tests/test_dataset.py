"""The rows of a dataset are the rows of its stream: any batch size, workers, order of reading, point of resumption."""

import copy
import itertools
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, Subset

from recall_tasks import BLOCK, MQAR, TASKS, Stream
from recall_tasks import dataset as module
from recall_tasks.dataset import RecallDataset, RecallIterable

torch.set_num_threads(1)
ROWS = 5 * BLOCK
WIDE = MQAR(num_pairs=3, num_keys=64, num_values=64)


def stream(task=WIDE, length=16):
    return Stream(task, length, seed=4)


WHOLE = stream().rows(0, ROWS)
PLACE = {row.tobytes(): i for i, row in enumerate(WHOLE.tokens.astype(np.int64))}
assert len(PLACE) == ROWS  # all rows differ, so a row tells where it stands


def places(batches) -> list[int]:
    """Where in the stream the rows stand that a loader or dataset gives, in the order it gives them."""
    found = []
    for batch in batches:
        tokens, targets = (np.atleast_2d(batch[name].numpy()) for name in ("tokens", "targets"))
        rows = [PLACE[row.tobytes()] for row in tokens]
        assert np.array_equal(targets, WHOLE.targets[rows])
        found += rows
    return found


@pytest.fixture
def drawn(monkeypatch):
    """The numbers of the blocks that are drawn."""
    numbers, block = [], Stream.block
    monkeypatch.setattr(Stream, "block", lambda self, number: numbers.append(number) or block(self, number))
    return numbers


@pytest.fixture
def as_worker(monkeypatch):
    def be(worker, workers):
        monkeypatch.setattr(module, "get_worker_info", lambda: SimpleNamespace(id=worker, num_workers=workers))

    return be


# Without torch: batches of a stream.


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3 * BLOCK), st.integers(0, 3 * BLOCK), st.integers(1, 2 * BLOCK))
def test_batches_of_a_stream_are_its_rows(size, start, rows):
    batches = list(stream().batches(size, start, start + rows))
    assert [len(batch) for batch in batches] == [size] * (rows // size) + [rows % size] * (rows % size > 0)
    for name, want in WHOLE[start : start + rows].arrays().items():
        assert np.array_equal(np.concatenate([batch.arrays()[name] for batch in batches]), want)


@pytest.mark.parametrize(("size", "start", "stop"), [(1, 0, 600), (100, 40, 900), (700, 300, 1280), (256, 256, 512)])
def test_batches_of_a_stream_draw_each_block_once(drawn, size, start, stop):
    list(stream().batches(size, start, stop))
    assert drawn == list(range(start // BLOCK, -(-stop // BLOCK)))


def test_endless_batches_draw_no_more_than_they_give(drawn):
    batches = list(itertools.islice(stream().batches(100, 200), 5))
    assert [len(batch) for batch in batches] == [100] * 5
    assert drawn == [0, 1, 2]


@pytest.mark.parametrize("name", TASKS)
def test_batches_hold_for_every_task(name):
    rows = Stream(TASKS[name](), 64, seed=1)
    want = rows.rows(100, 400)
    for size in (7, 300):
        batches = list(rows.batches(size, 100, 500))
        for array, whole in want.arrays().items():
            assert np.array_equal(np.concatenate([batch.arrays()[array] for batch in batches]), whole)


# Map-style.


@pytest.mark.parametrize("workers", [0, 2])
def test_map_style_gives_the_rows_in_order(workers):
    batches = list(DataLoader(RecallDataset(stream(), 600), batch_size=100, num_workers=workers))
    assert places(batches) == list(range(600))
    assert {(name, batch.dtype) for name, batch in batches[0].items()} == {
        ("tokens", torch.int64),
        ("targets", torch.int64),
    }


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=40), st.integers(1, 3))
def test_any_rows_in_any_order_are_the_rows_of_the_stream(rows, cached):
    dataset = RecallDataset(stream(), ROWS, cached)
    assert places([dataset[rows]]) == rows
    assert places([dataset[np.array(rows)]]) == rows
    assert places([dataset[torch.tensor(rows)]]) == rows
    assert places(dataset.__getitems__(rows)) == rows
    assert places([dataset[row] for row in rows[:5]]) == rows[:5]


def test_a_slice_is_a_batch():
    dataset = RecallDataset(stream(), 700)
    assert places([dataset[250:260]]) == list(range(250, 260))
    assert places([dataset[-3:]]) == [697, 698, 699]
    assert dataset[np.int64(3)]["tokens"].shape == dataset[torch.tensor(3)]["tokens"].shape == (16,)


@pytest.mark.parametrize("row", [0, 255, 256, 10**6, 10**12 - 1])
def test_a_row_costs_one_block_wherever_it_stands(drawn, row):
    dataset = RecallDataset(stream(), 10**12)
    assert drawn == []
    dataset[row]
    assert drawn == [row // BLOCK]


def test_blocks_are_drawn_once_when_read_in_order(drawn):
    assert places(RecallDataset(stream(), 600)) == list(range(600))
    assert drawn == [0, 1, 2]


def test_a_batch_draws_each_of_its_blocks_once_however_few_are_kept(drawn):
    rows = np.random.default_rng(0).permutation(ROWS)[:100]
    assert places([RecallDataset(stream(), ROWS, cached=1)[rows]]) == rows.tolist()
    assert sorted(drawn) == [0, 1, 2, 3, 4]


def test_as_many_blocks_are_kept_as_asked(drawn):
    for cached, times in ((2, 2), (1, 8)):
        dataset = RecallDataset(stream(), ROWS, cached)
        for row in (0, 300) * 4:
            dataset[row]
        assert len(drawn) == times
        drawn.clear()


def test_whole_batches_are_what_a_loader_puts_together():
    dataset, generators = RecallDataset(stream(), 600), [torch.Generator().manual_seed(0) for _ in range(2)]
    rows = DataLoader(dataset, batch_size=64, sampler=RandomSampler(dataset, generator=generators[0]))
    sampler = BatchSampler(RandomSampler(dataset, generator=generators[1]), 64, drop_last=False)
    batches = DataLoader(dataset, batch_size=None, sampler=sampler)
    assert places(rows) == places(batches)
    assert [len(b["tokens"]) for b in batches] == [64] * 9 + [24]
    half = Subset(dataset, range(0, 600, 2))
    assert places(DataLoader(half, batch_size=50)) == list(range(0, 600, 2))
    sampler = BatchSampler(SequentialSampler(half), 50, drop_last=False)
    assert places(DataLoader(half, batch_size=None, sampler=sampler)) == list(range(0, 600, 2))


def test_what_is_done_to_a_batch_is_not_done_to_the_next():
    dataset = RecallDataset(stream(), 600)
    for rows in (3, slice(0, 256), [1, 2, 3]):
        for array in dataset[rows].values():
            array.zero_()
    assert places([dataset[:300]]) == list(range(300))
    for batch in RecallIterable(stream(), num_rows=600, batch_size=100):
        assert places([batch])
        batch["tokens"].zero_()


@pytest.mark.parametrize("name", TASKS)
def test_questions_come_along_when_asked_for(name):
    rows = Stream(TASKS[name](), 64, seed=1)
    want = rows.rows(0, 300)
    names = ["tokens", "targets", "asked", "answers", "origins"]
    batches = [
        RecallDataset(rows, 300, questions=True)[:300],
        next(iter(RecallIterable(rows, num_rows=300, batch_size=300, questions=True))),
    ]
    for batch in batches:
        assert list(batch) == names
        assert all(np.array_equal(batch[name], getattr(want, name)) for name in names)
    row = next(iter(RecallIterable(rows, questions=True)))
    assert row["asked"].tolist() == want.asked[0].tolist()


@pytest.mark.parametrize("rows", [-1, 600, [3, 600], [-1], np.array([2**40])])
def test_rows_that_are_not_there_are_named(rows):
    with pytest.raises(IndexError, match=rf"row {np.ravel(rows)[-1]} of 600"):
        RecallDataset(stream(), 600)[rows]


@pytest.mark.parametrize("rows", [2.5, "3", None, [], [1.0], [[1]], slice(5, 5), [True]])
def test_rows_are_asked_for_by_whole_numbers(rows):
    with pytest.raises(ValueError, match="asked for by one whole number, or a list"):
        RecallDataset(stream(), 600)[rows]


# Iterable.


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("mode", [{}, {"shuffle": True}, {"batch_size": 70}, {"batch_size": 300, "shuffle": True}])
@pytest.mark.parametrize(("start", "num_rows"), [(0, 600), (300, 300), (5, 20)])
def test_workers_share_the_rows_between_them(workers, mode, start, num_rows):
    dataset = RecallIterable(stream(), start, num_rows, **mode)
    loader = DataLoader(dataset, None if "batch_size" in mode else 100, num_workers=workers)
    found = places(loader)
    assert sorted(found) == list(range(start, start + num_rows))
    if not workers and not mode.get("shuffle"):
        assert found == sorted(found)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_each_block_is_drawn_by_one_worker_in_the_order_of_one(drawn, as_worker, shuffle, workers):
    def read(worker, workers):
        drawn.clear()
        as_worker(worker, workers)
        return places(RecallIterable(stream(), 100, ROWS - 200, shuffle=shuffle)), list(drawn)

    alone, blocks = read(0, 1)
    assert sorted(blocks) == [0, 1, 2, 3, 4]
    own = {block: [i for i in alone if i // BLOCK == block] for block in blocks}
    for worker in range(workers):
        found, theirs = read(worker, workers)
        assert theirs == blocks[worker::workers]
        assert found == [i for block in theirs for i in own[block]]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 700), st.integers(0, 600), st.integers(1, 600), st.booleans())
def test_batches_cut_the_same_rows_at_any_size(size, start, num_rows, shuffle):
    rows = places(RecallIterable(stream(), start, num_rows, shuffle=shuffle))
    batches = list(RecallIterable(stream(), start, num_rows, shuffle=shuffle, batch_size=size))
    assert places(batches) == rows
    assert {len(batch["tokens"]) for batch in batches[:-1]} <= {size}
    assert sorted(rows) == list(range(start, start + num_rows))


def test_an_endless_stream_goes_on_where_it_stopped():
    for mode in ({}, {"batch_size": 40}):
        first, resumed = iter(RecallIterable(stream(), **mode)), iter(RecallIterable(stream(), start=400, **mode))
        for _ in range(400 if not mode else 10):
            next(first)
        for _ in range(8):
            assert torch.equal(next(first)["tokens"], next(resumed)["tokens"])


def test_a_shuffle_holds_one_block_at_a_time_and_moves_blocks_and_rows():
    found = places(RecallIterable(stream(), 100, ROWS - 100, shuffle=True))
    blocks = [i // BLOCK for i in found]
    visited = [block for block, _ in itertools.groupby(blocks)]
    assert len(visited) == 5
    assert visited != sorted(visited)
    inside = [[i % BLOCK for i in found if i // BLOCK == block] for block in range(1, 5)]
    assert all(rows != sorted(rows) for rows in inside)
    assert len({tuple(rows) for rows in inside}) == 4


def test_a_shuffle_follows_from_stream_seed_and_epoch_alone():
    def order(shuffle_seed=0, epoch=0, rows=None, num_rows=ROWS):
        dataset = RecallIterable(rows or stream(), 0, num_rows, shuffle=True, shuffle_seed=shuffle_seed)
        dataset.set_epoch(epoch)
        return [list(turn.rows) for turn in dataset.order.turns(epoch)], places(dataset) if rows is None else None

    torch.manual_seed(999)
    first = order()
    torch.manual_seed(0)
    assert order() == first
    assert order(epoch=1) != first
    assert order(shuffle_seed=1) != first
    assert order(epoch=1) != order(shuffle_seed=1)
    assert order(rows=Stream(WIDE, 16, seed=5))[0] != first[0]


def test_a_shuffle_puts_every_block_and_row_at_every_place_alike():
    dataset = RecallIterable(stream(), 0, 4 * BLOCK, shuffle=True)
    epochs = [list(dataset.order.turns(epoch)) for epoch in range(2000)]
    blocks = np.array([[turn.block for turn in turns] for turns in epochs])
    rows = np.array([turns[0].rows[:4] for turns in epochs]) // 64
    for seen in (blocks, rows):
        counts = np.array([np.bincount(column, minlength=4) for column in seen.T])
        assert ((counts - 500) ** 2 / 500).sum() < 35  # 12 degrees of freedom: one in 2,000


def test_every_epoch_is_whole_and_another():
    dataset = RecallIterable(stream(), 50, 900, shuffle=True)
    orders = []
    for epoch in range(3):
        dataset.set_epoch(epoch)
        orders.append(places(dataset))
        assert sorted(orders[-1]) == list(range(50, 950))
    assert len({tuple(order) for order in orders}) == 3
    dataset.set_epoch(1)
    assert places(dataset) == orders[1] == places(dataset)


def test_workers_that_persist_see_a_new_epoch():
    dataset = RecallIterable(stream(), 0, 600, shuffle=True, batch_size=100)
    loader = DataLoader(dataset, batch_size=None, num_workers=1, persistent_workers=True)
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        assert places(loader) == places(dataset)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500), st.integers(1, 600), st.booleans(), st.data())
def test_a_state_goes_on_exactly_where_it_was_taken(start, num_rows, shuffle, chance):
    sizes = st.none() | st.integers(1, 300)
    first, second, third = (
        RecallIterable(stream(), start, num_rows, shuffle=shuffle, batch_size=chance.draw(sizes)) for _ in range(3)
    )
    first.set_epoch(3)
    whole, begun = places(first), iter(first)
    used = places(itertools.islice(begun, chance.draw(st.integers(0, 400))))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    more = places(itertools.islice(second, chance.draw(st.integers(0, 400))))
    third.load_state_dict(second.state_dict())
    assert used + more + places(third) == whole
    assert places(third) == whole  # the next pass is whole again
    assert used + places(begun) == whole


def test_a_state_tells_of_the_epoch_to_come():
    dataset = RecallIterable(stream(), 0, 600, shuffle=True)
    next(iter(dataset))
    dataset.set_epoch(1)
    state = dataset.state_dict()
    assert (state["epoch"], state["turn"], state["row"]) == (1, 0, 0)


def test_to_go_on_draws_no_block_that_was_finished(drawn):
    first = RecallIterable(stream(), 0, 10**9, batch_size=BLOCK)
    next(itertools.islice(first, 3, None))
    second = RecallIterable(stream(), 0, 10**9, batch_size=BLOCK)
    second.load_state_dict(first.state_dict())
    drawn.clear()
    next(iter(second))
    assert drawn == [4]


@pytest.mark.parametrize("mode", [{}, {"shuffle": True}, {"batch_size": 70, "shuffle": True}])
def test_each_worker_goes_on_with_its_own(as_worker, mode):
    for worker, taken in ((0, 3), (1, 0), (2, 5)):
        as_worker(worker, 3)
        first = RecallIterable(stream(), 0, ROWS, **mode)
        whole, begun = places(first), iter(first)
        used = places(itertools.islice(begun, taken))
        second = RecallIterable(stream(), 0, ROWS, **mode)
        second.load_state_dict(first.state_dict())
        assert used + places(second) == whole


def test_a_state_of_other_workers_is_refused(as_worker):
    as_worker(1, 2)
    dataset = RecallIterable(stream(), 0, ROWS)
    next(iter(dataset))
    for here in ((0, 2), (1, 3)):
        second = RecallIterable(stream(), 0, ROWS)
        second.load_state_dict(dataset.state_dict())
        as_worker(*here)
        with pytest.raises(ValueError, match=f"is of worker 1 of 2, not {here[0]} of {here[1]}: go on with as many"):
            iter(second)


def test_a_finished_epoch_goes_on_with_nothing_and_another_with_all():
    first, second = (RecallIterable(stream(), 0, 600, shuffle=True) for _ in range(2))
    places(first)
    second.load_state_dict(first.state_dict())
    assert places(second) == []
    second.load_state_dict(first.state_dict())
    second.set_epoch(1)
    assert sorted(places(second)) == list(range(600))


def test_a_state_of_other_rows_is_refused():
    state = RecallIterable(stream(), 0, 600, shuffle=True).state_dict()
    others = {
        "seed 4, not 5": RecallIterable(Stream(WIDE, 16, seed=5), 0, 600, shuffle=True),
        "num_rows 600, not 601": RecallIterable(stream(), 0, 601, shuffle=True),
        "start 0, not 1": RecallIterable(stream(), 1, 600, shuffle=True),
        "shuffle_seed 0, not None": RecallIterable(stream(), 0, 600),
        "shuffle_seed 0, not 2": RecallIterable(stream(), 0, 600, shuffle=True, shuffle_seed=2),
        "length 16, not 17": RecallIterable(stream(length=17), 0, 600, shuffle=True),
    }
    for words, other in others.items():
        with pytest.raises(ValueError, match=f"the state is of other rows: {words}"):
            other.load_state_dict(state)
    for nothing in ({}, None, {"rows": state["rows"]}):
        with pytest.raises(ValueError, match="a state holds rows, epoch, worker, workers, turn, row, not"):
            RecallIterable(stream()).load_state_dict(nothing)


# Both.


@pytest.mark.parametrize("again", [copy.deepcopy, lambda dataset: pickle.loads(pickle.dumps(dataset))])
def test_datasets_travel(again):
    datasets = [RecallDataset(stream(), 600), RecallIterable(stream(), 0, 600, shuffle=True, batch_size=64)]
    for dataset in datasets:
        next(iter(dataset))
        assert places(again(dataset)) == places(dataset)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [None, {}, {"shuffle": True, "batch_size": 64}])
def test_fresh_processes_give_the_same_rows(mode):
    dataset = RecallDataset(stream(), 600) if mode is None else RecallIterable(stream(), 0, 600, **mode)
    size = None if mode and "batch_size" in mode else 64
    loader = DataLoader(dataset, batch_size=size, num_workers=1, multiprocessing_context="spawn")
    assert places(loader) == places(dataset)


def test_the_tasks_themselves_do_without_torch():
    code = "import sys, recall_tasks, recall_tasks.show, recall_tasks.export, recall_tasks.order\n"
    code += "assert not {'torch', 'pyarrow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=True)


WRONG = {
    "num_rows takes a whole number from 1 to 2^48, not 0": lambda s: RecallDataset(s, 0),
    "num_rows takes a whole number from 1 to 2^48, not 2.5 (float)": lambda s: RecallDataset(s, 2.5),
    "num_rows takes a whole number from 1 to 2^48, not np.int64(9) (int64; pass 9)": lambda s: RecallDataset(
        s, np.int64(9)
    ),
    "num_rows takes a whole number from 1 to 2^48, not True (bool)": lambda s: RecallDataset(s, True),
    "cached takes a whole number from 1 to 2^48, not 0": lambda s: RecallDataset(s, 9, 0),
    "cached takes a whole number from 1 to 2^48, not '8' (str)": lambda s: RecallDataset(s, 9, "8"),
    "questions takes True or False, not 1 (int)": lambda s: RecallDataset(s, 9, questions=1),
    "a dataset takes a Stream, not MQAR": lambda s: RecallDataset(s.task, 9),
    "a dataset takes a Stream, not None": lambda s: RecallIterable(None),
    "start takes a whole number from 0 to 2^48, not -1": lambda s: RecallIterable(s, -1),
    "start takes a whole number from 0 to 2^48, not 1.0 (float)": lambda s: RecallIterable(s, 1.0),
    "num_rows takes a whole number from 1 to 2^48, not 0 ": lambda s: RecallIterable(s, 0, 0),
    "num_rows takes a whole number from 1 to 2^48, not np.int32(5) (int32; pass 5)": lambda s: RecallIterable(
        s, 0, np.int32(5)
    ),
    "batch_size takes a whole number from 1 to 2^48, not 0": lambda s: RecallIterable(s, batch_size=0),
    "batch_size takes a whole number from 1 to 2^48, not 6.4 (float)": lambda s: RecallIterable(s, batch_size=6.4),
    "shuffle takes True or False, not 3 (int)": lambda s: RecallIterable(s, 0, 9, shuffle=3),
    "shuffle takes True or False, not np.True_ (bool; pass True)": lambda s: RecallIterable(
        s, 0, 9, shuffle=np.bool_(True)
    ),
    "shuffle_seed takes a whole number from 0 to 2^48, not -3": lambda s: RecallIterable(s, 0, 9, shuffle_seed=-3),
    "epoch takes a whole number from 0 to 2^48, not 1.0 (float)": lambda s: RecallIterable(s).set_epoch(1.0),
    "pass num_rows": lambda s: RecallIterable(s, shuffle=True),
    "rows are counted from 0 to 2^48": lambda s: RecallIterable(s, 2**47, 2**47 + 1),
    "4,294,967,297 rows are too many to shuffle: at most 4,294,967,040": lambda s: RecallIterable(
        s, 0, 2**32 + 1, shuffle=True
    ),
}


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_is_refused_in_one_line_with_its_mend(words):
    with pytest.raises(ValueError, match=re.escape(words)) as refused:
        WRONG[words](stream())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [{"turn": -1}, {"row": True}, {"epoch": 1.5}, {"worker": "x"}, {"turn": 2**70}, {"rows": None}, {"rows": "x"},
     {"rows": "[1]"}],
)  # fmt: skip
def test_a_state_that_is_none_is_refused(wrong):
    dataset = RecallIterable(Stream(MQAR(num_pairs=2), 12), num_rows=600, shuffle=True)
    with pytest.raises(ValueError, match="state"):
        dataset.load_state_dict({**dataset.state_dict(), **wrong})


def test_a_seed_that_shuffles_nothing_is_refused():
    with pytest.raises(ValueError, match="shuffle_seed 3 shuffles nothing without shuffle=True"):
        RecallIterable(Stream(MQAR(num_pairs=2), 12), shuffle_seed=3)
