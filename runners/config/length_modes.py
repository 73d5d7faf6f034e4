"""Length modes: the one factor that grows with the length of a test sequence.

    fixed load         as many items as in training, at every length
    growing load       items in proportion to the length, up to the most that the task's alphabets allow; as many as
                       fit where sequences of training were full
    fixed distance N   every query N tokens after its answer: only what precedes both grows

The last two need a task that has the field: see `Task.at_load` and `Task.at_distance`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from recall_tasks import Task

DEFAULT_LENGTH = 64
"""Tokens of a training sequence where nothing else is said."""
FIXED_LOAD, GROWING_LOAD, FIXED_DISTANCE = "fixed load", "growing load", "fixed distance"
MODES = (FIXED_LOAD, GROWING_LOAD, FIXED_DISTANCE)


def mode_name(mode: str, distance: int | None, trained: int) -> str:
    """A mode as tables have it; the distance of `fixed distance` is half the training length where none is given."""
    if mode != FIXED_DISTANCE:
        return mode
    return f"{FIXED_DISTANCE} {trained // 2 if distance is None else distance}"


def distance_of(mode: str) -> int | None:
    """The distance in the name of a mode."""
    words, _, last = mode.rpartition(" ")
    return int(last) if words == FIXED_DISTANCE else None


def order(mode: str) -> tuple[int, int]:
    """Sort key of a mode: as in MODES, near distances first."""
    distance = distance_of(mode)
    return MODES.index(mode if distance is None else FIXED_DISTANCE), distance or 0


def task_at(task: Task, mode: str, trained: int, length: int) -> Task:
    """A task trained at one length, set to another. Raises ValueError if the mode does not exist for it."""
    if mode == GROWING_LOAD:
        task.check_length(length)
        full = trained == task.min_length  # then a blank would be a token that training never showed
        requested = length if full else grown(getattr(task, task.load), trained, length)
        return task.at_load(largest_load(task, requested, length))
    if (distance := distance_of(mode)) is None:
        return task
    from recall_tasks import TASKS, Task  # numpy, which help and queries do without

    if type(task).at_distance is Task.at_distance:
        able = [name for name, kind in TASKS.items() if kind.at_distance is not Task.at_distance]
        raise ValueError(f"{task.name} cannot be asked at a fixed distance: {', '.join(able)} can")
    return task.at_distance(distance, length)


def grown(load: int, trained: int, length: int) -> int:
    """The load in proportion to the length."""
    return max(1, load * length // trained)


def largest_load(task: Task, requested: int, length: int) -> int:
    """The largest load up to the requested one that the task allows and the sequence holds; at least 1."""

    def fits(load: int) -> bool:
        try:
            return task.at_load(load).min_length <= length
        except ValueError:
            return False

    low, high = 1, requested
    if fits(high):
        return high
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def at_fixed_load(table: pd.DataFrame) -> pd.DataFrame:
    """Records tested with the load of training."""
    return table[table["mode"] == FIXED_LOAD]
