"""Settings of every task in the registry, drawn from what its fields declare: a new task needs no line here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from recall_tasks import TASKS, Task, make_task

NUMBERS = (1, 2, 3, 4, 5, 7, 9, 0, 12)
FRACTIONS = (0.0, 0.25, 0.5, 0.8, 1.0)
WORDS = {"placement": ("uniform", "power:0.01", "power:1", "distance:40-44")}
"""Fields of words that are not a choice among a few."""

Choose = Callable[[Sequence[Any]], Any]


def fields_of(kind: type[Task], choose: Choose, most: int | None = None) -> dict[str, Any]:
    """A value for some of the task's fields, valid together or not; the rest keep their defaults."""
    names = [f.name for f in dataclasses.fields(kind)]
    chosen: dict[str, Any] = {}
    for name in names[:most]:
        metadata = kind.__dataclass_fields__[name].metadata
        options = {int: NUMBERS, float: FRACTIONS, bool: (False, True), str: ()}[metadata["kind"]]
        options = metadata["choices"] or options or WORDS.get(name, ())
        if options and choose((True, False)):
            chosen[name] = choose(options)
    return chosen


def middle(task: Task) -> int:
    """A length with some room: 64, or what the task needs and a little more."""
    return max(64, task.min_length + 5)


def variants(name: str, count: int) -> list[tuple[Task, int]]:
    """The first valid settings of a fixed sequence of draws, at their least length and at one with room."""
    rng = np.random.default_rng(sum(map(ord, name)))
    found: dict[Task, int] = {}
    for trial in range(200):
        try:
            task = make_task(name, **fields_of(TASKS[name], lambda options: options[rng.integers(len(options))]))
        except ValueError:
            continue
        if task not in found and task.min_length <= 512:
            found[task] = task.min_length if trial % 2 else middle(task)
        if len(found) == count:
            break
    return list(found.items())


def cases(count: int) -> list[tuple[Task, int]]:
    """Every task at its defaults, at a load of two and at `count` other settings."""
    listed = []
    for name, kind in TASKS.items():
        task = kind()
        light = task.at_load(min(2, getattr(task, task.load)))
        listed += [(task, middle(task)), (light, light.min_length), *variants(name, count)]
    return listed
