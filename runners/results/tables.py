"""What a comparison measured, as tidy tables: one fact a row, ready for pandas.

Columns that every table has: `run` (directory name), `task`, `memory` (the label shown to people, and what runs of
one label differ in beside their seed: other sizes or loads are other memories, never other seeds), `seed`.
Where a memory was trained at several learning rates, all tables but `rates` hold the runs of the rate chosen
on validation alone.

scores      kind ("test" at the training length, "extrapolation" on the ladder), mode (what grows with the
            length, see `modes`: "fixed load", "growing load", "fixed distance 32"), length, load,
            train_length, num_rows, num_questions (per row), accuracy, low, high (95 % interval), exact
            (share of rows with every answer right), chance, memoryless, bag, position, recency (floors,
            missing where a run is older than they are), ceiling (for this state), payload_bits,
            recalled_bits (per row), state_bytes, parameters, solved, diverged, stopped ("solved",
            "updates", "seconds", "diverged"), updates_to_half, updates_to_solve, seconds_to_solve
            (missing where not reached), updates, tokens, seconds, checksum (of the run's test rows),
            initial, cut_off (accuracy of its checks for leaks, see `leaks`; missing where a run is older than they are)
sequences   kind, mode, length, row, right, asked: right answers of each test row, for intervals over seeds
rates       one row for each run, of every learning rate: learning_rate, validation (accuracy, missing where it
            diverged), solved, updates_to_solve, chosen (whether this is the rate of its memory on its task)
breakdown   kind, mode, length, by ("depth": where in the row the answer was written; "position": where it is asked),
            low_edge, high_edge (shares of the row), num_rows (with a question there), num_questions, accuracy,
            low, high
distances   kind, mode, length, distance_low, distance_high (tokens, inclusive), num_questions, accuracy, low, high
curves      update, tokens, seconds, stage, stage_length, stage_load, loss, accuracy (training batch)
capacity    length, load, train_length, family (memories of one differ in size alone), num_rows, num_questions,
            accuracy, low, high, chance, bag, ceiling, payload_bits, recalled_bits, state_bytes, state_floats,
            bits_per_state_bit: the load varies, the length does not
capacity_sequences  load, length, row, right, asked: right answers of each of those rows
probes      layer (from 1; 0: all together), content ("state": all that a layer carries; else one of its contents,
            or a view such as "cache 2"), time (tokens read), end (whether items are asked for then), reader
            ("prior", "ridge", "logistic", "own", "bilinear", "mlp"; "model": what the model itself answers),
            control ("none", "control", "shuffled", "untrained", "input"), reduced (0, or principal components),
            item, age (tokens since written), written (position), features, rank (effective), converged (the
            reader's fit), num_rows (tested), accuracy, low, high, chance (of who sees no state), bits (usable:
            prior's log2 loss less the reader's), bits_low, bits_high, bits_half (by half the rows fitted on),
            item_bits (open to who sees no state), num_items (stored in a row), selectivity (accuracy above that of
            the same reader's control task), codelength (bits a label, online), error (of ordered values, squared,
            over their variance), part (what measured it); runs that are older than them lack time, end, reduced,
            written, rank, num_items, bits_low and all after it, and their bits are 0 at chance or below; what a
            reader or row does not have is missing
interventions  layer, content, kind ("intact", "erased", "random", "patched"), item, age, rank (directions
            erased), num_rows, accuracy, low, high, chance, drop (from intact, of the same rows), excess (of what is
            erased: its drop less that of random), sure (whether erasers had rows enough), follows (share that
            answers the donor's value), follows_low, follows_high, changed (share of the variance of states erased),
            bits_before, bits_after (usable, of the ridge reader), the bounds drop_low, drop_high, excess_low,
            excess_high; missing where they make no sense
routing     layer, item, age, segment (memory that holds the answer: 0 the oldest cache, num_memories - 1 the open
            one), num_memories, weight (mean, on that memory), holding (on all that hold the answer: with checkpoints
            all later ones), right (share of rows and heads whose largest weight is there), entropy (bits), even
            (weight if all were alike), num_rows, accuracy (own gates), low, high (of it), oracle (accuracy when
            this layer's gate is told; layer 0: all gates told at once, with accuracies alone), oracle_low, oracle_high
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from .. import storage
from ..config.length_modes import FIXED_LOAD
from ..config.run import TaskSetting
from ..measures.registry import MEASURES
from ..studies.learning_rates import choose_rate, group_key, validation_record
from .labels import told_apart

OUTCOME = (
    "stopped",
    "solved",
    "updates_to_half",
    "updates_to_solve",
    "seconds_to_solve",
    "updates",
    "tokens",
    "seconds",
)
FLOORS = ("chance", "memoryless", "bag", "position", "recency")
CHECKS = ("initial", "cut_off")
TABLES = (
    "scores", "sequences", "distances", "breakdown", "curves", "probes", "interventions", "routing", "rates",
    "capacity", "capacity_sequences",
)  # fmt: skip
KINDS = ("scores", "sequences", "distances", "breakdown")
"""Tables to which tests at the training length and measures both add."""


@dataclass(frozen=True, eq=False)
class Results:
    """The tables above; `study` holds name, command, configurations, versions, machine, wall time, checksums."""

    scores: pd.DataFrame
    sequences: pd.DataFrame
    distances: pd.DataFrame
    curves: pd.DataFrame
    probes: pd.DataFrame
    interventions: pd.DataFrame = field(default_factory=pd.DataFrame)
    routing: pd.DataFrame = field(default_factory=pd.DataFrame)
    breakdown: pd.DataFrame = field(default_factory=pd.DataFrame)
    rates: pd.DataFrame = field(default_factory=pd.DataFrame)
    capacity: pd.DataFrame = field(default_factory=pd.DataFrame)
    capacity_sequences: pd.DataFrame = field(default_factory=pd.DataFrame)
    study: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        runs = self.scores["run"].nunique() if len(self.scores) else 0
        return f"Results({runs} runs, {', '.join(f'{len(getattr(self, t))} {t}' for t in TABLES)})"


def collect(folders: Iterable[Path], runs: list[str] | None = None, every: bool = False) -> Results:
    """The tables of every finished run in these folders, or of the named ones. Raises ValueError where there is none.

    `every` takes runs at learning rates that were not chosen too. Raises storage.CorruptRun for a record that does
    not match its digest.
    """
    folders = list(folders)
    kept = storage.load_study(folders[0]) or {}
    order = {name: i for i, name in enumerate(runs or kept.get("runs", []))}
    places = [p for p in storage.find_runs(folders) if runs is None or p.name in order]
    places.sort(key=lambda place: order.get(place.name, len(order)))  # as the study has them, then by name
    tables: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    configurations, checksums, environments = [], {}, []
    found = [(place, storage.load_settings(place), storage.load_result(place)) for place in places]
    tables["rates"] = rate_rows(found)
    chosen = {row["run"] for row in tables["rates"] if row["chosen"]}
    for place, settings, result in found:
        if place.name not in chosen and not every:
            continue
        task, common = TaskSetting(**settings["task"]), named(place, settings)
        outcome = result["outcome"]
        ended = {name: outcome[name] for name in OUTCOME}
        ended |= {"diverged": outcome["stopped"] == "diverged", "checksum": result["checksum"]}
        ended |= {name: result.get(name, {}).get("accuracy", math.nan) for name in CHECKS}
        tables["curves"] += [common | row for row in result["curve"]]
        for kind, record in [("test", result), *records(place)]:
            for table in record:
                if table not in TABLES or table == "rates":
                    continue
                first = common | {"kind": kind, "mode": FIXED_LOAD} if table in KINDS else common
                known, more = (dict.fromkeys(FLOORS, math.nan), ended) if table == "scores" else ({}, {})
                tables[table] += [first | known | row | more for row in record[table]]
        configurations.append({"name": place.name} | settings)
        checksums[f"{task.name} {task.task}, length {task.length}, test split"] = result["checksum"]
        environments.append(result["environment"])
    called = told_apart(pd.DataFrame([row for row in tables["rates"] if row["chosen"] or every]), configurations)
    of_group = {group_key(settings): called[place.name] for place, settings, _ in found if place.name in called}
    for place, settings, _ in found:
        called.setdefault(place.name, of_group[group_key(settings)])  # at a rate that was not chosen
    for row in chain.from_iterable(tables.values()):
        row["memory"] = called[row["run"]]
    study = {
        "name": folders[0].resolve().name,
        "written": datetime.date.today().isoformat(),
        "runs": configurations,
        "checksums": checksums,
        "versions": environments[0]["versions"] | {"commit": environments[0]["commit"]},
        "machine": environments[0]["machine"],
        "seconds": sum(row["seconds"] for row in tables["scores"] if row["kind"] == "test"),
    }
    study |= {k: v for k, v in kept.items() if k not in ("runs", "study")}
    return Results(**{name: pd.DataFrame(rows) for name, rows in tables.items()}, study=study)


def named(place: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The columns that name a run in every table."""
    model = settings["model"]
    label = model["label"] or model["memory"]
    return {"run": place.name, "task": settings["task"]["name"], "memory": label, "seed": settings["seed"]}


def records(place: Path) -> list[tuple[str, dict[str, Any]]]:
    """What was measured of a finished run, by the name of the measure."""
    there = [(name, m, place / m.RECORD) for name, m in MEASURES.items() if (place / m.RECORD).is_file()]
    return [(name, storage.load_record(path, measure.SHAPE)) for name, measure, path in there]


def rate_rows(found: list[tuple[Path, dict[str, Any], dict[str, Any]]]) -> list[dict[str, Any]]:
    """The table `rates` of these runs: directory, settings and result of each."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for place, settings, result in found:
        row = validation_record(settings["training"]["learning_rate"], settings["seed"], result["outcome"])
        groups.setdefault(group_key(settings), []).append(named(place, settings) | row)
    best = {name: choose_rate(pd.DataFrame(rows)) for name, rows in groups.items()}
    return [row | {"chosen": row["learning_rate"] == best[name]} for name, rows in groups.items() for row in rows]
