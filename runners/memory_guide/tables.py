"""Finished studies as tidy tables: docs/memories/*.csv, one fact a row.

studies      study, command, processor, workers, seconds, torch, seeds, width, layers, updates, tokens (an update),
             learning_rate, rows (at the training length), longer_rows
tasks        study, task, length, fields
<study>      task, memory (its label), length, name, options, train_length, floor, floor_name (the highest below 1),
             perfect (floors of 1), solved (seeds), updates (median until solved), state_bytes, parameters, seeds,
             mean, low, high (95 % interval over seeds and rows)
contrasts    see `contrasts.table`, and the study;  swapped  see `swaps.table`;  legs  see `legs.table`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ..analysis.comparison import means_over_seeds
from ..figures.saving import csv_text
from ..results.tables import FLOORS, Results, collect
from ..studies.study import Study

FOLDER = Path("docs/memories")
KEYS = ["task", "memory", "length"]


def measured(results: Results) -> pd.DataFrame:
    """One row for each task, memory and length; at the training length the test of the run itself."""
    scores = results.scores.sort_values("kind", ascending=False, kind="stable").drop_duplicates([*KEYS, "seed"])
    means = means_over_seeds(results.sequences).sort_values("kind", ascending=False, kind="stable")
    means = means.drop_duplicates(KEYS)[[*KEYS, "seeds", "mean", "low", "high"]]
    settings = {run["name"]: run["model"] for run in results.study["runs"]}
    rows: list[dict[str, Any]] = []
    for _, part in scores.groupby(KEYS, sort=False):
        first, model = part.iloc[0], settings[part["run"].iloc[0]]
        floors = {name: float(first[name]) for name in FLOORS}
        best = max((name for name in FLOORS if floors[name] < 1), key=floors.__getitem__)
        rows.append(
            {key: first[key] for key in KEYS}
            | {"name": model["memory"], "options": words(model["options"])}
            | {"train_length": first["train_length"]}
            | {"floor": floors[best], "floor_name": best}
            | {"perfect": " ".join(name for name in FLOORS if floors[name] == 1)}
            | {"solved": int(part["solved"].sum()), "updates": part["updates_to_solve"].median()}
            | {"state_bytes": first["state_bytes"], "parameters": first["parameters"]}
        )
    return in_order(pd.DataFrame(rows).merge(means, on=KEYS), results)


def in_order(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Tasks and memories as the study has them, lengths rising."""
    for column in ("task", "memory"):
        order = list(dict.fromkeys(results.scores[column]))
        table[column] = pd.Categorical(table[column], order)
    return table.sort_values(KEYS, kind="stable").astype({"task": str, "memory": str}).reset_index(drop=True)


def words(options: dict[str, Any]) -> str:
    """Options as a person says them: `segment 8, base delta`."""
    return ", ".join(f"{name} {str(v).lower() if isinstance(v, bool) else v}" for name, v in options.items())


def about(study: Study, results: Results) -> dict[str, Any]:
    """What a study was: one row of `studies`."""
    kept, training = results.study, study.runs[0].training
    longer = results.scores[results.scores["kind"] == "extrapolation"]
    return {
        "study": study.name,
        "command": kept.get("command", ""),
        "processor": kept["machine"].get("processor", ""),
        "workers": kept.get("workers", ""),
        "seconds": round(kept["seconds"]),
        "torch": kept["versions"]["torch"],
        "seeds": 1 + max(run.seed for run in study.runs),
        "width": study.runs[0].model.width,
        "layers": study.runs[0].model.layers,
        "updates": training.updates,
        "tokens": training.tokens,
        "learning_rate": training.learning_rate,
        "rows": int(results.scores.loc[results.scores["kind"] == "test", "num_sequences"].max()),
        "longer_rows": longer["num_sequences"].max() if len(longer) else "",
    }


def asked(study: Study) -> list[dict[str, Any]]:
    """What a study asks: its rows of `tasks`."""
    tasks = {run.task.name: run.task for run in study.runs}.values()
    return [{"study": study.name, "task": t.name, "length": t.length, "fields": words(t.fields)} for t in tasks]


def finished(study: Study, folder: Path) -> Results:
    """The results of the study's runs in a folder. Raises ValueError where not all of them are finished."""
    names = [run.name for run in study.runs]
    results = collect([folder], names)
    if lacking := set(names) - set(results.scores["run"]):
        raise ValueError(
            f"{len(lacking)} of {len(names)} runs of {study.name!r} are not in {folder}, such as {min(lacking)}: "
            f"recall compare --preset {study.name}"
        )
    return results


def write(table: pd.DataFrame, name: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.csv").write_text(csv_text(table), encoding="utf-8")


def read(name: str, folder: Path) -> pd.DataFrame:
    """A table as it was written; without rows where it was not."""
    path = folder / f"{name}.csv"
    return pd.read_csv(path, keep_default_na=False, na_values={"updates": [""]}) if path.is_file() else pd.DataFrame()
