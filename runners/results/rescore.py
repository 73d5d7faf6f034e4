"""Scores worked out again, from the saved answers and the questions that were asked.

A run keeps its answer to every question of its test sequences (`outputs.safetensors`). The sequences themselves are
drawn again from their stream, so that neither the questions nor the right answers are taken on trust; then
scores, distances, breakdown and sequences must be what the records say, to the last digit. What only training or
the model itself could repeat (curves, probes, seconds) is not worked out again; its digests are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from models import SequenceModel
from recall_tasks import Stream

from .. import storage
from ..config.run import Run
from ..evaluation.evaluate import Predictions
from ..evaluation.scored_table import SCORES, ScoredTable
from ..measures import MEASURES

Record = Mapping[str, Any]

TOKENS = 2**22
"""Tokens drawn at once: bounds the memory that a long sequence takes."""
ANSWERS = ("queries", "origins", "answers", "predicted")
OLD_ANSWERS = ("asked", "origins", "answers", "said")
"""The same in records written before 0.2."""


def rescore(place: Path) -> list[str]:
    """What is wrong with a finished run, a line each; none where all is as it says.

    Raises ValueError where there is no run, storage.CorruptRun where a file does not match its digest.
    """
    run, result = storage.load_run(place), storage.load_result(place)
    if "outputs" not in result:
        return ["no answers are kept to work its scores out from (it is older than they are)"]
    wrong = []
    drawn = Stream(run.task.task, run.task.length, "test").checksum()
    if drawn != result["checksum"]:
        wrong.append(f"its test rows have the checksum {result['checksum']}, those drawn now {drawn}")
    wrong += differences(run, (SCORES,), result, storage.load_tensors(place, "outputs", result["outputs"]))
    for name, measure in MEASURES.items():
        if (place / measure.file).is_file():
            record = storage.load_record(place / measure.file, {})
            kept: dict[str, Tensor] = {}
            for file in record.get("outputs", ()):  # later ones replace what they tested again
                kept |= storage.load_tensors(place, file["name"], file["digest"])
            wrong += [f"{name}: {line}" for line in differences(run, measure.scored_tables(), record, kept)]
    for path in place.glob("*.json"):
        storage.read_record(path)
    return wrong


def differences(run: Run, tables: Sequence[ScoredTable], record: Record, kept: Mapping[str, Tensor]) -> list[str]:
    """Where a record does not say what the kept answers give.

    kept   `key/queries`, `key/origins`, `key/answers`, `key/predicted`, each [rows, Q]; which test a key is about shows
           in its questions
    """
    tests = [(table, one) for table in tables for one in record.get(table.name, ())]
    of_tests = any(table.name in record for table in tables)  # tensors of other measures are no answers
    keys = dict.fromkeys(name.rpartition("/")[0] for name in kept) if of_tests else ()
    answers = {key: scored_of(kept, key) for key in keys}
    unsaid, wrong = set(answers), list[str]()
    for table, one in tests:
        tested = table.run(run, one)
        stream, model = Stream(table.task(tested, one), one["length"], "test"), tested.build()
        mine = {key: scored for key, scored in answers.items() if asks(scored, stream, one["num_sequences"])}
        found = {key: list(against(tested, model, record, table, one, scored, stream)) for key, scored in mine.items()}
        unsaid -= {key for key, lines in found.items() if not lines}
        if not found:
            wrong.append(f"at {one['length']:,} tokens no answers are kept to the questions that the task asks")
        elif all(found.values()):
            wrong += sorted(found.values(), key=len)[0]
    return wrong or [f"the answers under {key} give none of its scores" for key in answers if key in unsaid]


def scored_of(kept: Mapping[str, Tensor], key: str) -> Predictions:
    """The answers under a key. Raises ValueError where one of their tensors is missing."""
    try:
        return Predictions(
            *(kept[f"{key}/{name}"].numpy() for name in (ANSWERS if f"{key}/queries" in kept else OLD_ANSWERS))
        )
    except KeyError as missing:
        raise ValueError(f"the answers kept lack {missing}") from None


def asks(scored: Predictions, stream: Stream, rows: int) -> bool:
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
    run: Run, model: SequenceModel, record: Record, table: ScoredTable, one: Record, scored: Predictions, stream: Stream
) -> Iterator[str]:
    """What one test says against what its answers give."""
    where = f"at {stream.length:,} tokens"
    yield from unlike([one], [table.record(run, model, scored, stream.task, stream.length)], f"{table.name} {where}")
    about = ("length", *table.about)
    for name, worked_out in table.others.items():
        if name in record:
            mine = [r for r in record[name] if all(r[c] == one[c] for c in about if c in r and c in one)]
            yield from unlike(mine, worked_out(scored, stream.length), f"{name} {where}")


def unlike(said: Sequence[Record], given: Sequence[Record], where: str) -> Iterator[str]:
    """The first difference of two tables, to the last digit, in the columns that both have."""
    if len(said) != len(given):
        yield f"{where}: {len(said)} rows, the answers give {len(given)}"
        return
    for mine, theirs in zip(said, json.loads(json.dumps(given)), strict=True):
        for name, value in theirs.items():
            if name in mine and mine[name] != value:
                yield f"{where}: {name} is {mine[name]}, the answers give {value}"
                return
