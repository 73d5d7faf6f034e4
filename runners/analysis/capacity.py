"""Capacities of memories, read off accuracies at several loads, and how they grow with the size of the state.

    results = collect([Path("runs/capacity")])
    capacities(results), slopes(results)

A capacity is the load at which accuracy, averaged over seeds, falls to a threshold. Accuracies are made monotone first
(the closest that never rise, by least squares: Barlow et al. 1972), then joined by a cubic curve in log2 of the load
that never rises either, on which the capacity is read off. No shape is assumed: memories differ in it, and a logistic
curve fitted to all loads would let the flat ends move the middle. Anything finer than a step of the loads is
interpolation, which no interval here covers.

Where no tested load falls below the threshold the capacity is `inf`, "the largest tested or more"; where already the
smallest does it is 0, "below the smallest tested".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from recall_tasks import TASKS, Task

from ..config.run import TaskSetting
from ..formatting import amount
from ..results.tables import Results
from ..statistics import combine_intervals, crossed_interval
from .capacity_laws import hebbian_capacity, information_capacity, inverse_capacity, square_matrix
from .comparison import Answers

Floats = NDArray[np.float64]

THRESHOLDS = (0.5, 0.9)
"""Accuracies, of all questions, at which a capacity is read off."""
KEYS = ["task", "length", "memory"]
NO_FIT = ("slope", "low", "high", "intercept", "smallest", "largest")
LAWS = ("information", "hebbian", "inverse", "num_answers")


@dataclass(frozen=True)
class Counts:
    """Counts of a memory at `loads[i]`, which rise: `correct[i]` and `questions[i]`, each [seeds, sequences].

    The sequences of a load are the same for every seed. Raises ValueError for loads or shapes that are not so.
    """

    loads: tuple[int, ...]
    correct: tuple[Floats, ...]
    questions: tuple[Floats, ...]

    def __post_init__(self) -> None:
        if not self.loads or list(self.loads) != sorted(set(self.loads)) or self.loads[0] < 1:
            raise ValueError(f"loads are integers from 1 on that rise, not {self.loads}")
        numbers = len(self.correct), len(self.questions)
        if numbers != (len(self.loads),) * 2:
            raise ValueError(f"{len(self.loads)} loads need as many counts, not {numbers[0]}, {numbers[1]}")
        seeds = {counts.shape[:1] for counts in (*self.correct, *self.questions)}
        shapes = [(k.shape, N.shape) for k, N in zip(self.correct, self.questions, strict=True)]
        if len(seeds) > 1 or any(len(k) != 2 or k != N for k, N in shapes):
            raise ValueError("correct and questions are arrays [seeds, sequences], of the same seeds at every load")

    @property
    def seeds(self) -> int:
        return len(self.correct[0])

    @cached_property
    def bands(self) -> Floats:
        """Accuracy at each load, mean over seeds, and its 95 % bounds: [loads, 3]"""
        return np.array([crossed_interval(list(k), list(N)) for k, N in zip(self.correct, self.questions, strict=True)])

    @property
    def means(self) -> Floats:
        """Accuracy at each load, mean over seeds: [loads]"""
        return np.asarray(self.bands[:, 0])


def falling(accuracies: ArrayLike) -> Floats:
    """The closest accuracies [loads] that never rise, by least squares."""
    from scipy.optimize import isotonic_regression  # a quarter of a second, which commands without fits do without

    return np.asarray(isotonic_regression(accuracies, increasing=False).x)


def crossing(loads: ArrayLike, accuracies: ArrayLike, threshold: float) -> float:
    """Load at which accuracies [loads] that never rise fall to the threshold, or 0 or inf where it is not among them.

    The curve through the points is a cubic in log2 of the load that rises nowhere.
    """
    x, a = np.log2(np.asarray(loads, np.float64)), np.asarray(accuracies, np.float64)
    below = np.flatnonzero(a < threshold)
    if not len(below) or below[0] == 0:
        return 0.0 if len(below) else np.inf
    after = int(below[0])
    first, last, width = a[after - 1], a[after], x[after] - x[after - 1]
    leaving, arriving = width * steepness(x, a)[after - 1 : after + 1]
    low, high = 0.0, 1.0
    for _ in range(30):
        t = (low + high) / 2
        s = 1 - t
        cubic = s * s * ((1 + 2 * t) * first + t * leaving) + t * t * ((3 - 2 * t) * last - s * arriving)
        low, high = (t, high) if cubic >= threshold else (low, t)
    return float(np.exp2(x[after - 1] + low * width))


def steepness(x: Floats, a: Floats) -> Floats:
    """Derivatives [loads] of a cubic curve through the points that rises nowhere (Fritsch and Butland 1984)."""
    # scipy's PchipInterpolator is equal inside, but extrapolates three points at the ends, where this takes the secant.
    width = np.diff(x)
    secant = np.diff(a) / width
    slopes = np.concatenate([secant[:1], np.zeros(len(x) - 2), secant[-1:]])
    left, right, before, after = secant[:-1], secant[1:], width[:-1], width[1:]
    one, two = 2 * after + before, after + 2 * before
    falls = left * right > 0
    slopes[1:-1][falls] = ((one + two) / (one / np.where(falls, left, 1) + two / np.where(falls, right, 1)))[falls]
    return slopes


def capacity(counts: Counts, threshold: float) -> tuple[float, float, float]:
    """Capacity and its 95 % bounds, any of them 0 or inf: the loads whose interval of accuracy holds the threshold.

    The bounds are read off those of accuracy (`crossed_interval`), as the capacity is off the means. Simulated
    with 64 sequences a load and seeds whose capacities spread by a third of an octave, they hold the capacity of all
    possible seeds in .93, .95, .94 of cases with 3, 5, 12 seeds; a bootstrap of seeds and sequences in .76, .84, .92.
    A single seed has the interval of its sequences and says nothing of others.
    """
    value, low, high = (crossing(counts.loads, falling(curve), threshold) for curve in counts.bands.T)
    return value, min(low, value), max(high, value)


@dataclass(frozen=True)
class Slope:
    """log2 capacity = intercept + slope log2 size, by least squares over `used` memories of a family of `of`.

    low, high           bounds of the slope
    smallest, largest   sizes of those used
    """

    slope: float
    low: float
    high: float
    intercept: float
    smallest: float
    largest: float
    used: int
    of: int


def slope(family: Sequence[tuple[float, Counts]], threshold: float) -> Slope | None:
    """Growth of capacity with size over memories that differ in size alone, (size, counts) each.

    Memories whose capacity lies outside the tested loads are left out; `None` where the others do not have two sizes.
    The bounds put those of the capacities together as if memories were independent (`statistics.combine_intervals`);
    they are infinite where those are. The sequences that memories share move all capacities alike and the slope hardly,
    so that they are rather too wide.
    """
    members = [(size, *capacity(counts, threshold)) for size, counts in family]
    inside = np.array([member for member in members if 0 < member[1] < np.inf]).reshape(-1, 4)
    sizes = inside[:, 0]
    if len(set(sizes)) < 2:
        return None
    with np.errstate(divide="ignore"):
        x, y, low, high = np.log2(inside).T
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    fitted, least, most = combine_intervals(weights, y, low, high)
    intercept = float(y.mean() - fitted * x.mean())
    return Slope(fitted, least, most, intercept, float(sizes.min()), float(sizes.max()), len(x), len(members))


def capacities(results: Results) -> pd.DataFrame:
    """One record for each task, length, memory and threshold above chance.

    task, length, memory, family, threshold, seeds, smallest, largest   the loads tested of every seed
    capacity, low, high      load at the threshold and its 95 % interval; 0 below the smallest load tested,
                             inf from the largest on
    state_bytes, state_floats
    bits_per_state_bit, at   recalled, where most are, mean over seeds; the load where that is
    information, hebbian, inverse   the laws at this state (`capacity_laws`), the last two those of one square matrix;
                             NaN where the task has none, or is not in the study
    num_answers              values that an item may have
    """
    records: list[dict[str, Any]] = []
    for one in memories(results):
        counts, task, first = one.counts, task_of_study(results, one.task), one.scores.iloc[0]
        by_load = one.scores[one.scores["load"].isin(counts.loads)].groupby("load")["bits_per_state_bit"].mean()
        common = {"task": one.task, "length": one.length, "memory": one.name, "family": one.family}
        for threshold in above_chance(one.scores):
            value, low, high = capacity(counts, threshold)
            records.append(
                common
                | {"threshold": threshold, "seeds": counts.seeds}
                | {"smallest": counts.loads[0], "largest": counts.loads[-1]}
                | {"capacity": value, "low": low, "high": high}
                | {name: int(first[name]) for name in ("state_bytes", "state_floats")}
                | {"bits_per_state_bit": by_load.max(), "at": int(str(by_load.idxmax()))}
                | laws(task, one.length, first, threshold)
            )
    return pd.DataFrame(records)


def slopes(results: Results) -> pd.DataFrame:
    """One record for each task, length, family of several state sizes, and threshold.

    slope, low, high      of log2 capacity on log2 state bytes, its 95 % interval; NaN where it cannot be fitted
    intercept             log2 of the capacity at one byte
    smallest, largest     state bytes of the memories fitted
    used, of              memories fitted, of all there are: those beyond the loads tested are left out
    """
    families: dict[tuple[str, int, str], list[Memory]] = {}
    for one in memories(results):
        families.setdefault((one.task, one.length, one.family), []).append(one)
    records: list[dict[str, Any]] = []
    for (task, length, family), members in families.items():
        sizes = [float(one.scores["state_bytes"].iloc[0]) for one in members]
        if len(set(sizes)) < 2 or min(sizes) <= 0:
            continue
        for threshold in above_chance(members[0].scores):
            fit = slope([(size, one.counts) for size, one in zip(sizes, members, strict=True)], threshold)
            records.append(
                {"task": task, "length": length, "family": family, "threshold": threshold}
                | (vars(fit) if fit else dict.fromkeys(NO_FIT, np.nan) | {"used": 0, "of": len(members)})
            )
    return pd.DataFrame(records)


@dataclass(frozen=True)
class Memory:
    """One memory at one length of a task: its records of the tables `capacity` and `capacity_sequences`."""

    task: str
    length: int
    name: str
    scores: pd.DataFrame
    sequences: pd.DataFrame

    @property
    def family(self) -> str:
        return str(self.scores["family"].iloc[0])

    @cached_property
    def counts(self) -> Counts:
        """Correct answers at the loads that every seed was tested at, on the sequences that all answered."""
        seeds = self.scores["seed"].nunique()
        asked = self.sequences[self.sequences["load"].isin(self.scores["load"])]
        by_load = {int(str(load)): Answers(part).by_all for load, part in asked.groupby("load")}
        complete = {load: counts for load, counts in by_load.items() if len(counts[0]) == seeds}
        if not complete:
            raise ValueError(
                f"seeds of {self.name} on {self.task} have no load in common: test them all at the same loads "
                "(recall capacity)"
            )
        return Counts(tuple(complete), *zip(*complete.values(), strict=True))


@lru_cache(maxsize=1)  # three figures and two tables of a report ask for the same
def memories(results: Results) -> list[Memory]:
    """Every memory at every length of every task, in the order of the study."""
    scores = results.capacity.drop_duplicates([*KEYS, "run", "load"])
    sequences = results.capacity_sequences.drop_duplicates([*KEYS, "run", "load", "sequence"])
    answers = dict(list(sequences.groupby(KEYS, sort=False)))
    return [
        Memory(str(part["task"].iloc[0]), int(part["length"].iloc[0]), str(part["memory"].iloc[0]), part, answers[keys])
        for keys, part in scores.groupby(KEYS, sort=False)
    ]


def above_chance(part: pd.DataFrame) -> list[float]:
    """Thresholds that no load's chance reaches."""
    return [threshold for threshold in THRESHOLDS if threshold > part["chance"].max()]


def task_of_study(results: Results, name: str) -> Task | None:
    """Task of this label as the study has it, at one of its loads."""
    runs = set(results.capacity.loc[results.capacity["task"] == name, "run"])
    settings = [
        run["task"] for run in results.study.get("runs", ()) if run["task"]["name"] == name or run.get("name") in runs
    ]
    if not settings or "length" not in settings[0] or settings[0]["name"] not in TASKS:
        return None  # of a custom task the code would have to be imported
    task = TaskSetting(**settings[0]).task
    return getattr(task, "whole", task)


def laws(task: Task | None, length: int, state: pd.Series[Any], threshold: float) -> dict[str, float]:
    """The laws at one size of the state, of `state_bytes` and `state_floats`; NaN where the task has none."""
    none = dict.fromkeys(LAWS, np.nan)
    bits, floats = 8 * float(state["state_bytes"]), float(state["state_floats"])
    if task is None or np.isnan(information := information_capacity(bits, task, length, threshold)):
        return none
    known = none | {"information": information, "num_answers": task.num_answers}
    return known | matrix_laws(floats, task.num_answers, threshold)


def matrix_laws(state_floats: float, num_values: int, threshold: float) -> dict[str, float]:
    """Capacities of one square matrix of so many numbers; none where it has no two rows."""
    if (d := square_matrix(state_floats)) < 2:
        return {}
    return {"hebbian": hebbian_capacity(d, d, num_values, threshold), "inverse": inverse_capacity(d)}


def capacity_text(value: float, smallest: int, largest: int) -> str:
    """Capacity as text: `23.4`, `>= 64` the largest load tested, `< 1` the smallest."""
    if np.isinf(value):
        return f">= {largest:,}"
    return f"{amount(value)}" if value > 0 else f"< {smallest:,}"


def interval(record: pd.Series[Any]) -> str:
    """Capacity and bounds: `23.4 [20.1–25]`; once where all three lie beyond the loads tested."""
    ends = record["smallest"], record["largest"]
    value, low, high = (capacity_text(record[name], *ends) for name in ("capacity", "low", "high"))
    return value if value == low == high else f"{value} [{low}–{high}]"
