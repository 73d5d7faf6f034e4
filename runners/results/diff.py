"""Differences between two runs: in what was asked for, what they ran with, and what came out.

Accuracies are compared on the sequences that both were tested on, one by one, which takes the luck of the sequences
out of the comparison. A difference holds for these two trainings; other seeds are another question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from models import MEMORIES, memory_options
from recall_tasks import TASKS, Stream, make_task

from ..config.length_modes import FIXED_LOAD
from ..statistics import paired_difference
from .labels import own_label
from .loader import FinishedRun
from .loader import load as load_runs
from .tables import TABLES, flat, run_record, tables_of

ASKED = ("task", "memory", "model_", "option_", "training_", "seed")
AROUND = ("version_", "machine_", "commit", "device", "checksum")
PARTS = ("asked for", "ran with", "came out")
PLACE = ["kind", "mode", "length"]
"""What one score of a run is about."""
UNIMPORTANT = ("identity",)
"""Follows from what was asked for."""


@dataclass(frozen=True, eq=False)
class RunFacts:
    """A finished run for comparison.

    columns     every single fact of the run, by name
    scores      kind, length, accuracy, state_bytes, ... of test and extrapolation
    sequences   kind, length, sequence, num_correct, num_questions
    """

    place: Path
    settings: dict[str, Any]
    columns: dict[str, Any]
    scores: pd.DataFrame
    sequences: pd.DataFrame

    @property
    def counterpart(self) -> tuple[Any, ...]:
        """Key by which runs of two folders are matched if their names differ."""
        task = self.settings["task"]
        return task["name"], task["length"], own_label(self.settings), self.settings["seed"]


@dataclass(frozen=True, eq=False)
class Difference:
    """Two runs side by side.

    facts            the facts that differ: part ("asked for", "ran with", "came out"), what, first, second
    same_sequences   both were tested on the same sequences, so that these can be paired
    scores           kind, mode, length, first, second (accuracies), and over the sequences of both: difference
                     (second - first), low, high (95 % interval), p, sequences, differing (sequences with another
                     number of correct answers); missing unless `same_sequences`
    alone            text, for lengths at which only one was tested
    """

    facts: pd.DataFrame
    same_sequences: bool
    scores: pd.DataFrame
    alone: list[str]

    @property
    def nothing(self) -> bool:
        """True for two runs that agree in every setting and result."""
        agree = self.same_sequences and bool((self.scores["differing"] == 0).all())
        return agree and not len(self.facts) and not self.alone


def load(place: Path) -> RunFacts:
    """A finished run. Raises ValueError where there is none, CorruptRun where it is damaged."""
    return load_folder([place])[0]


def load_folder(places: Sequence[Path]) -> list[RunFacts]:
    """Facts of finished runs. Raises ValueError where there is none, CorruptRun where one is damaged."""
    loaded = load_runs(places, every_rate=True)
    tables = tables_of(loaded, {name: TABLES[name] for name in ("scores", "sequences", "capacity")}, every_rate=True)
    frames = {name: columns.frame() for name, columns in tables.items()}
    return [facts_of(run, frames) for run in loaded.runs]


def facts_of(run: FinishedRun, frames: Mapping[str, pd.DataFrame]) -> RunFacts:
    """Facts of a run, with its records of these tables."""
    mine = {name: frame[frame["run"] == run.name] if len(frame) else frame for name, frame in frames.items()}
    model = run.settings["model"]
    columns = {name: value for name, value in run.keys.items() if name != "run"} | {
        "task": run.settings["task"]["name"]
    }
    if model["memory"] in MEMORIES:  # an option that was not given is its default
        columns |= flat(memory_options(MEMORIES[model["memory"]]), "option_")
    columns |= run_record(run)
    columns |= {"weights": run.result["weights"], "parameters": run.result["scores"][0]["parameters"]}
    for score in mine["scores"].to_dict("records"):
        columns[f"state bytes at {score['length']:,} tokens"] = score["state_bytes"]
    for one in mine["capacity"].to_dict("records"):
        columns[f"accuracy at a load of {one['load']} in sequences of {one['length']:,}"] = one["accuracy"]
    return RunFacts(run.place, run.settings, columns, mine["scores"], mine["sequences"])


def compare_runs(first: RunFacts, second: RunFacts) -> Difference:
    """All differences between two runs."""
    one, other = (run.scores.drop_duplicates(PLACE).set_index(PLACE) for run in (first, second))
    paired = same_sequences(first, second)
    scores = []
    for at in one.index.intersection(other.index, sort=False):
        record = dict(zip((*PLACE, "first", "second"), (*at, one["accuracy"][at], other["accuracy"][at]), strict=True))
        if paired and one["load"][at] == other["load"][at]:  # a growing load grows from that of the training length
            record |= sequence_by_sequence(first.sequences, second.sequences, at)
        scores.append(record)
    alone = [
        f"only the {name} was tested at {length:,} tokens ({kind if mode == FIXED_LOAD else mode})"
        for name, mine, theirs in (("first", one, other), ("second", other, one))
        for kind, mode, length in mine.index.difference(theirs.index)
    ]
    columns = [*PLACE, "first", "second", "difference", "low", "high", "p", "sequences", "differing"]
    return Difference(facts(first.columns, second.columns), paired, pd.DataFrame(scores, columns=columns), alone)


def facts(first: Mapping[str, Any], second: Mapping[str, Any]) -> pd.DataFrame:
    """Names under which two runs have different values, in the order of their parts."""
    records = []
    for name in dict.fromkeys([*first, *second]):
        once = name.endswith(" tokens") and not (name in first and name in second)
        if name not in UNIMPORTANT and not once and first.get(name) != second.get(name):
            part = PARTS[0 if name.startswith(ASKED) else 1 if name.startswith(AROUND) else 2]
            records.append((part, name, first.get(name), second.get(name)))
    records.sort(key=lambda record: PARTS.index(record[0]))
    return pd.DataFrame(records, columns=["part", "what", "first", "second"], dtype=object)


def same_sequences(first: RunFacts, second: RunFacts) -> bool:
    """True if both were tested on the same sequences at every length that they share."""
    if first.columns["checksum"] == second.columns["checksum"]:
        return True
    if any(run.columns["task"] not in TASKS for run in (first, second)):  # whose code is not imported for this
        return False
    one, other = (make_task(run.columns["task"], None, **run.settings["task"]["fields"]) for run in (first, second))
    return bool(one == other) and still_sampled(first) and still_sampled(second)


def still_sampled(run: RunFacts) -> bool:
    """True if the task still samples the sequences that the run was tested on."""
    task = run.settings["task"]
    stream = Stream(make_task(task["name"], None, **task["fields"]), task["length"], "test")
    return bool(stream.checksum() == run.columns["checksum"])


def sequence_by_sequence(first: pd.DataFrame, second: pd.DataFrame, at: tuple[Any, ...]) -> dict[str, Any]:
    """The difference on the sequences that both were tested on, its interval and p."""
    one, other = (table[(table[PLACE] == list(at)).all(axis=1)] for table in (first, second))
    both = one.merge(other, on="sequence", suffixes=("", "_second"))
    correct, again, asked = (both[name].to_numpy() for name in ("num_correct", "num_correct_second", "num_questions"))
    found = paired_difference([again], [correct], asked)
    estimate = {"difference": found.difference, "low": found.low, "high": found.high, "p": found.p}
    return estimate | {"sequences": len(both), "differing": int((again != correct).sum())}


def match(
    first: Sequence[RunFacts], second: Sequence[RunFacts]
) -> tuple[list[tuple[RunFacts, RunFacts]], list[RunFacts], list[RunFacts]]:
    """Runs that two folders both have, and those of each alone.

    Paired by name, else by task, length, memory and seed where one run on each side has them.
    """
    pairs: list[tuple[RunFacts, RunFacts]] = []
    left, right = list(first), list(second)
    for key in (lambda run: run.place.name, lambda run: run.counterpart):
        here, there = (single(runs, key) for runs in (left, right))
        pairs += [(here[name], there[name]) for name in here if name in there]
        left, right = ([run for run in runs if not any(run in pair for pair in pairs)] for runs in (left, right))
    return pairs, left, right


def single(runs: Sequence[RunFacts], key: Callable[[RunFacts], Any]) -> dict[Any, RunFacts]:
    """Runs by a key that no other of them has."""
    times = Counter(map(key, runs))
    return {key(run): run for run in runs if times[key(run)] == 1}
