"""Memories side by side at the training length, and in pairs on the test sequences that both answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ..config.length_modes import at_fixed_load, order
from ..formatting import accuracy, amount, at_rate, fraction, span, state_bytes, to_half, to_solve
from ..results.tables import FLOORS, Results
from ..statistics import (
    Difference,
    across_seeds,
    crossed_interval,
    fraction_solved,
    holm,
    iqm_interval,
    paired_difference,
)
from ..studies.learning_rates import choose_rate

Interval = Callable[..., tuple[float, float, float]]
"""Mean and bounds from the correct answers and the questions of every seed."""

TESTS = ["task", "memory", "kind", "mode", "length"]
CONSTANT = (*FLOORS, "ceiling", "payload_bits", "state_bytes", "state_bytes_at_end", "parameters")
LEVEL = 0.05
"""Chance taken of any wrong claim, over all claims of a table."""
MEASURED = ["difference", "low", "high", "p", "p_holm", "effect", "seeds", "num_sequences"]
COLUMNS = ["task", "length", "memory", "against", *MEASURED, "verdict"]


def names(results: Results, column: str) -> list[str]:
    """Tasks or memories in the order in which the study has them."""
    return [str(name) for name in results.scores[column].unique()]


def in_study_order(table: pd.DataFrame, results: Results, keys: list[str]) -> pd.DataFrame:
    """Records sorted by these columns: tasks and memories as the study has them, modes as `MODES`, numbers rising."""
    places: dict[str, Any] = {name: names(results, name).index for name in ("task", "memory")} | {"mode": order}
    return table.sort_values(
        keys, key=lambda c: c.map(places[c.name]) if c.name in places else c, kind="stable", ignore_index=True
    )


def means_over_seeds(sequences: pd.DataFrame, interval: Interval = crossed_interval) -> pd.DataFrame:
    """One record per task, memory, kind, mode and length: seeds, mean, and its 95 % bounds low, high."""
    records = []
    for keys, part in sequences.groupby(TESTS, sort=False):
        part = part.sort_values(["seed", "run", "sequence"])
        ends = np.flatnonzero(np.diff(pd.factorize(part["run"])[0])) + 1
        correct, questions = (np.split(part[c].to_numpy(), ends) for c in ("num_correct", "num_questions"))
        records.append((*keys, len(correct), *interval(correct, questions)))
    return pd.DataFrame(records, columns=[*TESTS, "seeds", "mean", "low", "high"])


def over_tasks(results: Results) -> pd.DataFrame:
    """One record per memory that ran on every task: memory, tasks, seeds (in all), solved (of them), iqm, low, high.

    The interquartile mean of the accuracies at the training length of all its seeds on all tasks.
    """
    scores = results.scores[results.scores["kind"] == "test"]
    records = []
    for memory in names(results, "memory"):
        mine = scores[scores["memory"] == memory]
        by_task = [part["accuracy"].to_numpy() for _, part in mine.groupby("task")]
        if len(by_task) == scores["task"].nunique():
            records.append((memory, len(by_task), len(mine), mine["solved"].sum(), *iqm_interval(by_task)))
    return pd.DataFrame(records, columns=["memory", "tasks", "seeds", "solved", "iqm", "low", "high"])


def compare_memories(results: Results, pairs: pd.DataFrame | None = None) -> pd.DataFrame:
    """One record per task and memory at the training length, all numbers.

    task, memory, seeds, mean, low, high       accuracy over seeds and its 95 % interval
    recalled_bits                              mean over seeds, bits a sequence
    chance, memoryless, bag, position, recency, ceiling, payload_bits, state_bytes, state_bytes_at_end,
    parameters, train_length, load             the largest of its seeds; a floor may be missing
    solved, solved_low, solved_high            seeds that did, and the 95 % interval of their fraction (Wilson)
    not_converged                              in words how the others ended
    updates_to_half                            median over the seeds that answered half correctly, else missing
    updates_to_solve, seconds_to_solve         medians over the seeds that solved it, else missing
    learning_rate, other_rates                 the rate that all its seeds choose, and how many of them are reported at
                                               another, which the others chose; missing where no other was tried
    best                                       true where it is shown to recall more than every other memory

    `pairs` is `pair_differences(results)`, where that is at hand.
    """
    tests, sequences = (table[table["kind"] == "test"] for table in (results.scores, results.sequences))
    records: list[dict[str, Any]] = []
    for (task, memory), part in tests.groupby(["task", "memory"], sort=False):
        solved = part["solved"].astype(bool)
        count, _, low, high = fraction_solved(list(solved))
        records.append(
            {"task": task, "memory": memory, "recalled_bits": part["recalled_bits"].mean()}
            | {name: part[name].max() for name in (*CONSTANT, "train_length", "load")}
            | {"solved": count, "solved_low": low, "solved_high": high}
            | {"not_converged": reasons_unsolved(part[~solved])}
            | {
                name: part[name].dropna().median()
                for name in ("updates_to_half", "updates_to_solve", "seconds_to_solve")
            }
        )
    if not records:
        return pd.DataFrame()
    means = means_over_seeds(sequences, across_seeds).drop(columns=["kind", "mode", "length"])
    table = pd.DataFrame(records).merge(means, on=["task", "memory"], how="left")
    table = table.merge(chosen_rates(results.rates), on=["task", "memory"], how="left")
    best = best_memories(pair_differences(results) if pairs is None else pairs)
    return table.assign(best=[pair in best for pair in zip(table["task"], table["memory"], strict=True)])


def chosen_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """task, memory, learning_rate, other_rates: the choice of all seeds, and how many seeds others put at another."""
    records = [
        (*keys, rate := choose_rate(part), int((part.loc[part["chosen"].astype(bool), "learning_rate"] != rate).sum()))
        for keys, part in rates.groupby(["task", "memory"], sort=False)
        if part["learning_rate"].nunique() > 1
    ]
    return pd.DataFrame(records, columns=["task", "memory", "learning_rate", "other_rates"])


def reasons_unsolved(unsolved: pd.DataFrame) -> str:
    """Endings of runs that did not solve their task, in words: "budget 2,000 updates", "diverged at update 31"."""
    ends = {
        "updates": lambda r: f"budget {amount(r['updates'])} updates",
        "seconds": lambda r: f"stopped by the clock after {amount(r['seconds'])} s",
        "diverged": lambda r: f"diverged at update {amount(r['updates'])}",
    }
    reasons = [ends.get(str(r["stopped"]), lambda r: str(r["stopped"]))(r) for _, r in unsolved.iterrows()]
    return "; ".join(dict.fromkeys(reasons))


def missing_runs(results: Results) -> list[str]:
    """Sentences on runs that the numbers lack, and on those of older versions that the clock cut short."""
    tests = results.scores[results.scores["kind"] == "test"]
    lacking, cut = int(results.study.get("unfinished", 0)), int((tests["stopped"] == "seconds").sum())
    lines = {
        f"Not finished: {lacking:,} of the study's runs. Its command goes on with them.": lacking,
        f"Cut by the clock: {cut:,} of {len(tests):,} runs, made by an older version. Train them anew.": cut,
    }
    damaged = [f"Left out: {line}." for line in results.study.get("damaged", ())]
    return [line for line, count in lines.items() if count] + damaged


def comparison_table(results: Results) -> pd.DataFrame:
    """Comparison as text for a terminal, one record per memory.

    For each task a cell of two lines: accuracy with its interval, `*` where it is shown to be best; recalled bits,
    the learning rate that was chosen, when half was correct and what it took to solve. Then state bytes and parameters.
    """
    numbers, tasks = compare_memories(results), names(results, "task")
    records = {}
    for memory in names(results, "memory"):
        mine = numbers[numbers["memory"] == memory]
        cells = {str(r["task"]): _cell(r) for _, r in mine.iterrows()}
        sizes = {"state bytes": state_bytes(mine), "parameters": span(mine["parameters"])}
        records[memory] = dict.fromkeys(tasks, "") | cells | sizes
    return pd.DataFrame.from_dict(records, orient="index").rename_axis("memory")


def _cell(record: pd.Series[Any]) -> str:
    facts = [f"{record['recalled_bits']:.1f} bits", at_rate(record), to_half(record), to_solve(record)]
    return f"{accuracy(record)}{'*' * record['best']}\n{'; '.join(filter(None, facts))}"


def bounds_lines(results: Results) -> list[str]:
    """Floors, payload and ceiling of each task, as a line of text."""
    lines = []
    for task, part in compare_memories(results).groupby("task", sort=False):
        first, least = part.iloc[0], part["ceiling"].min()
        floors = ", ".join(f"{name} {fraction(value)}" for name, value in part[list(FLOORS)].max().dropna().items())
        ceiling = "1.00 for every state here" if least == 1 else f"from {fraction(least)} for the smallest state here"
        lines.append(f"{task}: floors {floors}; payload {first['payload_bits']:.1f} bits; ceiling {ceiling}")
    return lines


def pair_differences(
    results: Results,
    baseline: str | None = None,
    kind: str = "test",
    contrasts: Sequence[tuple[str, str]] | None = None,
    length: int | None = None,
) -> pd.DataFrame:
    """One record per task and pair of memories, on the sequences that both answered.

    task, length, memory, against
    difference, low, high   accuracy of `memory` less that of `against`, means over seeds, and its 95 % interval
    p                       of no difference; over seeds and sequences, see `statistics.paired_difference`
    p_holm                  p of the claim that this record belongs to, corrected for all claims (Holm); missing
                            where either has one seed, which says nothing of others
    effect                  how often a training of `memory` beats one of `against`, ties half
    seeds, num_sequences    trainings of the one that has fewer; sequences in common
    verdict                 "above", "below", "not shown", "3 seeds cannot show it", "other sequences"

    With `contrasts` these pairs (memory, against) are compared, with a `baseline` each other memory against it, and
    each record is a claim. With neither the memory with the highest mean on a task is compared with every other, and a
    task makes one claim, that its first recalls more than all the rest: its p is the largest of its records and needs
    no correction for their number, nor for having looked who is first (Gutmann and Maymin 1987). All its records carry
    that p_holm.

    `kind` "test" compares at the training length, another kind at `length`, or at the longest it has for each task,
    with the load of training. Runs whose sequences differ, by checksum or by their questions,
    are not paired: "other sequences". Raises ValueError for a baseline that is not there.
    """
    sequences = results.sequences
    if baseline not in (None, *(memories := sequences["memory"].unique())):
        there = ", ".join(memories) or "none"
        raise ValueError(f"baseline {baseline!r} is none of the memories compared: {there}")
    checksums = dict(results.scores[["run", "checksum"]].to_numpy())
    records: list[dict[str, Any]] = []
    for task, part in at_fixed_load(sequences[sequences["kind"] == kind]).groupby("task", sort=False):
        at = length or part["length"].max()
        here = part[part["length"] == at]
        if not len(here):
            continue
        answers = {str(m): Answers(one, checksums) for m, one in here.groupby("memory", sort=False)}
        pairs = _pairs(answers, baseline, contrasts)
        records += [{"task": task, "length": at} | _compared(answers, *pair) for pair in pairs]
    if not records:
        return pd.DataFrame(columns=COLUMNS)
    return _judged(pd.DataFrame(records), each_claims=baseline is not None or contrasts is not None)


class Answers:
    """One memory's correct answers and questions at one task and length, [runs, sequences]; NaN for not tested."""

    def __init__(self, sequences: pd.DataFrame, checksums: Mapping[str, str] = MappingProxyType({})) -> None:
        run, names = pd.factorize(sequences["run"])
        place = run, sequences["sequence"].to_numpy()
        self.correct = np.full((len(names), place[1].max() + 1), np.nan)
        self.questions = self.correct.copy()
        self.correct[place], self.questions[place] = sequences["num_correct"], sequences["num_questions"]
        self.checksums = {checksums.get(str(name)) for name in names}

    @property
    def mean(self) -> float:
        """Mean accuracy over seeds, each on the sequences it was tested on."""
        return float((np.nansum(self.correct, 1) / np.nansum(self.questions, 1)).mean())

    @property
    def by_all(self) -> tuple[np.ndarray, np.ndarray]:
        """Correct answers and questions [runs, sequences] of the sequences that every run was tested on."""
        tested = ~np.isnan(self.correct).any(0)
        return self.correct[:, tested], self.questions[:, tested]

    def minus(self, other: Answers) -> Difference | None:
        """Difference from another memory on their common sequences; None where these are not the same."""
        width = min(self.correct.shape[1], other.correct.shape[1])
        questions = np.concatenate([self.questions[:, :width], other.questions[:, :width]])
        common = np.flatnonzero(~np.isnan(questions).any(0))
        if len(self.checksums | other.checksums) > 1 or not len(common) or np.ptp(questions[:, common], axis=0).any():
            return None
        return paired_difference(self.correct[:, common], other.correct[:, common], questions[0, common])


def _pairs(
    memories: dict[str, Answers], baseline: str | None, contrasts: Sequence[tuple[str, str]] | None
) -> list[tuple[str, str]]:
    """Pairs (memory, against): the contrasts, every other with the baseline, or the first with every other."""
    if contrasts is not None:
        return [pair for pair in contrasts if set(pair) <= set(memories)]
    if baseline is not None:
        return [(name, baseline) for name in memories if name != baseline and baseline in memories]
    first = max(memories, key=lambda name: memories[name].mean)
    return [(first, other) for other in memories if other != first]


def _compared(memories: dict[str, Answers], name: str, against: str) -> dict[str, Any]:
    difference = memories[name].minus(memories[against])
    seeds = min(len(memories[m].correct) for m in (name, against))
    nothing = dict.fromkeys(("difference", "low", "high", "p", "effect"), np.nan) | {"least": 0.0, "num_sequences": 0}
    return {"memory": name, "against": against, "seeds": seeds} | (asdict(difference) if difference else nothing)


def _judged(table: pd.DataFrame, each_claims: bool) -> pd.DataFrame:
    """The same records with p_holm and verdicts."""
    claims = table.index if each_claims else pd.Index(table["task"])
    # What cannot be paired shows nothing; what one seed did is no claim about a memory.
    counted = table[["p", "least"]].fillna({"p": 1.0}).groupby(claims, sort=False).max()
    counted = counted[table["seeds"].groupby(claims, sort=False).min() > 1]
    raised = pd.DataFrame({name: holm(counted[name]) for name in counted}, index=counted.index).reindex(claims)
    table = table.assign(p_holm=raised["p"].to_numpy(), reachable=raised["least"].to_numpy())
    return table.assign(verdict=[_verdict(record) for _, record in table.iterrows()])[COLUMNS]


def _verdict(record: pd.Series[Any]) -> str:
    if np.isnan(record["difference"]):
        return "other sequences"
    if np.isnan(record["p_holm"]) or record["reachable"] >= LEVEL:
        return f"{record['seeds']} seed{'s' * (record['seeds'] > 1)} cannot show it"
    if record["p_holm"] >= LEVEL:
        return "not shown"
    return "above" if record["difference"] > 0 else "below"


def best_memories(pairs: pd.DataFrame) -> set[tuple[str, str]]:
    """(task, memory) of every first shown to recall more than all others; `pairs` have no baseline."""
    by_task = pairs.groupby(["task", "memory"], sort=False)["verdict"]
    return {(str(task), str(memory)) for (task, memory), shown in by_task if shown.eq("above").all()}


def unresolved_rivals(pairs: pd.DataFrame) -> Sequence[str]:
    """Memories not significantly different from the first: by their intervals, else the one with the largest p."""
    close = pairs[pairs["low"] <= 0]
    return [str(m) for m in (close if len(close) else pairs.nlargest(1, "p"))["against"]]
