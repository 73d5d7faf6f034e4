"""Axes of a study: accuracy along each of them, and the smallest value at which a memory solves its task.

An axis is a column axis_* of the results in which runs of one memory on one task differ; columns whose values go
together, as those that were zipped, are one axis with the name of the first. Learning rates are no axis here, since
each memory is shown at the rate chosen for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..results.labels import AXIS, PLAIN, RATE
from ..results.tables import Results
from ..statistics import across_seeds, fraction_solved

HALF = 0.5
"""A memory solves its task at a value where at least this fraction of its trainings does."""
NOWHERE = "not within the axis"
POINTS = [
    "task", "memory", "axis", "value", "with", "at", "second", "second_value", "rest",
    "seeds", "mean", "low", "high", "chance", "solved",
]  # fmt: skip


def axis_points(results: Results) -> pd.DataFrame:
    """One record for each point of each axis of numbers, at the training length: the columns POINTS.

    task, memory   names; a memory with what it alone differs in, such as an option that others lack
    axis, value    name of the axis in words, and the number
    with           values of the other columns of a zipped axis, in words
    at             values of all other axes, in words: points of one task, memory, axis and `at` are one curve
    second, second_value, rest   of them the first, its value, and the others in words
    mean, low, high, chance   accuracy over seeds with its 95 % interval; of a guess
    solved         seeds that solved the task
    """
    tests = results.scores[results.scores["kind"] == "test"]
    sequences = dict(list(results.sequences[results.sequences["kind"] == "test"].groupby("run", sort=False)))
    records = []
    for name, memory, part, axes, others in curves(tests):
        for keys, curve in part.groupby(others, sort=False, dropna=False) if others else [((), part)]:
            at = [f"{words(c)} {value_words(v)}" for c, v in zip(others, keys, strict=True)]
            second = (words(others[0]), keys[0]) if others else ("", None)
            for value, point in curve.groupby(axes[0], sort=True):
                answers = [sequences[run].sort_values("sequence") for run in point["run"]]
                correct, asked = ([a[c].to_numpy() for a in answers] for c in ("num_correct", "num_questions"))
                along = ", ".join(f"{words(c)} {value_words(point[c].iloc[0])}" for c in axes[1:])
                bounds = across_seeds(correct, asked)
                facts = len(point), *bounds, point["chance"].max(), int(point["solved"].astype(bool).sum())
                records.append(
                    (name, memory, words(axes[0]), value, along, ", ".join(at), *second, ", ".join(at[1:]), *facts)
                )
    return pd.DataFrame(records, columns=POINTS)


def curves(tests: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame, Sequence[str], list[str]]]:
    """Task, memory, records, the columns of one axis, and those of all others, for each task, memory and axis."""
    columns = [c for c in tests.columns if c.startswith(AXIS) and c not in (*PLAIN, AXIS + RATE)]
    tests = tests.assign(**{c: tests[c] if c in tests else tests[c.removeprefix(AXIS)] for c in PLAIN})
    for name, of_task in tests.groupby(PLAIN[0], sort=False) if columns else ():
        groups = {str(memory): part for memory, part in of_task.groupby(PLAIN[1], sort=False)}
        varying = {memory: [c for c in columns if part[c].nunique() > 1] for memory, part in groups.items()}
        common = [c for c in columns if all(c in some for some in varying.values())]
        for memory, part in groups.items():
            axes = together(part, varying[memory])
            for axis in axes:
                if not all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in part[axis[0]]):
                    continue
                others = [c for c in varying[memory] if c not in axis]
                own = [c for c in others if c not in common]
                for keys, mine in part.groupby(own, sort=False) if own else [((), part)]:
                    more = [f"{words(c)} {value_words(v)}" for c, v in zip(own, keys, strict=True)]
                    yield str(name), ", ".join([memory, *more]), mine, axis, [c for c in others if c not in own]


def together(part: pd.DataFrame, columns: Sequence[str]) -> list[list[str]]:
    """The columns in groups whose values determine each other."""
    axes: list[list[str]] = []
    for column in columns:
        for axis in axes:
            pairs = len(part[[axis[0], column]].drop_duplicates())
            if pairs == part[axis[0]].nunique() == part[column].nunique():
                axis.append(column)
                break
        else:
            axes.append([column])
    return axes


def thresholds(results: Results) -> pd.DataFrame:
    """One record for each task, memory, axis and values of the others (`at`): the smallest value that is solved.

    seeds            of a value, at least
    values           of the axis, in words
    solved_at        those at which half of the trainings or more solved the task, in words
    smallest         of these; missing where there is none
    low, high        smallest value that may be solved by half of all trainings (the upper 95 % bound of that fraction
                     reaches a half), and smallest that is shown to be (the lower bound does); missing where none is
    verdict          in words
    """
    records = []
    for (task, memory, axis, at), curve in axis_points(results).groupby(["task", "memory", "axis", "at"], sort=False):
        bounds = [fraction_solved([True] * k + [False] * (n - k))[2:] for k, n in curve[["solved", "seeds"]].to_numpy()]
        values = curve["value"].to_numpy()
        low, high = (np.array(some) for some in zip(*bounds, strict=True))
        half = (curve["solved"] >= HALF * curve["seeds"]).to_numpy()
        smallest, may, shown = (first(values, some) for some in (half, high >= HALF, low >= HALF))
        seeds = int(curve["seeds"].min())
        every, solved = (", ".join(map(value_words, some)) for some in (values, values[half]))
        record = {"task": task, "memory": memory, "axis": axis, "at": at, "seeds": seeds, "values": every}
        record |= {"solved_at": solved, "smallest": smallest, "low": may, "high": shown}
        records.append(record | {"verdict": verdict(smallest, may, shown, seeds)})
    return pd.DataFrame(records)


def first(values: np.ndarray, where: np.ndarray) -> float:
    """The first value for which it is so; NaN for none."""
    return float(values[where.argmax()]) if where.any() else np.nan


def verdict(smallest: float, low: float, high: float, seeds: int) -> str:
    """The smallest value with its interval in words: `8 [4–16]`, `8 [4– ], 3 seeds cannot show it`."""
    if np.isnan(low):
        return f"{NOWHERE}, which is shown"
    said = NOWHERE if np.isnan(smallest) else value_words(smallest)
    if not np.isnan(high):
        return f"{said} [{value_words(low)}–{value_words(high)}]"
    cannot = fraction_solved([True] * seeds)[2] < HALF
    why = f"{seeds} seed{'s' * (seeds > 1)} cannot show it" if cannot else "not shown"
    return f"{said} [{value_words(low)}– ], {why}"


def threshold_table(results: Results) -> pd.DataFrame:
    """`thresholds` as text, one record for each task, axis and values of the others, a column for each memory."""
    found = thresholds(results)
    if not len(found):
        return found
    found = found.assign(axis=found["axis"] + " of " + found["values"])
    memories = list(dict.fromkeys(found["memory"]))
    wide = found.pivot(index=["task", "axis", "at"], columns="memory", values="verdict")[memories]
    order = pd.MultiIndex.from_frame(found[["task", "axis", "at"]].drop_duplicates())
    return wide.reindex(order).fillna("").reset_index().rename_axis(columns=None)


def words(column: str) -> str:
    """The name of an axis in words: axis_num_pairs is `num pairs`."""
    return column.removeprefix(AXIS).replace("_", " ")


def value_words(value: Any) -> str:
    """A value of an axis as people write it: 1,024 or 0.01, and an integer that pandas holds as a float."""
    return f"{value:,.6g}" if isinstance(value, int | float | np.number) and not isinstance(value, bool) else str(value)
