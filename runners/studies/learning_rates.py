"""Learning rates: each model's rate from one grid, chosen on validation, and the window in which it learns.

The rate decides what recurrent memories learn, and their windows differ (Okpekpe and Orvieto 2025, arXiv
2508.19029), so one rate for all favours the memories that it suits. Every model is trained at every rate of the grid
with every seed; its rate is the one with the highest mean validation accuracy over seeds, never chosen on test. A run
that diverged counts as 0. A rate that lacks a seed which others have does not compete: a mean over lucky seeds would
win.

The best of several rates is in part the luckiest, and the same seeds would show it better than it is. So each seed is
reported at the rate that the others choose (`rate_of_each_seed`): its own luck has no say in what it is shown for.

A rate works where its mean validation accuracy is within `WITHIN` of the chosen one's. The window is the range of
working rates around the chosen one without a gap; it can only be measured up to the ends of the grid.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..formatting import word_list

if TYPE_CHECKING:
    import pandas as pd

    from ..config.run import Run

WITHIN = 0.05
"""Largest gap in mean validation accuracy between the chosen rate and one that works."""
COLUMNS = ("learning_rate", "seed", "validation", "solved", "updates_to_solve")


def group_key(settings: Mapping[str, Any]) -> str:
    """A key shared by runs that differ in learning rate and seed alone, or in their guard, from a run as JSON."""
    training = {name: value for name, value in settings["training"].items() if name not in ("learning_rate", "seconds")}
    return json.dumps([settings["task"], settings["model"], training], sort_keys=True)


def groups(runs: Iterable[Run]) -> list[list[Run]]:
    """Groups of runs among which a rate is chosen."""
    by_key: dict[str, list[Run]] = {}
    for run in runs:
        by_key.setdefault(group_key(run.to_json()), []).append(run)
    return list(by_key.values())


def rate_table(trained: pd.DataFrame) -> pd.DataFrame:
    """One record for each learning rate, lowest first: seeds, mean (validation), updates (to solve), diverged (seeds).

    trained   a record for each run of one task and memory: `COLUMNS`; validation missing where it diverged

    updates is infinite where a seed did not solve its task.
    """
    marks = trained.assign(
        mean=trained["validation"].astype(float).fillna(0.0),
        updates=trained["updates_to_solve"].astype(float).fillna(math.inf),
        diverged=trained["validation"].isna(),
    ).groupby("learning_rate", sort=True)
    table = marks.agg(seeds=("seed", "nunique"), mean=("mean", "mean"), updates=("updates", "mean"))
    return table.assign(diverged=marks["diverged"].sum()).reset_index()


def choose_rate(trained: pd.DataFrame) -> float:
    """The rate with the highest mean validation accuracy over seeds, from a record for each run (see `rate_table`).

    Ties go to fewer updates to solve, then to the lower rate. Only rates with the most seeds compete.
    """
    return _best(_marks(trained))


def rate_of_each_seed(trained: pd.DataFrame) -> dict[int, float]:
    """The rate at which each seed is reported: of those it was trained at, the choice of all other seeds.

    A seed without others at its rates has the choice of all, or is left out where it lacks that. Simulated with three
    equally good rates and seeds that solve with .8: the mean shown is .816 with 5 seeds, as it should, where a choice
    on the seeds that are reported shows .93.
    """
    marks = _marks(trained)
    if len({rate for rate, *_ in marks}) == 1:
        return {seed: rate for rate, seed, *_ in marks}
    chosen: dict[int, float] = {}
    for seed in dict.fromkeys(seed for _, seed, *_ in marks):
        own = {rate for rate, of, *_ in marks if of == seed}
        others = [mark for mark in marks if mark[1] != seed and mark[0] in own]
        if others or (rate := _best(marks)) in own:
            chosen[seed] = _best(others) if others else rate
    return chosen


def _marks(trained: pd.DataFrame) -> list[tuple[float, int, float, float]]:
    """Rate, seed, validation accuracy (0 where it diverged) and updates to solve (infinite where it did not)."""
    worst = {"learning_rate": 0.0, "seed": 0, "validation": 0.0, "updates_to_solve": math.inf}
    return list(zip(*(trained[name].astype(float).fillna(value) for name, value in worst.items()), strict=True))


def _best(marks: Sequence[tuple[float, int, float, float]]) -> float:
    by_rate: dict[float, list[tuple[float, ...]]] = {}
    for rate, *mark in marks:
        by_rate.setdefault(rate, []).append(tuple(mark))
    seeds = {rate: len({mark[0] for mark in of}) for rate, of in by_rate.items()}
    means = {rate: [sum(column) / len(of) for column in zip(*of, strict=True)] for rate, of in by_rate.items()}
    complete = [rate for rate in by_rate if seeds[rate] == max(seeds.values())]
    return min(complete, key=lambda rate: (-means[rate][1], means[rate][2], rate))


def validation_record(learning_rate: float, seed: int, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a finished run by which its rate is chosen: nothing of its test sequences."""
    return {"learning_rate": learning_rate, "seed": seed} | {name: outcome[name] for name in COLUMNS[2:]}


def window(table: pd.DataFrame, floors: Mapping[str, float] | None = None) -> pd.DataFrame:
    """The window of each task and memory that was trained at several learning rates.

    table    the table `rates` of `Results`
    floors   by task, the score of a reader without memory; the best rate has to be above it by WITHIN

    chosen, validation      the rate chosen and its mean validation accuracy
    rates, steps            rates of the grid, and those of them inside the window
    low, high, factor       lowest and highest rate of the window, high / low; missing where none rises above the floor
    open_low, open_high     whether the window reaches that end of the grid, and may be wider than was measured
    extend                  "lower" or "higher" where the chosen rate is the grid's end: a better one may lie beyond
    diverged                rates at which runs diverged, and how many: "0.1 (2 of 5 seeds)"
    width                   in words
    """
    import pandas as pd  # half a second, which a sweep at one rate does without

    records = []
    for (task, memory), part in table.groupby(["task", "memory"], sort=False) if len(table) else ():
        if part["learning_rate"].nunique() > 1:
            tried = rate_table(part)
            floor = (floors or {}).get(str(task), -math.inf)
            record = window_around(tried, choose_rate(part), floor)
            records.append({"task": task, "memory": memory} | record | {"width": width_in_words(record)})
    return pd.DataFrame(records)


def window_around(tried: pd.DataFrame, chosen: float, floor: float) -> dict[str, Any]:
    """The window around the chosen rate, from a record for each rate, lowest first (see `rate_table`)."""
    rates, means = tried["learning_rate"].tolist(), tried["mean"].tolist()
    best = rates.index(chosen)
    first = last = best
    while first > 0 and means[first - 1] >= means[best] - WITHIN:
        first -= 1
    while last < len(rates) - 1 and means[last + 1] >= means[best] - WITHIN:
        last += 1
    learned = means[best] >= floor + WITHIN
    fell = tried[tried["diverged"] > 0]
    return {
        "chosen": chosen,
        "validation": means[best],
        "rates": len(rates),
        "steps": last - first + 1 if learned else 0,
        "low": rates[first] if learned else math.nan,
        "high": rates[last] if learned else math.nan,
        "factor": rates[last] / rates[first] if learned else math.nan,
        "open_low": learned and first == 0,
        "open_high": learned and last == len(rates) - 1,
        "extend": "" if not learned else "lower" if best == 0 else "higher" if best == len(rates) - 1 else "",
        "diverged": ", ".join(f"{r.learning_rate:g} ({r.diverged} of {r.seeds} seeds)" for r in fell.itertuples()),
    }


def width_in_words(row: Mapping[str, Any]) -> str:
    """A window in words: "x3.3, 0.003 to 0.01"; "at least x9, 0.01 to 0.09: the grid ends there"."""
    if not row["steps"]:
        return "no rate rises above the floor"
    ends = [end for end in ("open_low", "open_high") if row[end]]
    where = ["", ": the grid ends there", ": the grid ends on both sides"][len(ends)]
    if row["steps"] == 1:
        return f"{row['low']:g} alone{where}"
    return f"{'at least ' if ends else ''}x{row['factor']:.3g}, {row['low']:g} to {row['high']:g}{where}"


def warnings(windows: pd.DataFrame) -> list[str]:
    """A sentence for each end of the grid at which a rate was chosen: a better one may lie beyond."""
    lines = []
    for task, part in windows.groupby("task", sort=False) if len(windows) else ():
        for end, most in (("lower", "lowest"), ("higher", "highest")):
            at_end = part[part["extend"] == end]
            if len(at_end):
                last = at_end["chosen"].iloc[0]
                lines.append(
                    f"On {task} the {most} rate of the grid, {last:g}, was the best for "
                    f"{word_list(list(at_end['memory']))}: a better one may lie beyond it (extend the grid)."
                )
    return lines
