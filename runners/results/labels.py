"""Names that tell runs apart where a folder holds several kinds of one memory: sizes, widths, learning rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd


def told_apart(runs: pd.DataFrame, configurations: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """A name of its memory for every run: the memory's, and where runs differ in more than their seed, in what.

    runs             run, task, memory, seed, a row or more for each
    configurations   of runs, as `Results.study` has them: name, task, model, training, seed

    Runs whose configuration is not there are called by their directory as well.
    """
    known = {one["name"]: words(one) for one in configurations if "training" in one}
    names: dict[str, str] = {}
    for (_, memory), part in runs.drop_duplicates("run").groupby(["task", "memory"], sort=False):
        mine = list(part["run"])
        if part["seed"].is_unique and len({repr(known.get(run)) for run in mine}) == 1:
            names |= dict.fromkeys(mine, str(memory))
            continue
        for run in mine:
            others = [known.get(other, {}) for other in mine]
            differs = {k: v for k, v in known.get(run, {"run": run}).items() if any(o.get(k) != v for o in others)}
            names[run] = ", ".join([str(memory), *(f"{k.replace('_', ' ')} {v}" for k, v in differs.items())])
    return names


def words(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a run was asked for, but its seed, on one level."""
    task, model = configuration["task"], configuration["model"]
    around = {name: value for name, value in model.items() if name not in ("options", "label")}
    return {**task["fields"], "length": task["length"], **model["options"], **around, **configuration["training"]}
