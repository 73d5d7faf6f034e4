"""Tests of a run: the tables that follow from its answers, when they are given and whenever they are read again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models import SequenceModel
from recall_tasks import Stream, Task

from ..config.length_modes import FIXED_LOAD, GROWING_LOAD, task_at
from ..config.messages import Watch, silent
from ..config.run import Run
from ..formatting import clock
from .breakdown import breakdown_records, distance_records
from .evaluate import Predictions, score, score_record, sequence_records

Record = Mapping[str, Any]


@dataclass(frozen=True)
class ScoredTable:
    """A table with one record for each test.

    task     the task that a record is about
    record   the record that follows from the answers
    others   tables of the same test, such as one of its sequences, that follow from the answers and the length
    about    columns that say which test of a record file a record belongs to, besides its length
    run      the run whose model answered: another one where the memory was swapped
    """

    name: str
    task: Callable[[Run, Record], Task]
    record: Callable[[Run, SequenceModel, Predictions, Task, int], Record]
    others: Mapping[str, Callable[[Predictions, int], Sequence[dict[str, Any]]]]
    about: tuple[str, ...] = ()
    run: Callable[[Run, Record], Run] = lambda run, record: run


def tested_task(run: Run, record: Record) -> Task:
    """The task of a record of `scores`."""
    if record.get("mode") == GROWING_LOAD:
        return run.task.task.at_load(record["load"])
    return task_at(run.task.task, record.get("mode", FIXED_LOAD), run.task.length, record["length"])


SCORES = ScoredTable(
    "scores",
    tested_task,
    score_record,
    {"distances": distance_records, "breakdown": breakdown_records, "sequences": sequence_records},
    ("load", "mode"),
)


def score_tables(
    run: Run, model: SequenceModel, task: Task, length: int, sequences: int, watch: Watch = silent
) -> tuple[Predictions, dict[str, list[dict[str, Any]]]]:
    """Test a model on a task's first test sequences: its answers, and records of `evaluation.columns.TESTED`."""
    start = time.monotonic()
    watch(f"testing {length:,} tokens")

    def progress(done: int) -> None:
        left = (time.monotonic() - start) / done * (sequences - done)
        if done < sequences and left >= 1:
            watch(f"testing {length:,} tokens: {done} of {sequences} sequences, about {clock(left)} left")

    scored = score(model, Stream(task, length, "test"), sequences, watch=progress)
    others = {name: list(records(scored, length)) for name, records in SCORES.others.items()}
    return scored, {"scores": [score_record(run, model, scored, task, length)], **others}
