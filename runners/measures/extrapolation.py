"""A finished run, asked at lengths it never trained on: one factor at a time (see `modes`).

What is wanted, as JSON:

    ladder     multiples of the training length
    lengths    lengths in tokens, besides
    rows       test rows at each length; missing: `default_rows`
    mode       "fixed load" (as if missing), "growing load" or "fixed distance"
    distance   tokens, for "fixed distance"; missing: half the training length
    seconds    stop before a length that would take the run past so many; missing: never
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from models import SequenceModel
from recall_tasks import Stream

from ..config.length_modes import FIXED_DISTANCE, FIXED_LOAD, MODES, named, order, task_at
from ..config.messages import Notice, Watch, unheard
from ..config.run import Run
from ..evaluation.breakdown import breakdown_records, distance_records
from ..evaluation.evaluate import outputs, score, score_record, sequence_records
from .projection import clock, projected

RECORD = "extrapolation.json"
SHAPE = {"done": list, "scores": list, "distances": list, "sequences": list}
LADDER = (1, 2, 4, 8, 16)
FAR = (*LADDER, 32, 64)
ROWS, LEAST_ROWS, TOKENS = 256, 16, 2**22
TABLES = ("scores", "distances", "breakdown", "sequences")
KEYS = ("ladder", "lengths", "rows", "mode", "distance", "seconds")
LONG = 60.0
"""Seconds from which on what is to come is told beforehand."""


def default_rows(length: int) -> int:
    """256 rows, fewer where they would be more than 4 million tokens in all, 16 at the least."""
    return min(ROWS, max(LEAST_ROWS, TOKENS // length))


def check(run: Run, wanted: Mapping[str, Any]) -> None:
    """Raises ValueError for a wish that cannot be read, and for a length, load or distance the task does not have."""
    if strange := [key for key in wanted if key not in KEYS]:
        raise ValueError(f"extrapolation has no {strange[0]!r}: choose of {', '.join(KEYS)}")
    mode = wanted.get("mode", FIXED_LOAD)
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}: choose one of {', '.join(MODES)}")
    if wanted.get("distance") is not None and mode != FIXED_DISTANCE:
        raise ValueError(f"a distance is for the mode {FIXED_DISTANCE.replace(' ', '-')}, not {mode.replace(' ', '-')}")
    whole = {"ladder": wanted.get("ladder", ()), "lengths": wanted.get("lengths", ())}
    whole |= {name: [wanted[name]] for name in ("rows", "distance") if wanted.get(name) is not None}
    for name, values in whole.items():
        if wrong := [value for value in values if type(value) is not int or value < 1]:
            raise ValueError(f"{name} takes whole numbers of at least 1, not {wrong[0]!r}")
    if wanted.get("seconds") is not None and not wanted["seconds"] > 0:
        raise ValueError(f"seconds must be above 0, not {wanted['seconds']}")
    tests = tests_of(wanted, run.task.length)
    if not tests:
        raise ValueError("extrapolation needs a ladder or lengths to test")
    for length, _ in tests:
        trained = run.task.task
        try:
            task = task_at(trained, mode_of(wanted, run.task.length), run.task.length, length)
            task.check_length(length)
        except ValueError as error:  # what it says to try is said of training
            mend = "longer rows or a shorter distance" if mode == FIXED_DISTANCE else "longer rows"
            raise ValueError(f"{str(error).partition(' (try ')[0]} (ask {mend})") from None
        if (task.vocab_size, task.answers) != (trained.vocab_size, trained.answers):
            raise ValueError(
                f"{task.name} has other tokens with {task.load_words} than with {trained.load_words}: "
                f"{run.name} knows the latter alone"
            )


def mode_of(wanted: Mapping[str, Any], trained: int) -> str:
    """The mode as tables name it."""
    return named(wanted.get("mode", FIXED_LOAD), wanted.get("distance"), trained)


def tests_of(wanted: Mapping[str, Any], trained: int) -> list[tuple[int, int]]:
    """Length and rows of each test, the shortest first."""
    lengths = {multiple * trained for multiple in wanted.get("ladder", ())} | set(wanted.get("lengths", ()))
    return [(length, wanted.get("rows") or default_rows(length)) for length in sorted(lengths)]


def remaining(record: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The lengths not yet tested in this mode with as many rows."""
    if record is None:
        return dict(wanted)
    record, trained = with_modes(record), record["length"]
    mode = mode_of(wanted, trained)
    tested = {done["length"]: done["rows"] for done in record["done"] if done["mode"] == mode}
    left = [length for length, rows in tests_of(wanted, trained) if tested.get(length, 0) < rows]
    return {key: value for key, value in wanted.items() if key != "ladder"} | {"lengths": left} if left else None


def parts(
    run: Run, wanted: Mapping[str, Any], record: Mapping[str, Any] | None, watch: Watch
) -> Iterator[Mapping[str, Any]]:
    """One length at a time, the shortest first, so that each is kept when it is whole.

    Tells what the longer ones will take, from what shorter ones took, and stops before `seconds` are over.
    """
    trained = run.task.length
    mode, tests, began = mode_of(wanted, trained), tests_of(wanted, trained), time.monotonic()
    done = with_modes(record)["done"] if record else []
    taken = {d["length"]: d["seconds"] / d["rows"] for d in done if d["mode"] == mode and d.get("seconds") is not None}
    told, limit = False, wanted.get("seconds")
    for i, (length, rows) in enumerate(tests):
        ahead = {n: rows_n * (projected(taken.items(), n) or 0.0) for n, rows_n in tests[i:]}
        spent = time.monotonic() - began
        if limit is not None and spent + ahead[length] > limit:
            watch(
                Notice(
                    f"{run.name}: stopped before {length:,} tokens, which would take about {clock(ahead[length])} "
                    f"({clock(spent)} of {clock(limit)} spent; what was measured is kept)"
                )
            )
            return
        if not told and len(taken) > 1 and sum(ahead.values()) > LONG:  # the first length pays for the start
            each = ", ".join(f"{n:,} tokens {clock(seconds)}" for n, seconds in ahead.items())
            watch(Notice(f"{run.name}: about {clock(sum(ahead.values()))} to come: {each}"))
            told = True
        start = time.monotonic()
        yield {key: value for key, value in wanted.items() if key != "ladder"} | {"lengths": [length], "rows": rows}
        taken[length] = (time.monotonic() - start) / rows


def measure(
    run: Run, model: SequenceModel, wanted: Mapping[str, Any], watch: Watch = unheard
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Scores at each length: {"length" (of training), "done", "scores", "distances", "breakdown", "sequences"}.

    The test rows of a length are the same for every model and seed, so comparisons are paired. Rows are read
    in pieces through the state: memory does not grow with length, save what the state itself holds.
    """
    trained = run.task.length
    mode = mode_of(wanted, trained)
    record: dict[str, Any] = {"length": trained, "done": []} | {table: [] for table in TABLES}
    kept: dict[str, Tensor] = {}
    for length, rows in tests_of(wanted, trained):
        began = time.monotonic()
        watch(f"testing {length:,} tokens")

        def heard(done: int, length: int = length, rows: int = rows, began: float = began) -> None:
            left = (time.monotonic() - began) / done * (rows - done)
            if done < rows and left >= 1:
                watch(f"testing {length:,} tokens: {done} of {rows} rows, about {clock(left)} left")

        task = task_at(run.task.task, mode, trained, length)
        scored = score(model, Stream(task, length, "test"), rows, heard=heard)
        tables = {
            "scores": [score_record(run, model, scored, task, length)],
            "distances": distance_records(scored, length),
            "breakdown": breakdown_records(scored, length),
            "sequences": sequence_records(scored, length),
        }
        for table, found in tables.items():
            record[table] += [{"mode": mode, **row} for row in found]
        seconds = round(time.monotonic() - began, 3)
        record["done"].append({"mode": mode, "length": length, "rows": rows, "seconds": seconds})
        kept |= outputs(scored, str(length) if mode == FIXED_LOAD else f"{mode}/{length}")
    return record, kept


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Both records, the new one's where both tested a length in one mode."""

    def place(row: Mapping[str, Any]) -> tuple[int, int, int]:
        return *order(row["mode"]), row["length"]

    old, again = with_modes(old), {place(done) for done in new["done"]}
    return {"length": new["length"]} | {
        table: sorted([row for row in old[table] if place(row) not in again] + new[table], key=place)
        for table in ("done", *TABLES)
    }


def with_modes(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it is written now. Older ones knew one mode, and counted in multiples of the training length."""
    trained = record["length"]
    done = [
        d if isinstance(d, dict) else {"mode": FIXED_LOAD, "length": d[0] * trained, "rows": d[1], "seconds": None}
        for d in record["done"]
    ]
    tables = {table: [{"mode": FIXED_LOAD} | row for row in record.get(table, ())] for table in TABLES}
    return {"length": trained, "done": done} | tables
