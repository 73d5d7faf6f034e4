"""Sequences a second on one core, each task at its defaults and at its presets. `sequences/s` is `Stream.block` alone.
Blanks come in memory that nobody has touched yet, which flatters long rows: `read` is `Stream.block` and then
copying its arrays into others that are there, and `of a copy` the fraction of the rate of that copy alone, which
holds on a loaded machine too. The aims stand first."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np

from recall_tasks import TASKS, Stream, make_task
from recall_tasks.batch import Ints

from .tables import Columns, Line
from .timing import seconds

LENGTH, LONGER = 64, 512
AIMS: list[tuple[str, int, dict[str, Any], int]] = [
    ("mqar", 64, {"num_pairs": 4}, 1_000_000),
    ("mqar", 256, {"num_pairs": 64, "num_keys": 64}, 50_000),
]
"""Task, length, fields, rows a second."""


def cells() -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Task, setting, length, fields: the defaults, and each preset or else the defaults in a longer row."""
    for name, task in TASKS.items():
        yield name, "", LENGTH, {}
        for preset, published in task.presets.items():
            yield name, preset, published.length, dict(published.fields)
        if not task.presets:
            yield name, "", LONGER, {}


def table() -> Iterator[Line]:
    columns = {"task": "<18", "setting": "<24", "length": ">7", "load": ">6", "vocabulary": ">12,"}
    columns |= {"sequences/s": ">13,.0f", "read": ">12,.0f", "of a copy": ">11.3f"}
    yield Columns(columns | {"aim": ">12,", "of it": ">7.2f"})
    for name, length, fields, aim in AIMS:
        record = measure_setting(name, "", length, fields)
        yield *record, aim, record[5] / aim
    yield Columns(columns)
    for name, setting, length, fields in cells():
        yield measure_setting(name, setting, length, fields)


def measure_setting(name: str, setting: str, length: int, fields: dict[str, Any]) -> tuple[Any, ...]:
    """A record of the table, the sequences a second that are drawn sixth."""
    task = make_task(name, **fields)
    stream = Stream(task, length)
    numbers = count(10_000)  # where a curriculum has come to its last stage
    kept = stream.block(0).arrays()

    def copy(arrays: dict[str, Ints]) -> None:
        for name, array in arrays.items():
            np.copyto(kept[name], array)

    same = stream.block(0).arrays()
    once = seconds(lambda: copy(stream.block(next(numbers)).arrays()), repeats=3, warmup=1)
    repeats = max(5, min(100, round(0.2 / once)))
    draw = seconds(lambda: stream.block(next(numbers)), repeats=repeats, warmup=0)
    read = seconds(lambda: copy(stream.block(next(numbers)).arrays()), repeats=repeats, warmup=0)
    plain = seconds(lambda: copy(same), repeats=repeats)
    rows = stream.block_rows
    setting_of = (name, setting, length, getattr(task, task.load), task.vocab_size)
    return *setting_of, rows / draw, rows / read, plain / read
