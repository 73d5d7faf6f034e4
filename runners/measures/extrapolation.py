"""Length extrapolation: a finished run tested at lengths it never trained on, one factor at a time.

A request has the keys that `Extrapolation.flags` fill: ladder, lengths, rows, mode (as `length_modes` has it),
distance, seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..config.length_modes import FIXED_DISTANCE, FIXED_LOAD, MODES, mode_name, order, task_at
from ..config.messages import Notice, Watch, silent
from ..evaluation.columns import TESTED
from ..formatting import clock
from ..storage.records import NULL, NUMBER
from .measure import SEQUENCES, Flag, Measure, Measured, Record, Request, check_values

if TYPE_CHECKING:
    from torch import Tensor

    from models import SequenceModel

    from ..config.run import Run
    from ..evaluation.scored_table import ScoredTable

LADDER = (1, 2, 4, 8, 16)
FAR = (*LADDER, 32, 64)
ROWS, TOKENS = 256, 2**22
LEAST_ROWS = 40
"""Of fewer than 35 sequences, however well they are answered, nothing can be said to hold above THRESHOLD."""
THRESHOLD = 0.9
LONG = 60.0
"""Seconds from which on the time to come is told beforehand."""


class Extrapolation(Measure):
    """Accuracy at lengths beyond training, with load, growth of load or distance held fixed."""

    name = "extrapolation"
    command = "extrapolate"
    meaning = "test finished runs at lengths they never trained on"
    description = (
        "Test finished runs on longer sequences than in training, in constant memory, one factor at a time.\n"
        "Each length is saved as soon as it is measured; asking again adds to it and repeats nothing.\n\n"
        "  fixed-load      as many items as in training, however long the sequence\n"
        "  growing-load    items in proportion to the length, as far as the task's alphabets go\n"
        "  fixed-distance  every question --distance tokens after its answer: the past before both grows"
    )
    tables = TESTED
    shape = {"length?": int, "done": [({"mode": str, "length": int, "rows": int, "seconds": (*NUMBER, NULL)}, [int])]}  # noqa: RUF012
    newer = ("breakdown",)
    flags = (
        Flag("ladder", int, f"multiples of the training length (default: {','.join(map(str, FAR))}; none with "
             "--lengths)", least=1, several=True),
        Flag("lengths", int, "lengths in tokens, such as 512,1_000_000", least=1, several=True),
        Flag("mode", str, "what grows", "fixed-load", choices=lambda: [mode.replace(" ", "-") for mode in MODES]),
        Flag("distance", int, "tokens, for fixed-distance (default: half the training length)", least=1),
        Flag(SEQUENCES[1], int, f"test sequences at each length (default: {ROWS}, fewer past 16,384 tokens, "
             f"{LEAST_ROWS} from {TOKENS // LEAST_ROWS + 1:,} on)", least=1, key=SEQUENCES[0]),
        Flag("seconds", float, "stop a run before a length that would take it past so many"),
        Flag("threshold", float, "accuracy above which a memory still holds", THRESHOLD, key=None),
    )  # fmt: skip

    def request(self, given: Mapping[str, Any]) -> Request:
        if not 0 < given["threshold"] < 1:
            raise ValueError(f"--threshold is an accuracy between 0 and 1, not {given['threshold']:g}")
        request = {**super().request(given), "mode": given["mode"].replace("-", " ")}
        for key in ("ladder", "lengths"):
            request[key] = sorted(set(given.get(key) or ()))
        if not request["ladder"] and not request["lengths"]:
            request["ladder"] = list(FAR)
        return {key: value for key, value in request.items() if value != []}

    def check(self, run: Run, request: Request) -> None:
        """Raise ValueError for a request that cannot be read, and for a length, load or distance the task lacks."""
        check_values(self, request)
        mode = request.get("mode", FIXED_LOAD)
        if mode not in MODES:
            raise ValueError(f"unknown mode {mode!r}: choose one of {', '.join(MODES)}")
        if request.get("distance") is not None and mode != FIXED_DISTANCE:
            modes = FIXED_DISTANCE.replace(" ", "-"), mode.replace(" ", "-")
            raise ValueError(f"a distance is for the mode {modes[0]}, not {modes[1]}")
        if request.get("seconds") is not None and not request["seconds"] > 0:
            raise ValueError(f"seconds must be above 0, not {request['seconds']}")
        tests = tests_of(request, run.task.length)
        if not tests:
            raise ValueError("extrapolation needs a ladder or lengths to test")
        for length, _ in tests:
            trained = run.task.task
            try:
                task = task_at(trained, mode_of(request, run.task.length), run.task.length, length)
                task.check_length(length)
            except ValueError as error:  # its mend speaks of training
                mend = "longer sequences or a shorter distance" if mode == FIXED_DISTANCE else "longer sequences"
                raise ValueError(f"{str(error).partition(' (try ')[0]} (ask {mend})") from None
            if (task.vocab_size, task.answers) != (trained.vocab_size, trained.answers):
                raise ValueError(
                    f"{task.name} has other tokens with {task.load_words} than with {trained.load_words}: "
                    f"{run.name} knows the latter alone"
                )

    def remaining(self, record: Record | None, request: Request) -> Request | None:
        """The lengths not yet tested in this mode with as many sequences."""
        if record is None:
            return dict(request)
        record, trained = with_modes(record), record["length"]
        mode = mode_of(request, trained)
        tested = {done["length"]: done["rows"] for done in record["done"] if done["mode"] == mode}
        left = [length for length, rows in tests_of(request, trained) if tested.get(length, 0) < rows]
        return {key: value for key, value in request.items() if key != "ladder"} | {"lengths": left} if left else None

    def parts(self, run: Run, request: Request, record: Record | None, watch: Watch) -> Iterator[Request]:
        """One length at a time, the shortest first, so that each is saved when it is whole.

        Forecasts the time of the longer ones from the shorter ones, and stops before `seconds` are over.
        """
        trained = run.task.length
        mode, tests, began = mode_of(request, trained), tests_of(request, trained), time.monotonic()
        done = with_modes(record)["done"] if record else []
        timed = [d for d in done if d["mode"] == mode and d.get("seconds") is not None]
        taken = {d["length"]: d["seconds"] / d["rows"] for d in timed}
        announced, limit = False, request.get("seconds")
        for i, (length, rows) in enumerate(tests):
            ahead = {n: rows_n * (forecast(taken.items(), n) or 0.0) for n, rows_n in tests[i:]}
            spent = time.monotonic() - began
            if limit is not None and spent + ahead[length] > limit:
                what = f"stopped before {length:,} tokens, which would take about {clock(ahead[length])}"
                so_far = f"{clock(spent)} of {clock(limit)} spent; what was measured is saved"
                watch(Notice(f"{run.name}: {what} ({so_far})"))
                return
            if not announced and len(taken) > 1 and sum(ahead.values()) > LONG:  # the first length pays for the start
                each = ", ".join(f"{n:,} tokens {clock(seconds)}" for n, seconds in ahead.items())
                watch(Notice(f"{run.name}: about {clock(sum(ahead.values()))} to come: {each}"))
                announced = True
            start = time.monotonic()
            rest = {key: value for key, value in request.items() if key != "ladder"}
            yield rest | {"lengths": [length], "rows": rows}
            taken[length] = (time.monotonic() - start) / rows

    def measure(self, run: Run, model: SequenceModel, request: Request, watch: Watch = silent) -> Measured:
        """Scores at each length: {"length" (of training), "done"} and the tables.

        The test sequences of a length are the same for every model and seed, so comparisons are paired. They are
        read in pieces through the state: memory does not grow with length, save what the state itself holds.
        """
        from ..evaluation.evaluate import outputs  # torch
        from ..evaluation.scored_table import score_tables

        trained = run.task.length
        mode = mode_of(request, trained)
        record: Record = {"length": trained, "done": []} | {table.name: [] for table in TESTED}
        answers: dict[str, Tensor] = {}
        for length, rows in tests_of(request, trained):
            began = time.monotonic()
            task = task_at(run.task.task, mode, trained, length)
            scored, tables = score_tables(run, model, task, length, rows, watch)
            for table, records in tables.items():
                record[table] += [{"mode": mode, **one} for one in records]
            seconds = round(time.monotonic() - began, 3)
            record["done"].append({"mode": mode, "length": length, "rows": rows, "seconds": seconds})
            answers |= outputs(scored, str(length) if mode == FIXED_LOAD else f"{mode}/{length}")
        return record, answers

    def merge(self, old: Record, new: Record) -> Record:
        """Both records; the new one's tests where both tested a length in one mode."""

        def place(one: Mapping[str, Any]) -> tuple[int, int, int]:
            return *order(one["mode"]), one["length"]

        old, again = with_modes(old), {place(done) for done in new["done"]}
        return {"length": new["length"]} | {
            table: sorted([one for one in old[table] if place(one) not in again] + new[table], key=place)
            for table in ("done", *(table.name for table in TESTED))
        }

    def scored_tables(self) -> tuple[ScoredTable, ...]:
        from ..evaluation.scored_table import SCORES  # torch

        return (SCORES,)


def default_sequences(length: int) -> int:
    """Test sequences at a length: 256, fewer where they would be more than 4 million tokens, 40 at the least."""
    return min(ROWS, max(LEAST_ROWS, TOKENS // length))


def mode_of(request: Request, trained: int) -> str:
    """The mode as tables name it."""
    return mode_name(request.get("mode", FIXED_LOAD), request.get("distance"), trained)


def tests_of(request: Request, trained: int) -> list[tuple[int, int]]:
    """Length and sequences of each test, the shortest first."""
    lengths = {multiple * trained for multiple in request.get("ladder", ())} | set(request.get("lengths", ()))
    return [(length, request.get("rows") or default_sequences(length)) for length in sorted(lengths)]


def with_modes(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it is written now. Older ones knew one mode, and counted in multiples of the training length."""
    trained, mode = record["length"], {"mode": FIXED_LOAD}
    done = [
        d if isinstance(d, dict) else mode | {"length": d[0] * trained, "rows": d[1], "seconds": None}
        for d in record["done"]
    ]
    tables = {table.name: [mode | one for one in record.get(table.name, ())] for table in TESTED}
    return {"length": trained, "done": done} | tables


def forecast(taken: Iterable[tuple[int, float]], length: int) -> float | None:
    """Time forecast for a sequence of this length, in seconds; None where no length is known.

    taken   (length, seconds a sequence) of the lengths known

    Time grows as a power of length between 1 (a state of one size) and 2 (a look at everything before): that
    of the two longest known. Short sequences hide it behind the cost of every call, so it errs to the low side there.
    """
    known = sorted(taken)
    if not known:
        return None
    last, seconds = known[-1]
    power = 1.0
    if len(known) > 1 and min(known[-2][1], seconds) > 0:
        before, less = known[-2]
        power = min(2.0, max(1.0, math.log(seconds / less) / math.log(last / before)))
    return float(seconds * (length / last) ** power)
