"""Memories against each other on the rows that both were tested on, and what of it can be claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ..config.length_modes import at_fixed_load
from ..results.tables import Results
from ..statistics import Difference, holm, paired_difference

LEVEL = 0.05
"""The chance taken of claiming anything wrongly, over all claims of a table."""
MEASURED = ["difference", "low", "high", "p", "p_holm", "effect", "seeds", "rows"]
COLUMNS = ["task", "length", "memory", "against", *MEASURED, "verdict"]


def paired(results: Results, baseline: str | None = None, kind: str = "test") -> pd.DataFrame:
    """One row per task and pair of memories, on the rows that both answered.

    task, length, memory, against
    difference, low, high   accuracy of `memory` less that of `against`, means over seeds, and its 95 % interval
    p                       of no difference; over seeds and rows, see `statistics.paired_difference`
    p_holm                  p of the claim that this row belongs to, corrected for all claims (Holm); missing
                            where either has one seed, which says nothing of others
    effect                  how often a training of `memory` beats one of `against`, ties half
    seeds, rows             trainings of the one that has fewer; rows in common
    verdict                 "above", "below", "not shown", "3 seeds cannot show it", "other rows"

    With a `baseline` each other memory is held against it, and each row is a claim. Without one the memory with
    the highest mean on a task is held against every other, and a task makes one claim, that its first recalls
    more than all the rest: its p is the largest of its rows and needs no correction for their number, nor for
    having looked who is first (Gutmann and Maymin 1987). All its rows carry that p_holm.

    `kind` "test" compares at the training length, another kind at the longest length it has for each task, with
    the load of training.
    Runs whose rows differ, by checksum (where `scores` has one) or by what a row asks, are not paired: "other
    rows". Raises ValueError for a baseline that is not there.
    """
    sequences = results.sequences
    if baseline is not None and not (len(sequences) and (sequences["memory"] == baseline).any()):
        there = ", ".join(sequences["memory"].unique()) if len(sequences) else "none"
        raise ValueError(f"baseline {baseline!r} is none of the memories compared: {there}")
    if not len(sequences):
        return pd.DataFrame(columns=COLUMNS)
    checksums = dict(results.scores[["run", "checksum"]].to_numpy()) if "checksum" in results.scores else {}
    rows: list[dict[str, Any]] = []
    for task, part in at_fixed_load(sequences[sequences["kind"] == kind]).groupby("task", sort=False):
        length = part["length"].max()
        memories = {
            str(m): Answers(one, checksums) for m, one in part[part["length"] == length].groupby("memory", sort=False)
        }
        rows += [{"task": task, "length": length} | row for row in on_one_task(memories, baseline)]
    return judged(pd.DataFrame(rows), each_row_claims=baseline is not None) if rows else pd.DataFrame(columns=COLUMNS)


class Answers:
    """One memory's answers to the rows of one task and length: right and asked, [runs, rows], NaN where not tested."""

    def __init__(self, sequences: pd.DataFrame, checksums: dict[str, str]) -> None:
        run, names = pd.factorize(sequences["run"])
        row = sequences["sequence"].to_numpy()
        self.right = np.full((len(names), row.max() + 1), np.nan)
        self.asked = self.right.copy()
        self.right[run, row], self.asked[run, row] = sequences["num_correct"], sequences["num_questions"]
        self.checksums = {checksums.get(str(name)) for name in names}

    @property
    def mean(self) -> float:
        """Over seeds, each on the rows it was tested on."""
        return float((np.nansum(self.right, 1) / np.nansum(self.asked, 1)).mean())

    def less(self, other: Answers) -> Difference | None:
        """The difference of this memory from another on their common rows; None where these are not the same."""
        width = min(self.right.shape[1], other.right.shape[1])
        asked = np.concatenate([self.asked[:, :width], other.asked[:, :width]])
        common = np.flatnonzero(~np.isnan(asked).any(0))
        if len(self.checksums | other.checksums) > 1 or not len(common) or np.ptp(asked[:, common], axis=0).any():
            return None
        return paired_difference(self.right[:, common], other.right[:, common], asked[0, common])


def on_one_task(memories: dict[str, Answers], baseline: str | None) -> list[dict[str, Any]]:
    """The rows of one task: every other memory against the baseline, or the first against every other."""
    if baseline is None:
        first = max(memories, key=lambda name: memories[name].mean)
        pairs = [(first, other) for other in memories if other != first]
    else:
        pairs = [(name, baseline) for name in memories if name != baseline and baseline in memories]
    nothing = dict.fromkeys(("difference", "low", "high", "p", "effect"), np.nan) | {"least": 0.0, "rows": 0}
    told = []
    for name, other in pairs:
        found = memories[name].less(memories[other])
        seeds = min(len(memories[m].right) for m in (name, other))
        told.append({"memory": name, "against": other, "seeds": seeds} | (asdict(found) if found else nothing))
    return told


def judged(table: pd.DataFrame, each_row_claims: bool) -> pd.DataFrame:
    """The same rows with p_holm and what they show."""
    claims = table.index if each_row_claims else pd.Index(table["task"])
    # What cannot be paired shows nothing; what one seed did is no claim about a memory.
    counted = table[["p", "least"]].fillna({"p": 1.0}).groupby(claims, sort=False).max()
    counted = counted[table["seeds"].groupby(claims, sort=False).min() > 1]
    raised = pd.DataFrame({name: holm(counted[name]) for name in counted}, index=counted.index).reindex(claims)
    table = table.assign(p_holm=raised["p"].to_numpy(), reachable=raised["least"].to_numpy())
    return table.assign(verdict=[verdict(row) for _, row in table.iterrows()])[COLUMNS]


def verdict(row: pd.Series[Any]) -> str:
    """What one row shows, in words."""
    if np.isnan(row["difference"]):
        return "other rows"
    if np.isnan(row["p_holm"]) or row["reachable"] >= LEVEL:
        return f"{row['seeds']} seed{'s' * (row['seeds'] > 1)} cannot show it"
    if row["p_holm"] >= LEVEL:
        return "not shown"
    return "above" if row["difference"] > 0 else "below"


def standing_out(pairs: pd.DataFrame) -> set[tuple[str, str]]:
    """(task, memory) of every first that is shown to recall more than all others, from `paired` without baseline."""
    by_task = pairs.groupby(["task", "memory"], sort=False)["verdict"]
    return {(str(task), str(memory)) for (task, memory), shown in by_task if shown.eq("above").all()}


def undecided(pairs: pd.DataFrame) -> Sequence[str]:
    """The rivals that a first is not told apart from: by their intervals, else the one that decides."""
    close = pairs[pairs["low"] <= 0]
    return [str(m) for m in (close if len(close) else pairs.nlargest(1, "p"))["against"]]
