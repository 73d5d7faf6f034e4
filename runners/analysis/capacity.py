"""Capacities of memories and how they grow with the state, as tables, from what runs answered at several loads.

results = collect([Path("runs/capacity")])
capacities(results), slopes(results)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recall_tasks import Task

from ..config.run import TaskSetting
from ..formatting import amount
from .capacity_laws import hebbian_capacity, information_capacity, inverse_capacity, square_matrix
from .fits import Counts, capacity, slope

if TYPE_CHECKING:
    from ..results.tables import Results

THRESHOLDS = (0.5, 0.9)
"""Accuracies, of all questions, at which a capacity is read off."""
KEYS = ["task", "length", "memory"]
NO_FIT = ("slope", "low", "high", "intercept", "smallest", "largest")


def capacities(results: Results) -> pd.DataFrame:
    """One row for each task, length, memory and threshold; a threshold at chance or below is left out.

    task, length, memory, family, threshold, seeds, smallest, largest   the loads asked of every seed
    capacity, low, high      load at the threshold and its 95 % interval; 0 below the smallest load asked,
                             inf from the largest on
    state_bytes, state_floats
    bits_per_state_bit, at   recalled, where most are, a mean over seeds; the load where that is
    information, hebbian, inverse   the laws at this state (`laws.py`), the last two those of one square matrix;
                             NaN where the task has none, or is not in the study
    num_answers              values that an item may have
    """
    rows: list[dict[str, Any]] = []
    for one in memories(results):
        counts, named, first = one.counts, asked_task(results, one.task), one.rows.iloc[0]
        shares = one.rows[one.rows["load"].isin(counts.loads)].groupby("load")["bits_per_state_bit"].mean()
        common = {"task": one.task, "length": one.length, "memory": one.name, "family": one.family}
        for threshold in above_chance(one.rows):
            value, low, high = capacity(counts, threshold)
            rows.append(
                common
                | {"threshold": threshold, "seeds": counts.seeds}
                | {"smallest": counts.loads[0], "largest": counts.loads[-1]}
                | {"capacity": value, "low": low, "high": high}
                | {name: int(first[name]) for name in ("state_bytes", "state_floats")}
                | {"bits_per_state_bit": shares.max(), "at": int(str(shares.idxmax()))}
                | laws(named, one.length, float(first["state_floats"]), threshold)
            )
    return pd.DataFrame(rows)


def slopes(results: Results) -> pd.DataFrame:
    """One row for each task, length, family of several state sizes, and threshold.

    slope, low, high      of log2 capacity on log2 state bytes, its 95 % interval; NaN where it cannot be fitted
    intercept             log2 of the capacity at one byte
    smallest, largest     state bytes of the memories fitted
    used, of              memories fitted, and memories there are: those beyond the loads asked are left out
    """
    families: dict[tuple[str, int, str], list[Memory]] = {}
    for one in memories(results):
        families.setdefault((one.task, one.length, one.family), []).append(one)
    rows: list[dict[str, Any]] = []
    for (task, length, family), members in families.items():
        sizes = [float(one.rows["state_bytes"].iloc[0]) for one in members]
        if len(set(sizes)) < 2 or min(sizes) <= 0:
            continue
        for threshold in above_chance(members[0].rows):
            fit = slope([(size, one.counts) for size, one in zip(sizes, members, strict=True)], threshold)
            rows.append(
                {"task": task, "length": length, "family": family, "threshold": threshold}
                | (vars(fit) if fit else dict.fromkeys(NO_FIT, np.nan) | {"used": 0, "of": len(members)})
            )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Memory:
    """What one memory was asked at one length of a task: its rows of the tables `capacity` and `capacity_sequences`."""

    task: str
    length: int
    name: str
    rows: pd.DataFrame
    sequences: pd.DataFrame

    @property
    def family(self) -> str:
        return str(self.rows["family"].iloc[0])

    @cached_property
    def counts(self) -> Counts:
        """Right answers at the loads that every seed was asked, on the rows that all were."""
        seeds = self.rows["seed"].nunique()
        right, asked, loads = [], [], []
        for load in sorted(self.rows["load"].unique()):
            here = self.sequences[self.sequences["load"] == load]
            wide = here.pivot(index="sequence", columns="seed", values=["num_correct", "num_questions"]).dropna()
            if wide.shape[1] == 2 * seeds:
                loads.append(int(load))
                right.append(wide["num_correct"].to_numpy(float).T)
                asked.append(wide["num_questions"].to_numpy(float).T)
        if not loads:
            raise ValueError(
                f"seeds of {self.name} on {self.task} were asked no load in common: ask them all the same "
                "(recall capacity)"
            )
        return Counts(tuple(loads), tuple(right), tuple(asked))


@lru_cache(maxsize=1)  # three figures and two tables of a report ask for the same
def memories(results: Results) -> list[Memory]:
    """Every memory at every length of every task, in the order of the study."""
    if not len(results.capacity):
        return []
    rows, sequences = (
        table.drop_duplicates([*KEYS, "run", "load", *more])
        for table, more in ((results.capacity, []), (results.capacity_sequences, ["sequence"]))
    )
    asked = dict(list(sequences.groupby(KEYS, sort=False)))
    return [
        Memory(str(part["task"].iloc[0]), int(part["length"].iloc[0]), str(part["memory"].iloc[0]), part, asked[keys])
        for keys, part in rows.groupby(KEYS, sort=False)
    ]


def above_chance(part: pd.DataFrame) -> list[float]:
    return [threshold for threshold in THRESHOLDS if threshold > part["chance"].max()]


def asked_task(results: Results, name: str) -> Task | None:
    """The task of this name as the study has it, at one of its loads."""
    found = [run["task"] for run in results.study.get("runs", ()) if run["task"]["name"] == name]
    if not found or "length" not in found[0]:
        return None
    task = TaskSetting(**found[0]).task
    return getattr(task, "whole", task)


def laws(task: Task | None, length: int, state_floats: float, threshold: float) -> dict[str, float]:
    """The laws at one size of the state."""
    none = dict.fromkeys(("information", "hebbian", "inverse", "num_answers"), np.nan)
    if task is None or np.isnan(information := information_capacity(32 * state_floats, task, length, threshold)):
        return none
    d, values = square_matrix(state_floats), task.num_answers
    known = none | {"information": information, "num_answers": values}
    return known | matrix_laws(d, values, threshold) if d >= 2 else known


def matrix_laws(d: float, num_values: int, threshold: float) -> dict[str, float]:
    """The capacities of one matrix of d x d numbers."""
    return {"hebbian": hebbian_capacity(d, d, num_values, threshold), "inverse": inverse_capacity(d)}


def said(value: float, smallest: int, largest: int) -> str:
    """A capacity in words: `23.4`, `>= 64` the largest load asked, `< 1` the smallest."""
    if np.isinf(value):
        return f">= {largest:,}"
    return f"{amount(value)}" if value > 0 else f"< {smallest:,}"


def interval(row: pd.Series[Any]) -> str:
    """Capacity and bounds: `23.4 [20.1–25]`; where all three lie beyond the loads asked, once."""
    value, low, high = (said(row[name], row["smallest"], row["largest"]) for name in ("capacity", "low", "high"))
    return value if value == low == high else f"{value} [{low}–{high}]"
