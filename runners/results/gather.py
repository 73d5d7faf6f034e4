"""Every finished run below some folders, as tables: read from records alone, without building a model.

Columns that every table has: `folder`, `run` (directory name), `task`, `memory` (the label shown to
people), `seed`; folder and run together name a run. Then what `results.py` says of its table, and

runs        a row for each run: `task_*` (length, and every field of the task, defaults written out), `model_*`,
            `option_*` (options of the memory that were given, missing where its default holds), `training_*`,
            identity, checksum (of the test rows), how it ended (`stopped`, `solved`, `updates`, `seconds`,
            ...), `version_*`, `machine_*`, `commit`, `device`
failures    run, kind ("error", "died", "time", "memory"; "damaged" for what could not be trusted), reason,
            attempts, seconds

A record that does not match its digest is left out and told, and the rest is read. Tensors are not
looked at: `recall verify` does that.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from recall_tasks import make_task

from ..config.length_modes import FIXED_LOAD
from ..storage.records import CorruptRun, digest, load_record

KEYS = {"folder": pa.string(), "run": pa.string(), "task": pa.string(), "memory": pa.string(), "seed": pa.int64()}
GROUPS = ("task_", "model_", "option_", "training_")
"""What a run was asked for: the beginnings of its columns, in their order."""
MEASURED = (
    "scores", "sequences", "distances", "breakdown", "curves", "probes", "interventions", "routing",
    "capacity", "capacity_sequences",
)  # fmt: skip
"""Lists of a record that are tables: names of `results`, which loads torch, as those below are of `measures`."""
WITHOUT_KIND = ("curves", "probes", "interventions", "routing", "capacity", "capacity_sequences")
"""Tables that one kind of record has, so that no column `kind` says which."""
MEASURES = ("extrapolation", "capacity", "probe")
"""Records beside a run's own: `<name>.json`."""
RECORD, FAILED = "result.json", ".failed.json"
ASKED: dict[str, type | tuple[type, ...]] = {"task": dict, "model": dict, "training": dict, "seed": int}
FOUND: dict[str, type | tuple[type, ...]] = {"outcome": dict, "environment": dict, "identity": str}
OF_A_FAILURE = ("kind", "reason", "attempts", "seconds")


@dataclass(frozen=True)
class Gathered:
    """The tables by name, and a line for each record that could not be trusted."""

    tables: dict[str, pa.Table]
    damaged: list[str]


class Columns:
    """A table that grows by rows whose columns may differ; what a row lacks is null."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.columns: dict[str, list[Any]] = {name: [] for name in (*KEYS, *names)}
        self.num_rows = 0

    def extend(self, rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any]) -> None:
        """Add rows; `same` are columns in which they agree."""
        for name in dict.fromkeys([*same, *(name for row in rows for name in row)]):
            column = self._filled(self.columns.setdefault(name, []))
            column += [same[name]] * len(rows) if name in same else [row.get(name) for row in rows]
        self.num_rows += len(rows)

    def table(self) -> pa.Table:
        """The table, columns of one group side by side: `KEYS`, `GROUPS`, the rest as they came."""
        arrays = {name: array(self._filled(column), KEYS.get(name)) for name, column in self.columns.items()}
        return pa.table({name: arrays[name] for name in sorted(arrays, key=group)})

    def _filled(self, column: list[Any]) -> list[Any]:
        column += [None] * (self.num_rows - len(column))
        return column


def group(name: str) -> int:
    """Where a column stands among the groups of its table."""
    return (
        0 if name in KEYS else next((i for i, head in enumerate(GROUPS, 1) if name.startswith(head)), len(GROUPS) + 1)
    )


def array(values: list[Any], kind: pa.DataType | None) -> pa.Array:
    """A column. One that mixes numbers with words, as an option of several memories may, becomes words."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values])


def gather(folders: Iterable[Path]) -> Gathered:
    """The tables of every run at any depth below these folders.

    Raises ValueError for a folder that is not there, or below which there is neither run nor failure.
    """
    tables = {name: Columns() for name in ("runs", *MEASURED)} | {"failures": Columns(OF_A_FAILURE)}
    damaged: list[str] = []
    seen: set[tuple[str, str]] = set()
    for place in found(folders):
        keys: dict[str, Any] = {"folder": str(place.parent), "run": place.name}
        if place.name.endswith(FAILED):
            with left_out(place, keys, damaged, tables["failures"]):
                add(tables, {"folder": keys["folder"]}, {"failures": [failure(place)]})
            continue
        with left_out(place, keys, damaged, tables["failures"]):
            settings, result = load_record(place / "run.json", ASKED), result_of(place)
            if (copy := (place.name, digest((place / RECORD).read_bytes()))) in seen:
                continue  # the same training twice, such as a folder and its copy, counts once
            seen.add(copy)
            named = keys | names(settings)
            add(tables, named, {"runs": [one_run(settings, result)]} | rows_of("test", result))
            keys = named
        for kind in MEASURES if "seed" in keys else ():
            if (path := place / f"{kind}.json").is_file():
                with left_out(place, keys, damaged, tables["failures"]):
                    add(tables, keys, rows_of(kind, load_record(path, {})))
    return Gathered({name: columns.table() for name, columns in tables.items()}, damaged)


@contextmanager
def left_out(place: Path, keys: Mapping[str, Any], damaged: list[str], failures: Columns) -> Iterator[None]:
    """Note what cannot be trusted, and go on without it."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Sealed, but not in our form: who writes a record can seal it.
        reason = str(error) if isinstance(error, ValueError) else f"{place} was not used: {error!r} in its records"
        damaged.append(reason)
        failures.extend([{"kind": "damaged", "reason": reason}], keys)


def add(tables: Mapping[str, Columns], same: Mapping[str, Any], rows: Mapping[str, list[dict[str, Any]]]) -> None:
    """Put rows where they belong."""
    for name, some in rows.items():
        tables[name].extend(some, same)


def found(folders: Iterable[Path]) -> Iterator[Path]:
    """Run directories and notes of failures at any depth, each once, in order of path."""
    places: dict[Path, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"no directory {folder} (finished runs are kept where --out said, runs/ by default)")
        inside = {path.resolve(): path for path in places_in(folder)}
        if not inside:
            raise ValueError(f"no finished run below {folder} (train one first: recall train --help)")
        places = inside | places
    yield from places.values()


def places_in(folder: Path) -> Iterator[Path]:
    """The same of one folder."""
    for root, inside, files in os.walk(folder):
        here = Path(root)
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        if "run.json" in files or RECORD in files:
            inside.clear()
            yield here
        yield from (here / name for name in sorted(files) if name.endswith(FAILED) and not name.startswith("."))


def result_of(place: Path) -> dict[str, Any]:
    """What a run measured. Raises CorruptRun; its tensors are not read."""
    if not (place / RECORD).is_file():
        raise CorruptRun(f"{place} has no {RECORD} and was not used (delete {place} to run it again)")
    return load_record(place / RECORD, FOUND)


def names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a run is called by in every table."""
    task, model = settings["task"], settings["model"]
    return {"task": task["name"], "memory": model["label"] or model["memory"], "seed": settings["seed"]}


def rows_of(kind: str, record: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of one record, by table."""
    found = {name: record.get("curve" if name == "curves" else name, ()) for name in MEASURED}
    heads: dict[str, dict[str, Any]] = {
        name: {} if name in WITHOUT_KIND else {"kind": kind, "mode": FIXED_LOAD} for name in found
    }
    return {name: [heads[name] | row for row in rows] for name, rows in found.items()}


def failure(path: Path) -> dict[str, Any]:
    """Why a run failed."""
    note = load_record(path, {})
    return {"run": note["name"]} | {name: note[name] for name in OF_A_FAILURE}


def one_run(settings: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a run was asked for and how it ended, as columns."""
    task, model, outcome, environment = settings["task"], settings["model"], result["outcome"], result["environment"]
    fields = dataclasses.asdict(make_task(task["name"], None, **task["fields"]))
    around = {name: value for name, value in model.items() if name not in ("options", "label")}
    row = {"identity": result["identity"], "checksum": result["checksum"]}
    row |= (
        flat({"length": task["length"]} | fields, "task_") | flat(around, "model_") | flat(model["options"], "option_")
    )
    row |= flat(settings["training"], "training_") | flat(outcome) | {"diverged": outcome["stopped"] == "diverged"}
    row |= flat(environment["versions"], "version_") | flat(environment["machine"], "machine_")
    return row | flat({name: environment.get(name) for name in ("commit", "device")})


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested data as columns of one level, `prefix` before each name; a list as JSON."""
    row: dict[str, Any] = {}
    for key, value in content.items():
        name = prefix + "".join(c if c.isalnum() else "_" for c in key)
        if isinstance(value, Mapping):
            row |= flat(value, f"{name}_")
        else:
            row[name] = json.dumps(value) if isinstance(value, list | tuple) else value
    return row
