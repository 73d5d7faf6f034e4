"""Memories side by side at the training length: accuracy over seeds, what it cost, who stands out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .results import FLOORS, Results
from .statistics import across_seeds, share_solved
from .wording import accuracy, amount, share, span, to_solve

CONSTANT = (*FLOORS, "ceiling", "payload_bits", "state_bytes", "parameters")


def names(results: Results, column: str) -> list[str]:
    """Tasks or memories in the order in which the study has them."""
    return [str(name) for name in results.scores[column].unique()] if len(results.scores) else []


def means_over_seeds(sequences: pd.DataFrame) -> pd.DataFrame:
    """One row per task, memory, kind and length: seeds, and their mean with its 95 % interval low, high."""
    columns = ["task", "memory", "kind", "length", "seeds", "mean", "low", "high"]
    rows = []
    if len(sequences):
        for keys, part in sequences.groupby(columns[:4], sort=False):
            seeds = [s for _, s in part.groupby("seed")]
            right, asked = ([s[c].to_numpy() for s in seeds] for c in ("right", "asked"))
            rows.append((*keys, len(seeds), *across_seeds(right, asked)))
    return pd.DataFrame(rows, columns=columns)


def compare_memories(results: Results) -> pd.DataFrame:
    """One row per task and memory at the training length, all numbers.

    task, memory, seeds, mean, low, high       accuracy over seeds and its 95 % interval
    recalled_bits                              mean over seeds, bits a row
    chance, memoryless, bag, position, recency, ceiling, payload_bits, state_bytes, parameters,
    train_length, load                         those of its first seed; a floor may be missing
    solved, not_converged                      seeds that did, and in words why the others did not
    updates_to_solve, seconds_to_solve         medians over the seeds that solved it, else missing
    best                                       whether its interval lies above every other memory's
    """
    tests = results.scores[results.scores["kind"] == "test"] if len(results.scores) else results.scores
    intervals = means_over_seeds(results.sequences)
    rows: list[dict[str, Any]] = []
    if len(tests):
        for (task, memory), part in tests.groupby(["task", "memory"], sort=False):
            solved = part["solved"].astype(bool)
            rows.append(
                {"task": task, "memory": memory, "recalled_bits": part["recalled_bits"].mean()}
                | {name: part[name].iloc[0] for name in (*CONSTANT, "train_length", "load")}
                | {"solved": share_solved(list(solved))[0], "not_converged": why_not(part[~solved])}
                | {name: part[name].median() for name in ("updates_to_solve", "seconds_to_solve")}
            )
    table = pd.DataFrame(rows)
    if not len(table):
        return table
    here = intervals[intervals["kind"] == "test"].drop(columns=["kind", "length"])
    table = table.merge(here, on=["task", "memory"], how="left")
    return table.assign(best=[stands_out(row, table) for _, row in table.iterrows()])


def stands_out(row: pd.Series[Any], table: pd.DataFrame) -> bool:
    """Whether the interval of a row lies above those of all other memories on its task."""
    others = table[(table["task"] == row["task"]) & (table["memory"] != row["memory"])]
    return bool(len(others) and (row["low"] > others["high"]).all())


def why_not(unsolved: pd.DataFrame) -> str:
    """How runs that did not solve their task ended: "budget 2,000 updates", "diverged at update 31"."""
    ends = {
        "updates": lambda r: f"budget {amount(r['updates'])} updates",
        "seconds": lambda r: f"stopped by the clock after {amount(r['seconds'])} s",
        "diverged": lambda r: f"diverged at update {amount(r['updates'])}",
    }
    reasons = [ends.get(str(r["stopped"]), lambda r: str(r["stopped"]))(r) for _, r in unsolved.iterrows()]
    return "; ".join(dict.fromkeys(reasons))


def comparison_table(results: Results) -> pd.DataFrame:
    """The table a person reads in a terminal: one row per memory, all text.

    For each task a cell of two lines: accuracy with its interval, `*` where it stands out; recalled bits
    and what it took to solve. Then state bytes and parameters.
    """
    numbers, tasks = compare_memories(results), names(results, "task")
    rows = {}
    for memory in names(results, "memory"):
        mine = numbers[numbers["memory"] == memory]
        by_task = {str(r["task"]): r for _, r in mine.iterrows()}
        row = {task: cell(by_task[task]) if task in by_task else "" for task in tasks}
        rows[memory] = row | {name.replace("_", " "): span(mine[name]) for name in ("state_bytes", "parameters")}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("memory")


def cell(row: pd.Series[Any]) -> str:
    mark = "*" if row["best"] else ""
    return f"{accuracy(row)}{mark}\n{row['recalled_bits']:.1f} bits; {to_solve(row)}"


def bounds_lines(results: Results) -> list[str]:
    """For each task, what its accuracies are held against, as a line of text."""
    lines = []
    for task, part in compare_memories(results).groupby("task", sort=False):
        first, least = part.iloc[0], part["ceiling"].min()
        floors = ", ".join(f"{name} {share(floor)}" for name, floor in part[list(FLOORS)].max().dropna().items())
        ceiling = "1.00 for every state here" if least == 1 else f"from {share(least)} for the smallest state here"
        lines.append(f"{task}: floors {floors}; payload {first['payload_bits']:.1f} bits; ceiling {ceiling}")
    return lines
