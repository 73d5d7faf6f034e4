"""Rows a second that each generator draws on one core, blocks of 256, against copying the same arrays."""

from collections.abc import Iterator

import numpy as np

from recall_tasks import BLOCK, TASKS, Stream, make_task

from .timing import seconds

CELLS = [
    ("mqar", 64, {"num_pairs": 4, "preset": "zoology", "placement": "uniform"}),
    ("mqar", 64, {"num_pairs": 4, "preset": "zoology"}),
    ("mqar", 256, {"num_pairs": 64, "preset": "zoology", "placement": "uniform"}),
] + [(name, 64, {}) for name in TASKS]


def table() -> Iterator[str]:
    yield f"{'task':<16}{'length':>7}{'load':>6}{'vocabulary':>12}{'rows/s':>14}{'of a copy':>11}"
    for name, length, fields in CELLS:
        task = make_task(name, **fields)
        stream = Stream(task, length)
        numbers = iter(range(10**9))
        draw = seconds(lambda: stream.block(next(numbers)), repeats=200)  # noqa: B023
        arrays = stream.block(0).arrays().values()
        copy = seconds(lambda: [np.array(a) for a in arrays], repeats=200)  # noqa: B023
        load = getattr(task, task.load)
        yield f"{name:<16}{length:>7}{load:>6}{task.vocab_size:>12,}{BLOCK / draw:>14,.0f}{copy / draw:>11.2f}"
