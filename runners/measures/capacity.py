"""A finished run, asked to hold more and more: one length, the load alone varies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from models import SequenceModel
from recall_tasks import Stream, Task, bounds
from recall_tasks.generators.blend import Blend

from ..config.run import Run
from ..evaluation.evaluate import Scored, outputs, score, sequence_records
from ..statistics import cluster_interval

RECORD = "capacity.json"
SHAPE = {"done": list, "capacity": list, "capacity_sequences": list}
ROWS = 256
LONGEST = 16
"""Times the training length: how long rows may be for loads that nobody named."""
TABLES = ("capacity", "capacity_sequences")
TAKES = ("loads", "length", "rows", "done")


@dataclass(frozen=True)
class Plan:
    """The tasks to be asked, by load, and the length of all their rows."""

    length: int
    tasks: dict[int, Task]


def plan(run: Run, wanted: Mapping[str, Any]) -> Plan:
    """What a wish means for this run. Raises ValueError where it cannot be asked.

    Without `loads`: 1, 2, 4, ... as far as the task's alphabets allow and rows fit. Without `length`: the
    training length, or where the largest load does not fit, the shortest that it needs. A run trained on a
    blend of loads is asked the task that is blended.
    """
    trained = run.task.task
    task = trained.whole if isinstance(trained, Blend) else trained
    loads, length = wanted.get("loads"), wanted.get("length")
    fitting = doublings(task, LONGEST * run.task.length if length is None else length)
    tasks = fitting if loads is None else {load: loaded(task, load) for load in sorted(set(loads))}
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
            raise ValueError(f"a load of {load} needs {at.min_length} tokens, not {length} (ask less or longer rows)")
        at.check_length(length)
        if (at.vocab_size, at.answers) != (trained.vocab_size, trained.answers):
            raise ValueError(f"{task.name} has other tokens at a load of {load} than {run.name} was trained with")
    return Plan(length, tasks)


def loaded(task: Task, load: int) -> Task:
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


def check(run: Run, wanted: Mapping[str, Any]) -> None:
    """Raises ValueError for loads that do not fit, and for a task that stores as much at any load."""
    if unknown := [name for name in wanted if name not in TAKES]:
        raise ValueError(f"capacity takes loads, length and rows, not {unknown[0]!r}")
    loads, numbers = wanted.get("loads"), [wanted.get("rows", ROWS), wanted.get("length") or 1]
    if loads is not None and not (isinstance(loads, list) and loads):
        raise ValueError(f"loads are a list of whole numbers, not {loads!r}")
    if any(type(n) is not int or n < 1 for n in [*(loads or []), *numbers]):
        raise ValueError("loads, length and rows are whole numbers of at least 1")
    plan(run, wanted)


def remaining(record: dict[str, Any] | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The wish, unless it was granted before; with what is `done`, so that it is not done again."""
    wish = {name: wanted.get(name) for name in ("loads", "length")} | {"rows": wanted.get("rows", ROWS)}
    if record is None:
        return wish
    granted = [w for w in record["wishes"] if w["loads"] == wish["loads"] and w["length"] == wish["length"]]
    return None if any(w["rows"] >= wish["rows"] for w in granted) else wish | {"done": record["done"]}


def measure(
    run: Run, model: SequenceModel, wanted: Mapping[str, Any], watch: Callable[[Any], None] = lambda said: None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Accuracy at each load: {"wishes", "done", "capacity", "capacity_sequences"}, see `results.py`.

    The test rows of a load and length are the same for every model and seed.
    """
    asked, rows = plan(run, wanted), wanted.get("rows", ROWS)
    wish = {name: wanted.get(name) for name in ("loads", "length")} | {"rows": rows}
    record: dict[str, Any] = {"wishes": [wish], "done": []} | {table: [] for table in TABLES}
    kept: dict[str, Tensor] = {}
    for load, task in asked.tasks.items():
        if any([asked.length, load] == d[:2] and rows <= d[2] for d in wanted.get("done", [])):
            continue
        watch(f"asking {task.load_words} in {asked.length:,} tokens")
        scored = score(model, Stream(task, asked.length, "test"), rows)
        record["done"].append([asked.length, load, rows])
        record["capacity"].append(capacity_record(run, model, scored, task, asked.length))
        record["capacity_sequences"] += [{"load": load} | row for row in sequence_records(scored, asked.length)]
        kept |= outputs(scored, f"{asked.length}/{load}")
    return record, kept


def capacity_record(run: Run, model: SequenceModel, scored: Scored, task: Task, length: int) -> dict[str, Any]:
    """One tidy row: accuracy with its interval, what it is held against, and what was recalled for the state."""
    right, asked, accuracy = scored.right.sum(1), scored.asking.sum(1), scored.accuracy
    low, high = cluster_interval(right, asked)
    floats = model.state_floats(length)
    recalled = bounds.recalled_bits(accuracy, task, length)
    return {
        "length": length,
        "load": getattr(task, task.load),
        "train_length": run.task.length,
        "family": family(run),
        "num_sequences": len(right),
        "num_questions": scored.right.shape[1],
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "chance": bounds.chance(task),
        "bag": bounds.bag_floor(task, length),
        "ceiling": bounds.ceiling(32 * floats, task, length),
        "payload_bits": task.payload_bits(length),
        "recalled_bits": recalled,
        "state_bytes": 4 * floats,
        "state_floats": floats,
        "bits_per_state_bit": recalled / (32 * floats) if floats else 0.0,
    }


def family(run: Run) -> str:
    """The memory and the options that are no whole numbers: memories of one family differ in size alone."""
    path, _, name = run.model.memory.rpartition(":")
    kinds = [f"{key} {value}" for key, value in sorted(run.model.options.items()) if type(value) is not int]
    return ", ".join([name if path else run.model.memory, *kinds])


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Both records, the new one's where both asked a load at a length."""
    again = {(length, load) for length, load, _ in new["done"]}
    record: dict[str, Any] = {"wishes": old["wishes"] + new["wishes"]}
    record["done"] = sorted([d for d in old["done"] if (d[0], d[1]) not in again] + new["done"])
    for table in TABLES:
        kept = [row for row in old[table] if (row["length"], row["load"]) not in again]
        record[table] = sorted(kept + new[table], key=lambda row: (row["length"], row["load"]))
    return record
