"""Scores recomputed from the saved answers and the test sequences.

A run saves its answer to every question of its test sequences (`outputs.safetensors`). The sequences are sampled
again from their stream, so that neither questions nor true answers rest on the files; then scores, distances,
breakdown and sequences must equal the records: counts and words exactly, other numbers to a billionth, for the last
digit of a quantile differs between releases of SciPy. Results that only the model or its training could
repeat (curves, probes, seconds) are not recomputed, but their digests are checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from models import SequenceModel
from recall_tasks import Stream

from .. import storage
from ..config.run import Run
from ..evaluation.columns import RESULT
from ..evaluation.evaluate import Predictions
from ..evaluation.scored_table import SCORES, ScoredTable
from ..measures import MEASURES
from ..measures.requests import record_of

Record = Mapping[str, Any]

TOKENS = 2**22
"""Tokens sampled at once: bounds the memory that a long sequence takes."""
ANSWERS = ("queries", "origins", "answers", "predicted")
OLD_ANSWERS = ("asked", "origins", "answers", "said")
"""The same in older records."""
OF_STATE = ("state_bytes", "ceiling", "state_floats", "bits_per_state_bit")
"""Columns that older records, without `state_bytes_at_end`, have of the state after the last token."""


def rescore(place: Path) -> list[str]:
    """The mistakes in a finished run, a line each.

    Raises ValueError if there is no run, storage.CorruptRun if a file does not match its digest.
    """
    run, result = storage.load_run(place), storage.load_result(place, RESULT)
    if "outputs" not in result:
        return ["no answers are saved to recompute its scores from (it is older than they are)"]
    wrong = []
    checksum = Stream(run.task.task, run.task.length, "test").checksum()
    if checksum != result["checksum"]:
        wrong.append(f"its test sequences have the checksum {result['checksum']}, those sampled now {checksum}")
    wrong += differences(run, (SCORES,), result, storage.load_tensors(place, "outputs", result["outputs"]))
    for name, measure in MEASURES.items():
        if record := record_of(place, name):
            saved: dict[str, Tensor] = {}
            for file in record.get("outputs", ()):  # later ones replace what they tested again
                saved |= storage.load_tensors(place, file["name"], file["digest"])
            wrong += [f"{name}: {line}" for line in differences(run, measure.scored_tables(), record, saved)]
    for path in place.glob("*.json"):
        storage.read_record(path)
    return wrong


def differences(run: Run, tables: Sequence[ScoredTable], record: Record, saved: Mapping[str, Tensor]) -> list[str]:
    """Differences between a record and the scores that its saved answers give.

    saved   `key/queries`, `key/origins`, `key/answers`, `key/predicted`, each [sequences, Q]; the questions of a key
            show which test it belongs to
    """
    tests = [(table, one) for table in tables for one in record.get(table.name, ())]
    of_tests = any(table.name in record for table in tables)  # tensors of other measures are no answers
    keys = dict.fromkeys(name.rpartition("/")[0] for name in saved) if of_tests else ()
    answers = {key: predictions_of(saved, key) for key in keys}
    unused, wrong = set(answers), list[str]()
    for table, one in tests:
        tested = table.run(run, one)
        stream, model = Stream(table.task(tested, one), one["length"], "test"), tested.build()
        found = {
            key: list(mismatches(tested, model, record, table, one, scored, stream))
            for key, scored in answers.items()
            if is_test_of(scored, stream, one["num_sequences"])
        }
        unused -= {key for key, lines in found.items() if not lines}
        if not found:
            wrong.append(f"at {one['length']:,} tokens no answers are saved to the questions of its task")
        elif all(found.values()):
            wrong += sorted(found.values(), key=len)[0]
    return wrong or [f"the answers under {key} give none of its scores" for key in answers if key in unused]


def predictions_of(saved: Mapping[str, Tensor], key: str) -> Predictions:
    """The answers under a key. Raises ValueError if one of their tensors is missing."""
    names = ANSWERS if f"{key}/queries" in saved else OLD_ANSWERS
    try:
        return Predictions(*(saved[f"{key}/{name}"].numpy() for name in names))
    except KeyError as missing:
        raise ValueError(f"the saved answers lack {missing}") from None


def is_test_of(scored: Predictions, stream: Stream, sequences: int) -> bool:
    """True for answers to the first sequences of the stream, at the same positions and with the same true answers."""
    if len(scored.answers) != sequences:
        return False
    start = 0
    for batch in stream.batches(max(1, min(64, TOKENS // stream.length)), 0, sequences):
        here = slice(start, start + len(batch))
        sampled = ((batch.asked, scored.queries), (batch.origins, scored.origins), (batch.answers, scored.answers))
        if not all(np.array_equal(theirs, ours[here]) for theirs, ours in sampled):
            return False
        start += len(batch)
    return True


def mismatches(
    run: Run, model: SequenceModel, record: Record, table: ScoredTable, one: Record, scored: Predictions, stream: Stream
) -> Iterator[str]:
    """A line for each table of a test that differs from the scores its answers give."""
    where = f"at {stream.length:,} tokens"
    yield from unlike([one], [table.record(run, model, scored, stream.task, stream.length)], f"{table.name} {where}")
    about = ("length", *table.about)
    for name, recomputed in table.others.items():
        if name in record:
            mine = [r for r in record[name] if all(r[c] == one[c] for c in about if c in r and c in one)]
            yield from unlike(mine, recomputed(scored, stream.length), f"{name} {where}")


def unlike(said: Sequence[Record], given: Sequence[Record], where: str) -> Iterator[str]:
    """The first difference of two tables, beyond the last digits, in the columns that both have."""
    if len(said) != len(given):
        yield f"{where}: {len(said)} rows, the answers give {len(given)}"
        return
    for mine, theirs in zip(said, json.loads(json.dumps(given)), strict=True):
        older = OF_STATE if "state_bytes_at_end" not in mine else ()
        for name, value in theirs.items():
            if name in mine and name not in older and not same(mine[name], value):
                yield f"{where}: {name} is {mine[name]}, the answers give {value}"
                return


def same(one: Any, other: Any) -> bool:
    """True for equal values, and for floats that agree to a billionth."""
    floats = isinstance(one, float) and isinstance(other, float)
    return one == other or (floats and math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12))
