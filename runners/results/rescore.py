"""Work every score out again, from the answers that were kept and the rows that were asked.

A run keeps what it said to every question of its test rows (`outputs.safetensors`). The rows themselves are
drawn again from their stream, so that neither the questions nor the right answers are taken on trust; then
scores, distances, cells and rows must be what the records say, to the last digit. What only training or
the model itself could repeat (curves, probes, seconds) is not worked out again; its digests are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from models import SequenceModel
from recall_tasks import Stream, Task
from recall_tasks.generators.blend import Blend

from .. import storage
from ..config.length_modes import FIXED_LOAD, task_at
from ..config.run import Run
from ..evaluation.breakdown import breakdown_records, distance_records
from ..evaluation.evaluate import Scored, score_record, sequence_records
from ..measures.capacity import capacity_record
from ..measures.registry import MEASURES

Row = Mapping[str, Any]

TOKENS = 2**22
"""Tokens drawn at once: bounds the memory that a long row takes."""
ANSWERS = ("queries", "origins", "answers", "predicted")
OLD_ANSWERS = ("asked", "origins", "answers", "said")
"""The same in records written before 0.2."""
OF_A_TEST = ("length", "load", "mode")
"""Columns that say to which test of a record a row belongs, where it has them."""


def tested(run: Run, row: Row) -> Task:
    """The task that a row of `scores` is about."""
    return task_at(run.task.task, row.get("mode", FIXED_LOAD), run.task.length, row["length"])


def loaded(run: Run, row: Row) -> Task:
    """The task that a row of `capacity` is about."""
    trained = run.task.task
    return (trained.whole if isinstance(trained, Blend) else trained).at_load(row["load"])


@dataclass(frozen=True)
class Kind:
    """A table with a row for each test: what was asked there, how its row is worked out, and its other tables."""

    name: str
    task: Callable[[Run, Row], Task]
    row: Callable[[Run, SequenceModel, Scored, Task, int], Row]
    others: Mapping[str, Callable[[Scored, int], Sequence[Row]]]


KINDS = (
    Kind(
        "scores",
        tested,
        score_record,
        {"distances": distance_records, "breakdown": breakdown_records, "sequences": sequence_records},
    ),
    Kind("capacity", loaded, capacity_record, {"capacity_sequences": sequence_records}),
)


def rescore(place: Path) -> list[str]:
    """What is wrong with a finished run, a line each; none where all is as it says.

    Raises ValueError where there is no run, storage.CorruptRun where a file does not match its digest.
    """
    run, result = storage.load_run(place), storage.load_result(place)
    if "outputs" not in result:
        return ["no answers are kept to work its scores out from (it is older than they are)"]
    model, wrong = run.build(), []
    drawn = Stream(run.task.task, run.task.length, "test").checksum()
    if drawn != result["checksum"]:
        wrong.append(f"its test rows have the checksum {result['checksum']}, those drawn now {drawn}")
    wrong += differences(run, model, result, storage.load_tensors(place, "outputs", result["outputs"]))
    for name, measure in MEASURES.items():
        if (place / measure.RECORD).is_file():
            record = storage.load_record(place / measure.RECORD, {})
            kept: dict[str, Tensor] = {}
            for file in record.get("outputs", ()):  # later ones replace what they tested again
                kept |= storage.load_tensors(place, file["name"], file["digest"])
            wrong += [f"{name}: {line}" for line in differences(run, model, record, kept)]
    for path in place.glob("*.json"):
        storage.read_record(path)
    return wrong


def differences(run: Run, model: SequenceModel, record: Row, kept: Mapping[str, Tensor]) -> list[str]:
    """Where a record does not say what the kept answers give.

    kept   `key/queries`, `key/origins`, `key/answers`, `key/predicted`, each [rows, Q]; which test a key is about shows
           in its questions
    """
    tests = [(kind, row) for kind in KINDS for row in record.get(kind.name, ())]
    of_tests = any(kind.name in record for kind in KINDS)  # what other measures keep are no answers
    keys = dict.fromkeys(name.rpartition("/")[0] for name in kept) if of_tests else ()
    answers = {key: scored_of(kept, key) for key in keys}
    unsaid, wrong = set(answers), list[str]()
    for kind, row in tests:
        stream = Stream(kind.task(run, row), row["length"], "test")
        mine = {key: scored for key, scored in answers.items() if asks(scored, stream, row["num_sequences"])}
        found = {key: list(against(run, model, record, kind, row, scored, stream)) for key, scored in mine.items()}
        unsaid -= {key for key, lines in found.items() if not lines}
        if not found:
            wrong.append(f"at {row['length']:,} tokens no answers are kept to the questions that the task asks")
        elif all(found.values()):
            wrong += sorted(found.values(), key=len)[0]
    return wrong or [f"the answers under {key} give none of its scores" for key in answers if key in unsaid]


def scored_of(kept: Mapping[str, Tensor], key: str) -> Scored:
    """The answers under a key. Raises ValueError where one of their tensors is missing."""
    try:
        return Scored(
            *(kept[f"{key}/{name}"].numpy() for name in (ANSWERS if f"{key}/queries" in kept else OLD_ANSWERS))
        )
    except KeyError as missing:
        raise ValueError(f"the answers kept lack {missing}") from None


def asks(scored: Scored, stream: Stream, rows: int) -> bool:
    """Whether these are the first rows of the stream, with their places and right answers."""
    if len(scored.answers) != rows:
        return False
    start, size = 0, max(1, min(64, TOKENS // stream.length))
    for batch in stream.batches(size, 0, rows):
        here = slice(start, start + len(batch))
        drawn = ((batch.asked, scored.queries), (batch.origins, scored.origins), (batch.answers, scored.answers))
        if not all(np.array_equal(theirs, ours[here]) for theirs, ours in drawn):
            return False
        start += len(batch)
    return True


def against(
    run: Run, model: SequenceModel, record: Row, kind: Kind, row: Row, scored: Scored, stream: Stream
) -> Iterator[str]:
    """What one test says against what its answers give."""
    where = f"at {stream.length:,} tokens"
    yield from unlike([row], [kind.row(run, model, scored, stream.task, stream.length)], f"{kind.name} {where}")
    for table, worked_out in kind.others.items():
        if table in record:
            said = [r for r in record[table] if all(r[c] == row[c] for c in OF_A_TEST if c in r and c in row)]
            yield from unlike(said, worked_out(scored, stream.length), f"{table} {where}")


def unlike(said: Sequence[Row], given: Sequence[Row], where: str) -> Iterator[str]:
    """The first difference of two tables, to the last digit, in the columns that both have."""
    if len(said) != len(given):
        yield f"{where}: {len(said)} rows, the answers give {len(given)}"
        return
    for mine, theirs in zip(said, json.loads(json.dumps(given)), strict=True):
        for name, value in theirs.items():
            if name in mine and mine[name] != value:
                yield f"{where}: {name} is {mine[name]}, the answers give {value}"
                return
