"""One grid of learning rates for all models: which rate is each one's, chosen on validation and never on test.

The rate decides what recurrent memories learn, and their windows differ (Okpekpe and Orvieto 2025, arXiv
2508.19029), so one rate for all favours whom it suits. Every model is trained at every rate of the grid
with every seed; its rate is the one whose mean validation accuracy over seeds is highest.

A run that diverged counts as 0. A rate that lacks a seed which others have does not compete: a mean over
lucky seeds would win.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ..config.run import Run
    from .study import Study

COLUMNS = ("learning_rate", "seed", "validation", "solved", "updates_to_solve")


def group(settings: Mapping[str, Any]) -> str:
    """What runs that differ in learning rate and seed alone have in common, of a run as JSON has it."""
    training = {name: value for name, value in settings["training"].items() if name != "learning_rate"}
    return json.dumps([settings["task"], settings["model"], training], sort_keys=True)


def groups(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs among which a rate is chosen."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(group(run.to_json()), []).append(run)
    return list(found.values())


def by_rate(trained: pd.DataFrame) -> pd.DataFrame:
    """One row for each learning rate, lowest first: seeds, mean (validation), updates (to solve), diverged (seeds).

    trained   a row for each run of one task and memory: `COLUMNS`; validation missing where it diverged

    updates is infinite where a seed did not solve its task.
    """
    marks = trained.assign(
        mean=trained["validation"].astype(float).fillna(0.0),
        updates=trained["updates_to_solve"].astype(float).fillna(math.inf),
        diverged=trained["validation"].isna(),
    ).groupby("learning_rate", sort=True)
    table = marks.agg(seeds=("seed", "nunique"), mean=("mean", "mean"), updates=("updates", "mean"))
    return table.assign(diverged=marks["diverged"].sum()).reset_index()


def choose(trained: pd.DataFrame) -> float:
    """The rate of highest mean validation accuracy over seeds, of a row for each run (see `by_rate`).

    Of equals the one that took fewer updates to solve, then the lower. Only rates with most seeds compete.
    """
    table = by_rate(trained)
    complete = table[table["seeds"] == table["seeds"].max()]
    ranked = complete.sort_values(["mean", "updates", "learning_rate"], ascending=[False, True, True])
    return float(ranked["learning_rate"].iloc[0])


def seen(learning_rate: float, seed: int, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """What a choice of rate sees of a finished run: nothing of its test rows."""
    return {"learning_rate": learning_rate, "seed": seed} | {name: outcome[name] for name in COLUMNS[2:]}


def asked_runs(study: Study, folder: Path) -> set[str]:
    """Names of the runs that a study asks for more than training: those at the chosen rate.

    Where one rate was trained that is every run. Where a run of a group is still missing, none of the group:
    the choice waits for all of them, but for those that failed.
    """
    from .. import storage  # torch, which choosing a rate does without

    names: set[str] = set()
    for runs in groups(study.runs):
        if len({run.training.learning_rate for run in runs}) == 1:
            names |= {run.name for run in runs}
            continue
        finished = [run for run in runs if storage.is_finished(folder, run)]
        waiting = [run for run in runs if run not in finished and storage.load_failure(folder, run) is None]
        if finished and not waiting:
            import pandas as pd  # half a second, which a sweep at one rate does without

            outcomes = [storage.load_result(folder / run.name)["outcome"] for run in finished]
            rows = [
                seen(run.training.learning_rate, run.seed, outcome)
                for run, outcome in zip(finished, outcomes, strict=True)
            ]
            best = choose(pd.DataFrame(rows))
            names |= {run.name for run in finished if run.training.learning_rate == best}
    return names
