"""The one loader of finished runs: records, labels and chosen learning rates, for everybody who reads results.

Records alone are read, and nothing of them is executed: no model is built and no memory imported, so that a query
does not wait for torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from recall_tasks import make_task

from ..config.custom_code import class_title
from ..evaluation.columns import RESULT
from ..measures import MEASURES
from ..measures.requests import record_of
from ..storage.folders import FAILURE_SHAPE
from ..storage.records import damage, load_record, printable
from ..storage.run_records import RECORD, SETTINGS, is_copy, load_plain_result, load_plain_settings
from ..studies.learning_rates import group_key, rate_of_each_seed, validation_record
from .labels import RunLabels, run_labels

FAILED = ".failed.json"
FAILURE = ("kind", "reason", "attempts", "seconds")

Json = dict[str, Any]


@dataclass
class FinishedRun:
    """A finished run as its records have it.

    settings   run.json
    fields     of its task, defaults written out
    result     result.json; its outcome says too whether training `diverged`
    records    of measures, by their names
    labels     of its task and its memory, with what runs of one name differ in beside their seed, and its axes
    chosen     whether its learning rate is the one that the validation of its memory's other seeds chose
    """

    place: Path
    settings: Json
    result: Json
    fields: Json
    records: dict[str, Json] = field(default_factory=dict)
    labels: RunLabels = field(default_factory=lambda: RunLabels("", ""))
    chosen: bool = True

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def keys(self) -> Json:
        """The columns that name a run in every table."""
        return {"run": self.name, "task": self.labels.task, "memory": self.labels.memory, "seed": self.settings["seed"]}


@dataclass(frozen=True)
class LoadedRuns:
    """Finished runs, failures as (path, record), and a line for each record that could not be trusted."""

    runs: list[FinishedRun]
    failures: list[tuple[Path, Json]]
    damaged: list[str]

    @property
    def chosen(self) -> list[FinishedRun]:
        """The runs at chosen learning rates."""
        return [run for run in self.runs if run.chosen]


def load(places: Iterable[Path], strict: bool = True, every_rate: bool = False, tensors: bool = True) -> LoadedRuns:
    """The finished runs and failures of these run directories and FAILED records, in their order, each run once.

    strict    raise CorruptRun, with the mend, for a record that does not match its digest, and for a run whose
              tensors do not; else leave it out and say so in `damaged`
    tensors   read them, to compare their digests

    Labels and chosen rates are worked out over all that is loaded. Runs at rates that were not chosen have the label
    of the chosen ones, unless `every_rate` is asked for: then labels name the rate where it differs.
    """
    runs: list[FinishedRun] = []
    failures: list[tuple[Path, Json]] = []
    damaged: list[str] = []
    places_of: dict[str, list[Path]] = {}

    @contextmanager
    def distrust(place: Path) -> Iterator[None]:
        """Refuse what cannot be read, or leave it out and note it as a failure of the run at `place`."""
        try:
            yield
        except ValueError as error:
            if strict:
                raise
            damaged.append(str(error))
            failures.append((place, {"run": place.name, "kind": "damaged", "reason": str(error)}))

    for place in places:
        with distrust(place):
            if place.name.endswith(FAILED):
                failures.append((place, failure(place)))
                continue
            run = finished_run(place, tensors)
            if any(is_copy(other, place) for other in places_of.get(run.name, ())):
                continue  # a folder and its copy hold the same training, which counts once
            places_of.setdefault(run.name, []).append(place)
            runs.append(run)
            for name, measure in MEASURES.items():
                with distrust(place):
                    if record := record_of(place, name):
                        run.records[name] = measure.content(record)
    runs = current(runs)
    name_runs(runs, every_rate)
    return LoadedRuns(runs, failures, damaged)


def current(runs: Sequence[FinishedRun]) -> list[FinishedRun]:
    """The runs without those of older versions that their folder holds without a limit by the clock as well."""
    latest: dict[Any, FinishedRun] = {}

    def key(run: FinishedRun) -> tuple[Any, ...]:
        return run.place.parent, group_key(run.settings), run.settings["training"]["learning_rate"], run.keys["seed"]

    for run in sorted(runs, key=lambda run: -run.settings["training"]["seconds"]):
        latest.setdefault(key(run), run)
    limits = [(run.settings["training"]["seconds"], latest[key(run)].settings["training"]["seconds"]) for run in runs]
    return [run for run, (mine, most) in zip(runs, limits, strict=True) if mine == most]


def finished_run(place: Path, tensors: bool) -> FinishedRun:
    """A run without the records of its measures. Raises CorruptRun."""
    if tensors:
        from ..storage.runs import load_result, load_settings  # torch, for the digests of tensors

        settings, result = load_settings(place), load_result(place, RESULT)
    else:
        settings, result = load_plain_settings(place), load_plain_result(place, RESULT)
    try:
        fields = task_fields(settings["task"]["name"], json.dumps(settings["task"]["fields"]))
    except ValueError as error:
        raise damage(place / SETTINGS, printable(f"task: {error}")) from None
    settings = settings | {"task": settings["task"] | {"name": class_title(settings["task"]["name"])}}
    outcome = result["outcome"]
    result = {**result, "outcome": outcome | {"diverged": outcome["stopped"] == "diverged"}}
    return FinishedRun(place, settings, result, fields)


@lru_cache
def task_fields(name: str, fields: str) -> Json:
    """All fields of a task, from those given as JSON. Raises ValueError for what is none."""
    given: Json = json.loads(fields)
    return given if ":" in name else asdict(make_task(name, None, **given))


def rate_record(run: FinishedRun) -> Json:
    """The record by which learning rates are chosen: nothing of the test sequences is in it."""
    return validation_record(run.settings["training"]["learning_rate"], run.settings["seed"], run.result["outcome"])


def name_runs(runs: Sequence[FinishedRun], every_rate: bool) -> None:
    """Give runs their labels, and say which have the chosen learning rate."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(group_key(run.settings), []).append(run)
    for same in groups.values():
        rates = rate_of_each_seed(pd.DataFrame([rate_record(run) for run in same]))
        for run in same:
            run.chosen = run.settings["training"]["learning_rate"] == rates.get(run.settings["seed"])
    whole = [{**configuration(run), "task": run.settings["task"] | {"fields": run.fields}} for run in runs]
    labels = run_labels(whole, rates=every_rate)
    for run in runs:
        run.labels = labels[run.name]


def failure(path: Path) -> Json:
    """The reason why a run failed, as a record of the table `failures`."""
    note = load_record(path, FAILURE_SHAPE)
    if path.name != f"{note['name']}{FAILED}":
        raise damage(path, "it is not about this run")
    return {"run": note["name"]} | {name: note[name] for name in FAILURE}


def find_all(folders: Iterable[Path]) -> Iterator[Path]:
    """Run directories and FAILED records at any depth below these folders, each once, in order of path.

    Raises ValueError for a folder that is not there, or below which there is none.
    """
    places: dict[Path, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"no directory {folder} (finished runs are kept where --out said, runs/ by default)")
        inside = {path.resolve(): path for path in places_below(folder)}
        if not inside:
            raise ValueError(f"no finished run below {folder} (train one first: recall train --help)")
        places = inside | places
    yield from places.values()


def places_below(folder: Path) -> Iterator[Path]:
    """Run directories and FAILED records of one folder."""
    for root, inside, files in os.walk(folder):
        here = Path(root)
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        if "run.json" in files or RECORD in files:
            inside.clear()
            yield here
        yield from (here / name for name in sorted(files) if name.endswith(FAILED) and not name.startswith("."))


def configuration(run: FinishedRun) -> Mapping[str, Any]:
    """The configuration of a run with its name, as `Results.study` has it."""
    return {"name": run.name} | run.settings
