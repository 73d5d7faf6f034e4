"""Capacity: a finished run tested at growing loads in sequences of one length.

A request has the keys that `Capacity.flags` fill: loads, length, rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from models.notation import Mixer, format_stack
from models.stack import is_alone

from ..config.messages import Watch, silent
from ..evaluation.columns import ACCURACY, ANSWERS, BITS, BOUNDS, SIZES, TESTED_COUNTS
from ..storage.records import NULL
from ..storage.schema import Table, columns
from .measure import SEQUENCES, Flag, Measure, Measured, Record, Request, check_values

if TYPE_CHECKING:
    from torch import Tensor

    from models import SequenceModel
    from recall_tasks import Task

    from ..config.run import Run
    from ..evaluation.evaluate import Predictions
    from ..evaluation.scored_table import ScoredTable

ROWS = 256
LONGEST = 16
"""Times the training length: how long sequences may be for loads that nobody named."""

CAPACITY = Table(
    "capacity",
    "One record for each load: the load varies, the length does not.",
    (
        *SIZES,
        *columns("family: str | memories of one family differ in size alone"),
        *TESTED_COUNTS,
        *ACCURACY,
        *(bound for bound in BOUNDS if bound.name in ("chance", "bag", "ceiling")),
        *BITS,
        *columns("""
            state_floats: int | carried for one sequence at its fullest, in numbers
            bits_per_state_bit: float | recalled bits over bits of the state
        """),
    ),
)
CAPACITY_SEQUENCES = Table(
    "capacity_sequences",
    "One record for each sequence of those tests.",
    (*columns("load: int | items that it asks to store"), *ANSWERS),
)


class Capacity(Measure):
    """Accuracy against load: how much a memory holds."""

    name = "capacity"
    command = "capacity"
    meaning = "test finished runs at growing loads, and fit their capacity"
    description = (
        "Ask finished runs to hold more and more, in sequences of one length: accuracy against load, the load at\n"
        "which it falls to .5 and to .9, recalled bits a bit of state, and how that grows with the state.\n"
        "Asking again adds loads; nothing is measured twice."
    )
    tables = (CAPACITY, CAPACITY_SEQUENCES)
    shape = {"done": [[int]], "wishes": [{"loads": ([int], NULL), "length": (int, NULL), "rows": int}]}  # noqa: RUF012
    flags = (
        Flag("loads", int, "items to be stored (default: 1,2,4,... as far as the task's alphabets allow and sequences "
             f"of {LONGEST} times the training length are enough)", least=1, several=True),
        Flag("length", int, "tokens of a sequence at every load (default: the training length, or what the largest "
             "load needs)", least=1),
        Flag(SEQUENCES[1], int, "test sequences at each load", ROWS, least=1, key=SEQUENCES[0]),
    )  # fmt: skip

    def request(self, given: Mapping[str, Any]) -> Request:
        loads = given.get("loads")
        return {**super().request(given), **({"loads": sorted(set(loads))} if loads else {})}

    def check(self, run: Run, request: Request) -> None:
        """Raise ValueError for loads that do not fit, and for a task that stores as much at any load."""
        check_values(self, {key: value for key, value in request.items() if key != "done"})
        if request.get("loads") is not None and not (isinstance(request["loads"], list) and request["loads"]):
            raise ValueError(f"loads are a list of integers, not {request['loads']!r}")
        plan(run, request)

    def remaining(self, record: Record | None, request: Request) -> Request | None:
        """The request, unless it was measured before; with what is `done`, so that it is not done again."""
        asked = with_defaults(request)
        if record is None:
            return asked
        same = [w for w in record["wishes"] if w["loads"] == asked["loads"] and w["length"] == asked["length"]]
        return None if any(w["rows"] >= asked["rows"] for w in same) else asked | {"done": record["done"]}

    def measure(self, run: Run, model: SequenceModel, request: Request, watch: Watch = silent) -> Measured:
        """Accuracy at each load: {"wishes", "done"} and the tables.

        The test sequences of a load and length are the same for every model and seed.
        """
        from recall_tasks import Stream  # numpy, and with the next torch

        from ..evaluation.evaluate import outputs, score, sequence_records

        (tasks, length), rows = plan(run, request), request.get("rows", ROWS)
        record: Record = {"wishes": [with_defaults(request)], "done": []} | {table.name: [] for table in self.tables}
        answers: dict[str, Tensor] = {}
        for load, task in tasks.items():
            if any([length, load] == d[:2] and rows <= d[2] for d in request.get("done", [])):
                continue
            watch(f"testing {task.load_words} in {length:,} tokens")
            scored = score(model, Stream(task, length, "test"), rows)
            record["done"].append([length, load, rows])
            record["capacity"].append(capacity_record(run, model, scored, task, length))
            record["capacity_sequences"] += [{"load": load} | one for one in sequence_records(scored, length)]
            answers |= outputs(scored, f"{length}/{load}")
        return record, answers

    def merge(self, old: Record, new: Record) -> Record:
        """Both records; the new one's tests where both tested a load at a length."""
        again = {(length, load) for length, load, _ in new["done"]}
        record: Record = {"wishes": old["wishes"] + new["wishes"]}
        record["done"] = sorted([d for d in old["done"] if (d[0], d[1]) not in again] + new["done"])
        for table in (table.name for table in self.tables):
            others = [one for one in old[table] if (one["length"], one["load"]) not in again]
            record[table] = sorted(others + new[table], key=lambda one: (one["length"], one["load"]))
        return record

    def scored_tables(self) -> tuple[ScoredTable, ...]:
        from ..evaluation.evaluate import sequence_records  # torch
        from ..evaluation.scored_table import ScoredTable

        others = {"capacity_sequences": sequence_records}
        return (ScoredTable("capacity", loaded_task, capacity_record, others, ("load",)),)


def with_defaults(request: Request) -> dict[str, Any]:
    """A request with its defaults, as records hold it."""
    return {name: request.get(name) for name in ("loads", "length")} | {"rows": request.get("rows", ROWS)}


def loaded_task(run: Run, record: Mapping[str, Any]) -> Task:
    """The task of a record of `capacity`."""
    return unblended_task(run).at_load(record["load"])


def unblended_task(run: Run) -> Task:
    """The run's task; of a blend of loads, the task that is blended."""
    task: Task = getattr(run.task.task, "whole", run.task.task)
    return task


def plan(run: Run, request: Request) -> tuple[dict[int, Task], int]:
    """Tasks by load, and length, that a request means for this run. Raises ValueError where it cannot be asked.

    Without `loads`: 1, 2, 4, ... as far as the task's alphabets allow and sequences fit. Without `length`: the
    training length, or where the largest load does not fit, the shortest that it needs. A run trained on a
    blend of loads is asked the task that is blended.
    """
    trained, task = run.task.task, unblended_task(run)
    loads, length = request.get("loads"), request.get("length")
    fitting = doublings(task, LONGEST * run.task.length if length is None else length)
    tasks = fitting if loads is None else {load: task_at_load(task, load) for load in sorted(set(loads))}
    if not tasks:
        raise ValueError(f"{task.name}: no load fits into {length:,} tokens (try a longer --length)")
    stored = [at.payload_bits(max(at.min_length for at in fitting.values())) for at in fitting.values()]
    if len(stored) > 1 and max(stored) == min(stored):
        raise ValueError(
            f"{task.name} asks to store {stored[0]:.3g} bits whatever its {task.load}: it has no capacity to measure "
            "(mqar and copy have one)"
        )
    length = max(run.task.length, *(at.min_length for at in tasks.values())) if length is None else length
    for load, at in tasks.items():
        if at.min_length > length:
            raise ValueError(
                f"a load of {load} needs {at.min_length} tokens, not {length} (ask less or longer sequences)"
            )
        at.check_length(length)
        if (at.vocab_size, at.answers) != (trained.vocab_size, trained.answers):
            raise ValueError(f"{task.name} has other tokens at a load of {load} than {run.name} was trained with")
    return tasks, length


def task_at_load(task: Task, load: int) -> Task:
    """The task at a load. Raises ValueError where its alphabets, which a trained run keeps, do not allow it."""
    try:
        return task.at_load(load)
    except ValueError as error:
        raise ValueError(f"{str(error).partition(' (try ')[0]} (the run was trained with these: ask less)") from None


def doublings(task: Task, length: int) -> dict[int, Task]:
    """The task at every load 1, 2, 4, ... that its alphabets allow and that fits into so many tokens."""
    found: dict[int, Task] = {}
    for power in range(22):
        try:
            at = task.at_load(2**power)
        except ValueError:
            continue
        if at.min_length <= length:
            found[2**power] = at
    return found


def capacity_record(run: Run, model: SequenceModel, scored: Predictions, task: Task, length: int) -> dict[str, Any]:
    """A record of `capacity`: that of `scores` without its other floors, and the bits recalled for the state."""
    from ..evaluation.evaluate import score_record  # torch

    score = score_record(run, model, scored, task, length)
    shared = (*SIZES, *TESTED_COUNTS, *ACCURACY, *BOUNDS, *BITS)
    return {column.name: score[column.name] for column in shared} | {
        "family": family(run),
        "state_floats": score["state_bytes"] // run.model.item_size,
        "bits_per_state_bit": score["recalled_bits"] / (8 * score["state_bytes"]) if score["state_bytes"] else 0.0,
    }


def family(run: Run) -> str:
    """The memories and the options that are no integers: those of one family differ in size alone."""

    def sizeless(mixer: Mixer) -> Mixer:
        kinds = {name: value for name, value in sorted(mixer.options.items()) if type(value) is not int}
        return Mixer(mixer.title, kinds)

    stack = tuple(tuple(map(sizeless, layer)) for layer in run.model.stack)
    if not is_alone(run.model.stack):
        return format_stack(stack)
    (mixer,) = stack[0]
    return ", ".join([mixer.name, *(f"{key} {value}" for key, value in mixer.options.items())])
