"""Memories side by side at the training length: accuracy over seeds, what it cost, who stands out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..formatting import accuracy, amount, at_rate, share, span, to_half, to_solve
from ..results.tables import FLOORS, Results
from ..statistics import across_seeds, iqm_interval, share_solved
from .paired import paired, standing_out

CONSTANT = (*FLOORS, "ceiling", "payload_bits", "state_bytes", "parameters")


def names(results: Results, column: str) -> list[str]:
    """Tasks or memories in the order in which the study has them."""
    return [str(name) for name in results.scores[column].unique()] if len(results.scores) else []


def means_over_seeds(sequences: pd.DataFrame) -> pd.DataFrame:
    """One row per task, memory, kind, mode (where there is one) and length: seeds, mean, 95 % interval low, high."""
    keys_of = [name for name in ("task", "memory", "kind", "mode", "length") if name != "mode" or name in sequences]
    columns = [*keys_of, "seeds", "mean", "low", "high"]
    rows = []
    if len(sequences):
        for keys, part in sequences.groupby(keys_of, sort=False):
            part = part.sort_values(["seed", "run", "sequence"])
            runs = pd.factorize(part["run"])[0]
            ends = np.flatnonzero(np.diff(runs)) + 1
            right, asked = (np.split(part[c].to_numpy(), ends) for c in ("num_correct", "num_questions"))
            rows.append((*keys, len(right), *across_seeds(right, asked)))
    return pd.DataFrame(rows, columns=columns)


def over_tasks(results: Results) -> pd.DataFrame:
    """One row per memory that ran on every task: memory, tasks, seeds (in all), iqm, low, high.

    The interquartile mean of the accuracies at the training length of all its seeds on all tasks.
    """
    scores = results.scores[results.scores["kind"] == "test"] if len(results.scores) else results.scores
    rows = []
    for memory in names(results, "memory"):
        by_task = [part["accuracy"].to_numpy() for _, part in scores[scores["memory"] == memory].groupby("task")]
        if len(by_task) == scores["task"].nunique():
            rows.append((memory, len(by_task), sum(map(len, by_task)), *iqm_interval(by_task)))
    return pd.DataFrame(rows, columns=["memory", "tasks", "seeds", "iqm", "low", "high"])


def compare_memories(results: Results, pairs: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per task and memory at the training length, all numbers; `pairs` is `paired(results)`, if at hand.

    task, memory, seeds, mean, low, high       accuracy over seeds and its 95 % interval
    recalled_bits                              mean over seeds, bits a row
    chance, memoryless, bag, position, recency, ceiling, payload_bits, state_bytes, parameters,
    train_length, load                         those of its first seed; a floor may be missing
    solved, solved_low, solved_high            seeds that did, and the 95 % interval of their share (Wilson)
    not_converged                              in words why the others did not
    updates_to_half                            median over the seeds that answered half rightly, else missing
    updates_to_solve, seconds_to_solve         medians over the seeds that solved it, else missing
    learning_rate                              the rate it was trained at, missing where no other was tried
    best                                       whether it is shown to recall more than every other memory
    """
    tests = results.scores[results.scores["kind"] == "test"] if len(results.scores) else results.scores
    sequences = results.sequences
    here = means_over_seeds(sequences[sequences["kind"] == "test"] if len(sequences) else sequences)
    rows: list[dict[str, Any]] = []
    if len(tests):
        for (task, memory), part in tests.groupby(["task", "memory"], sort=False):
            solved = part["solved"].astype(bool)
            count, _, low, high = share_solved(list(solved))
            rows.append(
                {"task": task, "memory": memory, "recalled_bits": part["recalled_bits"].mean()}
                | {name: part[name].iloc[0] for name in (*CONSTANT, "train_length", "load")}
                | {"solved": count, "solved_low": low, "solved_high": high}
                | {"not_converged": why_not(part[~solved])}
                | {name: part[name].median() for name in ("updates_to_half", "updates_to_solve", "seconds_to_solve")}
            )
    table = pd.DataFrame(rows)
    if not len(table):
        return table
    table = table.merge(
        here.drop(columns=["kind", "mode", "length"], errors="ignore"), on=["task", "memory"], how="left"
    )
    table = table.merge(chosen_rates(results.rates), on=["task", "memory"], how="left")
    best = standing_out(paired(results) if pairs is None else pairs)
    return table.assign(best=[pair in best for pair in zip(table["task"], table["memory"], strict=True)])


def chosen_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """task, memory, learning_rate: the rate that was chosen, where there was one to choose."""
    columns = ["task", "memory", "learning_rate"]
    if not len(rates):
        return pd.DataFrame(columns=columns)
    tried = rates.groupby(columns[:2])["learning_rate"].transform("nunique")
    return rates.loc[rates["chosen"] & (tried > 1), columns].drop_duplicates(columns[:2])


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

    For each task a cell of two lines: accuracy with its interval, `*` where it stands out; recalled bits,
    the learning rate that was chosen, when half was right and what it took to solve. Then state bytes and parameters.
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
    said = [f"{row['recalled_bits']:.1f} bits", at_rate(row), to_half(row), to_solve(row)]
    return f"{accuracy(row)}{mark}\n{'; '.join(filter(None, said))}"


def bounds_lines(results: Results) -> list[str]:
    """For each task, what its accuracies are held against, as a line of text."""
    lines = []
    for task, part in compare_memories(results).groupby("task", sort=False):
        first, least = part.iloc[0], part["ceiling"].min()
        floors = ", ".join(f"{name} {share(floor)}" for name, floor in part[list(FLOORS)].max().dropna().items())
        ceiling = "1.00 for every state here" if least == 1 else f"from {share(least)} for the smallest state here"
        lines.append(f"{task}: floors {floors}; payload {first['payload_bits']:.1f} bits; ceiling {ceiling}")
    return lines
