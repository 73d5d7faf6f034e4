"""Finished studies as tidy tables: docs/memories/*.csv, one fact a record.

studies      study, command, processor, workers, seconds, torch, seeds, width, layers, updates, tokens (an update),
             learning_rate, sequences (tested at the training length), longer_sequences (at longer ones)
tasks        study, task, length, fields
<study>      task, memory (its label), length, name, options, train_length, floor, floor_name (the highest below 1),
             perfect (floors of 1), solved (seeds), updates (median until solved), state_bytes, parameters, seeds,
             mean, low, high (95 % interval over seeds and sequences)
contrasts    see `contrasts`, and the study
swapped, legs, inner   see `experiments`: `swaps`, `legs_probe`, `inner_losses`
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..analysis.comparison import in_study_order, means_over_seeds, pair_differences
from ..figures.saving import csv_text
from ..results.tables import FLOORS, Results, collect
from ..studies.study import Study

FOLDER = Path("docs/memories")
KEYS = ["task", "memory", "length"]
CONTRASTS: dict[str, tuple[tuple[str, str], ...]] = {
    "caching": (
        ("grm", "linear"),
        ("grm", "linear, equal bytes"),
        ("grm over delta", "delta"),
        ("grm", "grm, gate of position"),
        ("grm", "grm, detached caches"),
        ("ssc", "random_ssc"),
        ("ssc", "grm"),
        ("oracle", "grm"),
        ("residual", "linear"),
        ("grm, checkpoints", "grm"),
        ("log_linear_plus", "log_linear"),
    ),
    "elastic": tuple(
        (f"legendre 16, {sampling}", f"{bank} 16, {sampling}")
        for sampling in ("uniform", "exponential")
        for bank in ("cosine", "means", "samples", "random")
    ),
}
"""Memories that a study compares in pairs: its claims, at the training length."""


def measurements(results: Results) -> pd.DataFrame:
    """One record for each task, memory and length; at the training length the test of the run itself."""
    scores = results.scores.sort_values("kind", ascending=False, kind="stable").drop_duplicates([*KEYS, "seed"])
    means = means_over_seeds(results.sequences).sort_values("kind", ascending=False, kind="stable")
    means = means.drop_duplicates(KEYS)[[*KEYS, "seeds", "mean", "low", "high"]]
    settings = {run["name"]: run["model"] for run in results.study["runs"]}
    records: list[dict[str, Any]] = []
    for _, part in scores.groupby(KEYS, sort=False):
        first, model = part.iloc[0], settings[part["run"].iloc[0]]
        floors = {name: float(first[name]) for name in FLOORS}
        best = max((name for name in FLOORS if floors[name] < 1), key=floors.__getitem__)
        records.append(
            {key: first[key] for key in KEYS}
            | {"name": model["memory"], "options": words(model["options"])}
            | {"train_length": first["train_length"]}
            | {"floor": floors[best], "floor_name": best}
            | {"perfect": " ".join(name for name in FLOORS if floors[name] == 1)}
            | {"solved": int(part["solved"].sum()), "updates": part["updates_to_solve"].dropna().median()}
            | {"state_bytes": first["state_bytes"], "parameters": first["parameters"]}
        )
    return in_study_order(pd.DataFrame(records).merge(means, on=KEYS), results, KEYS)


def contrasts(results: Results, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Differences between memories on the sequences both answered: a record for each task, pair and length.

    task, one, other, length, seeds, difference (of means over seeds), low, high (95 %), p, p_holm, verdict

    Each pair is one claim, at the training length: p_holm and verdict (`pair_differences`) are there alone.
    """
    tests, longer = (results.sequences[results.sequences["kind"] == kind] for kind in ("test", "extrapolation"))
    parts = [pair_differences(results, contrasts=pairs)]
    for length in sorted(set(longer["length"]) - set(tests["length"])):
        part = pair_differences(results, kind="extrapolation", contrasts=pairs, length=length)
        parts.append(part.assign(p_holm=np.nan, verdict=""))
    table = pd.concat([part for part in parts if len(part)]) if len(parts[0]) else parts[0]
    columns = ["task", "one", "other", "length", "seeds", "difference", "low", "high", "p", "p_holm", "verdict"]
    return table.rename(columns={"memory": "one", "against": "other"})[columns]


def words(options: dict[str, Any]) -> str:
    """Options as text: `segment 8, base delta`."""
    return ", ".join(f"{name} {str(v).lower() if isinstance(v, bool) else v}" for name, v in options.items())


def about(study: Study, results: Results) -> dict[str, Any]:
    """Facts of a study: one record of `studies`."""
    saved, training = results.study, study.runs[0].training
    longer = results.scores[results.scores["kind"] == "extrapolation"]
    return {
        "study": study.name,
        "command": saved.get("command", ""),
        "processor": saved["machine"].get("processor", ""),
        "workers": saved.get("workers", ""),
        "seconds": round(saved["seconds"]),
        "torch": saved["versions"]["torch"],
        "seeds": 1 + max(run.seed for run in study.runs),
        "width": study.runs[0].model.width,
        "layers": study.runs[0].model.layers,
        "updates": training.updates,
        "tokens": training.tokens,
        "learning_rate": training.learning_rate,
        "sequences": int(results.scores.loc[results.scores["kind"] == "test", "num_sequences"].max()),
        "longer_sequences": longer["num_sequences"].max() if len(longer) else "",
    }


def tasks(study: Study) -> list[dict[str, Any]]:
    """Tasks of a study: its records of `tasks`."""
    settings = {run.task.name: run.task for run in study.runs}.values()
    return [{"study": study.name, "task": t.name, "length": t.length, "fields": words(t.fields)} for t in settings]


def finished_results(study: Study, folder: Path) -> Results:
    """The results of the study's runs in a folder. Raises ValueError where not all of them are finished."""
    names = [run.name for run in study.runs]
    results = collect([folder], names)
    if missing := set(names) - set(results.scores["run"]):
        raise ValueError(
            f"{len(missing)} of {len(names)} runs of {study.name!r} are not in {folder}, such as {min(missing)}: "
            f"recall compare --preset {study.name}"
        )
    return results


def write(table: pd.DataFrame, name: str, folder: Path) -> None:
    """Write a table as FOLDER/NAME.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.csv").write_text(csv_text(table), encoding="utf-8")


def read(name: str, folder: Path) -> pd.DataFrame:
    """A table as it was written; empty where it was not."""
    path = folder / f"{name}.csv"
    return (
        pd.read_csv(path, keep_default_na=False, na_values={"updates": [""], "p_holm": [""]})
        if path.is_file()
        else pd.DataFrame()
    )
