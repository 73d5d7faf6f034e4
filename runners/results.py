"""What a comparison measured, as tidy tables: one fact a row, ready for pandas.

Columns that every table has: `run` (directory name), `task`, `memory` (the label shown to people), `seed`.

scores      kind ("test" at the training length, "extrapolation" on the ladder), length, load,
            train_length, num_rows, num_questions (per row), accuracy, low, high (95 % interval), exact
            (share of rows with every answer right), chance, memoryless, bag, position, recency (floors,
            missing where a run is older than they are), ceiling (for this state), payload_bits,
            recalled_bits (per row), state_bytes, parameters, solved, diverged, stopped ("solved",
            "updates", "seconds", "diverged"), updates_to_half, updates_to_solve, seconds_to_solve
            (missing where not reached), updates, tokens, seconds
sequences   kind, length, row, right, asked: right answers of each test row, for intervals over seeds
distances   kind, length, distance_low, distance_high (tokens, inclusive), num_questions, accuracy, low, high
curves      update, tokens, seconds, stage, stage_length, stage_load, loss, accuracy (training batch)
probes      content (what of the state was read), layer, reader ("ridge", "logistic"), control ("none",
            "shuffled", "untrained"), item, age (tokens since written), features, converged (the
            reader's fit), num_rows (tested), accuracy, low, high, chance, bits (of the item, usable by
            this reader; 0 at chance or below)
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from . import store
from .experiment import TaskSetting
from .store import EXTRAPOLATION, PROBE

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
TABLES = ("scores", "sequences", "distances", "curves", "probes")


@dataclass(frozen=True)
class Results:
    """The tables above; `study` holds name, command, configurations, versions, machine, wall time, checksums."""

    scores: pd.DataFrame
    sequences: pd.DataFrame
    distances: pd.DataFrame
    curves: pd.DataFrame
    probes: pd.DataFrame
    study: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        runs = self.scores["run"].nunique() if len(self.scores) else 0
        return f"Results({runs} runs, {', '.join(f'{len(getattr(self, t))} {t}' for t in TABLES)})"


def collect(folders: Iterable[Path], runs: list[str] | None = None) -> Results:
    """The tables of every finished run in these folders, or of the named ones. Raises ValueError where there is none.

    Raises store.CorruptRun for a record that does not match its digest.
    """
    folders = list(folders)
    kept = store.unsealed(folders[0] / "study.json") if (folders[0] / "study.json").is_file() else {}
    order = {name: i for i, name in enumerate(runs or kept.get("runs", []))}
    places = [p for p in store.find_runs(folders) if runs is None or p.name in order]
    places.sort(key=lambda place: order.get(place.name, len(order)))  # as the study has them, then by name
    tables: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    configurations, checksums, environments = [], {}, []
    for place in places:
        settings, result = store.load_settings(place), store.load_result(place)
        task, model = TaskSetting(**settings["task"]), settings["model"]
        label = model["label"] or model["memory"]
        common = {"run": place.name, "task": task.name, "memory": label, "seed": settings["seed"]}
        outcome = result["outcome"]
        ended = {name: outcome[name] for name in OUTCOME} | {"diverged": outcome["stopped"] == "diverged"}
        records = [("test", result)]
        if (place / EXTRAPOLATION).is_file():
            records.append(("extrapolation", store.unsealed(place / EXTRAPOLATION)))
        for kind, record in records:
            for table in ("scores", "sequences", "distances"):
                known, more = (dict.fromkeys(FLOORS, math.nan), ended) if table == "scores" else ({}, {})
                tables[table] += [common | {"kind": kind} | known | row | more for row in record[table]]
        tables["curves"] += [common | row for row in result["curve"]]
        if (place / PROBE).is_file():
            tables["probes"] += [common | row for row in store.unsealed(place / PROBE)["probes"]]
        configurations.append({"name": place.name} | settings)
        checksums[f"{task.name} {task.task}, length {task.length}, test split"] = result["checksum"]
        environments.append(result["environment"])
    study = {
        "name": folders[0].resolve().name,
        "written": datetime.date.today().isoformat(),
        "runs": configurations,
        "checksums": checksums,
        "versions": environments[0]["versions"] | {"commit": environments[0]["commit"]},
        "machine": environments[0]["machine"],
        "seconds": sum(row["seconds"] for row in tables["scores"] if row["kind"] == "test"),
    }
    study |= {k: v for k, v in kept.items() if k != "runs"}
    return Results(**{name: pd.DataFrame(rows) for name, rows in tables.items()}, study=study)
