"""Tables of results: one record a fact, ready for pandas, SQL and files, all from one list of declarations.

`TABLES` is that list: the tables of every run, and those of the measures. docs/tables.md is written from it.
Where a memory was trained at several learning rates, all tables but `runs` and `rates` hold the runs of the rate
chosen on validation alone.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from recall_tasks import TASKS, make_task, markdown

from ..config.length_modes import FIXED_LOAD
from ..evaluation.columns import CHECKS, CURVES, FLOORS, OUTCOME, TESTED
from ..measures import MEASURES
from ..storage.folders import load_study
from ..storage.schema import KEYS, TESTS, Column, Table, columns
from .labels import AXIS
from .loader import FinishedRun, Json, LoadedRuns, configuration, load, rate_record

__all__ = ["CHECKS", "FLOORS", "RUN_TABLES", "TABLES", "Columns", "Results", "collect", "tables_of"]

RATES = Table(
    "rates",
    "One record for each run, at every learning rate of a grid.",
    columns("""
        learning_rate: float | peak rate of AdamW
        validation: float | accuracy on validation; missing where training diverged
        solved: bool | whether validation accuracy reached solve_at
        updates_to_solve: int updates | until it was solved
        chosen: bool | whether this is the rate of its memory on its task
    """),
)
RUNS = Table(
    "runs",
    "One record for each run: task_*, model_*, option_* and training_* are what it was asked for; version_*, "
    "machine_*, commit and device what it ran with.",
    (
        *(column for column in OUTCOME if column.name not in CHECKS),
        *columns("""
            identity: str | hash of everything that decides the result | identity
            validation: float | accuracy on validation | outcome.validation
            commit: str | of the checkout | environment.commit
            device: str | that it trained on | environment.device
            chosen: bool | whether its learning rate is the one of its memory on its task
        """),
    ),
)
FAILURES = Table(
    "failures",
    "One record for each run that failed or could not be trusted.",
    columns("""
        kind: str | "error", "died", "time", "memory"; "damaged" for records that do not match
        reason: str | in a sentence
        attempts: int | so far
        seconds: float seconds | of the last attempt
    """),
)
GROUPS = (AXIS, "task_", "model_", "option_", "training_")
"""Beginnings of the columns of axes, and of those that say what a run was asked for, in their order."""
TABLES = {
    table.name: table
    for table in (*TESTED, CURVES, RATES, *(table for measure in MEASURES.values() for table in measure.tables))
}
"""The tables of `Results`."""
RUN_TABLES = {"runs": RUNS} | TABLES | {"failures": FAILURES}
"""Those of a query."""


class Columns:
    """A table that grows by records, with its declared columns first; what a record lacks is missing."""

    def __init__(self, table: Table, keys: Sequence[Column]) -> None:
        declared = (*keys, *(TESTS if table.tested else ()), *table.columns)
        self.types = {column.name: column.type for column in declared}
        self.columns: dict[str, list[Any]] = {name: [] for name in self.types}
        self.length = 0

    def extend(self, records: Sequence[Mapping[str, Any]], same: Mapping[str, Any]) -> None:
        """Add records; `same` are columns in which they agree."""
        kinds = dict.fromkeys(map(tuple, records))
        for name in (name for kind in (same, *kinds) for name in kind if name not in self.columns):
            self.columns[name] = [None] * self.length
        if len(kinds) == 1:  # all have the same names, and a column is quick to take
            given = dict(zip(*kinds, zip(*(record.values() for record in records), strict=True), strict=True))
        else:
            given = {name: [record.get(name) for record in records] for name in self.columns}
        missing = [None] * len(records)
        for name, column in self.columns.items():
            column += [same[name]] * len(records) if name in same else given.get(name, missing)
        self.length += len(records)

    def lists(self) -> dict[str, list[Any]]:
        """The columns by name, all of one length; those of one group of GROUPS side by side."""
        first = list(self.types)[: len(KEYS) + 1]

        def place(name: str) -> tuple[bool, int]:
            return name not in first, next((i for i, head in enumerate(GROUPS) if name.startswith(head)), len(GROUPS))

        return {name: self.columns[name] for name in sorted(self.columns, key=place)}

    def frame(self) -> pd.DataFrame:
        """The table for pandas."""
        frame = pd.DataFrame(self.lists())
        empty = [name for name, kind in self.types.items() if kind in (int, float) and frame[name].isna().all()]
        return frame.astype(dict.fromkeys(empty, float))


def tables_of(
    loaded: LoadedRuns, wanted: Mapping[str, Table], folders: bool = False, every_rate: bool = False
) -> dict[str, Columns]:
    """The wanted tables of loaded runs, by name.

    folders      whether a first column says in which folder a run lies
    every_rate   whether runs at learning rates that were not chosen are in all tables
    """
    keys = (*((Column("folder", str, "that holds the run"),) if folders else ()), *KEYS)
    found = {name: Columns(table, keys) for name, table in wanted.items()}

    def add(name: str, records: Sequence[Mapping[str, Any]], place: Path, same: Mapping[str, Any]) -> None:
        if name in found and records:
            found[name].extend(records, {**({"folder": str(place.parent)} if folders else {}), **same})

    for run in loaded.runs:
        add("runs", [run_record(run)], run.place, run.keys)
        add("rates", [rate_record(run) | {"chosen": run.chosen}], run.place, run.keys | run.labels.axes)
    for run in loaded.runs if every_rate else loaded.chosen:
        ended = {column.name: column.read(run.result) for column in OUTCOME}
        names = run.keys | run.labels.axes
        add("curves", CURVES.records(run.result), run.place, names)
        for kind, content in {"test": run.result, **run.records}.items():
            for table in TESTED if kind == "test" else MEASURES[kind].tables:
                same = names | ({"kind": kind} if table.tested else {})
                more = {"mode": FIXED_LOAD} if table.tested else {}
                more |= ended if table.name == "scores" else {}
                add(table.name, [more | record for record in table.records(content)], run.place, same)
    for place, record in loaded.failures:
        add("failures", [record], place, {})
    return found


def run_record(run: FinishedRun) -> Json:
    """Everything that a run was asked for and how it ended, as columns."""
    task, model, environment = run.settings["task"], run.settings["model"], run.result["environment"]
    around = {name: value for name, value in model.items() if name not in ("options", "label")}
    record = {"chosen": run.chosen} | {column.name: column.read(run.result) for column in RUNS.columns if column.source}
    record |= flat({"length": task["length"]} | run.fields, "task_") | flat(around, "model_")
    record |= flat(model["options"], "option_") | flat(run.settings["training"], "training_")
    return record | flat(environment["versions"], "version_") | flat(environment["machine"], "machine_")


def flat(content: Mapping[str, Any], prefix: str = "") -> Json:
    """Nested values as columns of one level, `prefix` before each name; a list as JSON."""
    record: Json = {}
    for key, value in content.items():
        name = prefix + "".join(c if c.isalnum() else "_" for c in key)
        if isinstance(value, Mapping):
            record |= flat(value, f"{name}_")
        else:
            record[name] = json.dumps(value) if isinstance(value, list | tuple) else value
    return record


@dataclass(frozen=True, eq=False, init=False)
class Results:
    """The `TABLES` as DataFrames, `results.scores` and so on; a table without records has its columns alone.

    study   name, command, configurations, versions, machine, wall time, checksums, unfinished and damaged runs
    """

    tables: Mapping[str, pd.DataFrame]
    study: Json

    def __init__(
        self, study: Json | None = None, tables: Mapping[str, pd.DataFrame] | None = None, **named: pd.DataFrame
    ) -> None:
        given = {**(tables or {}), **named}
        if strange := [name for name in given if name not in TABLES]:
            raise ValueError(f"results have no table {strange[0]!r}: they have {', '.join(TABLES)}")
        filled = {name: frame for name, frame in given.items() if len(frame)}
        object.__setattr__(self, "tables", {n: Columns(t, KEYS).frame() for n, t in TABLES.items()} | filled)
        object.__setattr__(self, "study", study or {})

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name not in TABLES:
            raise AttributeError(f"results have no table {name!r}: they have {', '.join(TABLES)}")
        return self.tables[name]

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(table)} {name}" for name, table in self.tables.items())
        return f"Results({self.scores['run'].nunique()} runs, {counts})"


def collect(
    folders: Iterable[Path], runs: list[str] | None = None, every: bool = False, strict: bool = True
) -> Results:
    """The tables of every finished run in these folders, or of the named ones. Raises ValueError where there is none.

    `every` takes runs at learning rates that were not chosen too. Raises CorruptRun for a record that does
    not match its digest; where not `strict`, its run is left out, and `study["damaged"]` has a line on it.
    """
    from ..storage.runs import find_runs  # torch, which queries do without

    folders = list(folders)
    saved = load_study(folders[0]) or {}
    order = {name: i for i, name in enumerate(runs or saved.get("runs", []))}
    places = [p for p in find_runs(folders) if runs is None or p.name in order]
    places.sort(key=lambda place: order.get(place.name, len(order)))  # as the study has them, then by name
    loaded = load(places, strict, every_rate=every)
    if not loaded.runs:
        raise ValueError(loaded.damaged[0])
    tables = {name: table.frame() for name, table in tables_of(loaded, TABLES, every_rate=every).items()}
    runs_shown = loaded.runs if every else loaded.chosen
    facts = study_facts(runs_shown, tables["scores"], folders[0], saved)
    unfinished = len(order.keys() - {place.name for place in places})
    lacking = {"unfinished": unfinished, "damaged": loaded.damaged}
    return Results(facts | {name: value for name, value in lacking.items() if value}, tables)


def study_facts(runs: Sequence[FinishedRun], scores: pd.DataFrame, folder: Path, saved: Mapping[str, Any]) -> Json:
    """Name, command, measures it asks for, configurations, versions, machine, wall time and checksums of a study."""
    checksums = {}
    for run in runs:
        task = run.settings["task"]
        made = make_task(task["name"], None, **task["fields"]) if task["name"] in TASKS else task["fields"]
        words = f"{task['name']} {made}, length {task['length']}, test split"
        checksums[words] = run.result["checksum"]
    environment = runs[0].result["environment"]
    study = {
        "name": folder.resolve().name,
        "written": datetime.date.today().isoformat(),
        "runs": [configuration(run) for run in runs],
        "checksums": checksums,
        "versions": environment["versions"] | {"commit": environment["commit"]},
        "machine": environment["machine"],
        "seconds": float(scores.loc[scores["kind"] == "test", "seconds"].sum()),
    }
    by_command = {name for run in runs for name, record in run.records.items() if record.get("by_command")}
    study |= {"commands": sorted(by_command)} if by_command else {}
    asks = saved.get("study", {}).get("asks", ())
    asked = {"measures": sorted({ask["measure"] for ask in asks})} if asks else {}
    return study | asked | {name: value for name, value in saved.items() if name not in ("runs", "study")}


OPENING = """\
# Tables of results

`make docs` writes this page from the declarations of tables: `runners/results/tables.py`,
`runners/evaluation/columns.py` and the measures. `Results`, `recall query`, exported files and the CSVs beside the
report have these columns. Every table begins with those that name a run; in a query `folder` stands before them.

Where runs of one memory on one task differ in more than their seed, every table but `runs` has a column for each
such setting, an axis: `axis_length` (of training), `axis_num_pairs`, `axis_width`, `axis_segment` and so on, missing
where a memory has no such option. `axis_task` and `axis_memory` are then the names without what the labels add.
"""


def guide() -> str:
    """docs/tables.md: every table with its columns, from their declarations."""
    parts = [OPENING, columns_guide(KEYS, ("column", "type", "meaning"))]
    measured = {table.name: measure.command for measure in MEASURES.values() for table in measure.tables}
    for name, table in RUN_TABLES.items():
        command = "" if table.tested or name not in measured else f" Filled by `recall {measured[name]}`."
        parts.append(f"\n## {name}\n\n{table.meaning}{command}\n")
        parts.append(columns_guide((*(TESTS if table.tested else ()), *table.columns)))
    return "\n".join(parts) + "\n"


def columns_guide(columns: Iterable[Column], heads: Sequence[str] = ("column", "type", "meaning", "unit")) -> str:
    """A line for each column."""
    cells = [(f"`{one.name}`", one.type.__name__, one.meaning, one.unit)[: len(heads)] for one in columns]
    return markdown.table(heads, cells)


if __name__ == "__main__":
    Path("docs/tables.md").write_text(guide(), encoding="utf-8")
