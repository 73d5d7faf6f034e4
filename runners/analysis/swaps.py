"""Swaps: accuracy with another memory in place, held against the memory that was trained, sequence by sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..formatting import accuracy, p_value, signed_number
from ..measures.swap import AS_TRAINED
from ..results.tables import Results
from ..statistics import crossed_interval
from .comparison import LEVEL, Answers

KEYS = ["task", "memory", "length"]
COLUMNS = (
    *KEYS, "swapped", "gate_updates", "seeds", "mean", "low", "high", "difference", "difference_low",
    "difference_high", "p", "least_p", "state_bytes", "ceiling", "chance", "bag",
)  # fmt: skip


def swaps(results: Results) -> pd.DataFrame:
    """One record for each task, memory, length and memory in place: `COLUMNS`.

    swapped, gate_updates   the memory in place; "as trained" for the run's own, from which others differ
    mean, low, high         accuracy over seeds and its 95 % interval
    difference, ...         from the run's own memory on the same sequences, its 95 % interval, and the p-value of no
                            difference (`statistics.paired_difference`); missing for the run's own
    least_p                 the smallest p-value that so many seeds can reach
    """
    records: list[dict[str, Any]] = []
    scores, sequences = results.swaps, results.swap_sequences
    for at, part in sequences.groupby(KEYS, sort=False):
        here = scores[(scores[KEYS] == list(at)).all(axis=1)]
        own = part[part["swapped"] == AS_TRAINED]
        for (swapped, updates), mine in part.groupby(["swapped", "gate_updates"], sort=False):
            first = here[(here["swapped"] == swapped) & (here["gate_updates"] == updates)].iloc[0]
            correct, questions = (answers := Answers(mine)).by_all
            mean, low, high = crossed_interval(list(correct), list(questions))
            record = dict(zip(KEYS, at, strict=True)) | {"swapped": swapped, "gate_updates": updates}
            record |= {"seeds": len(correct), "mean": mean, "low": low, "high": high}
            record |= {name: first[name] for name in ("state_bytes", "ceiling", "chance", "bag")}
            if swapped != AS_TRAINED and (change := answers.minus(Answers(own[own["seed"].isin(mine["seed"])]))):
                record |= {"difference": change.difference, "p": change.p, "least_p": change.least}
                record |= {"difference_low": change.low, "difference_high": change.high}
            records.append(record)
    return pd.DataFrame(records, columns=list(COLUMNS))


def swap_table(found: pd.DataFrame) -> pd.DataFrame:
    """`swaps` as people read it: one record for each memory in place, a column for each length, all text."""
    records = []
    keys = ["task", "memory", "swapped", "gate_updates"]
    for (task, memory, swapped, updates), mine in found.groupby(keys, sort=False):
        gates = f", gates trained for {updates:,} updates" if updates else ""
        record = {"task": task, "memory": memory, "in place": f"{swapped}{gates}", "seeds": str(mine["seeds"].max())}
        records.append(record | {f"{one['length']:,} tokens": cell(one) for _, one in mine.iterrows()})
    return pd.DataFrame(records).fillna("")


def cell(record: pd.Series[Any]) -> str:
    """Accuracy with its interval; below it the difference from the memory that was trained."""
    if np.isnan(record["difference"]):
        return accuracy(record)
    change, low, high = (signed_number(record[name]) for name in ("difference", "difference_low", "difference_high"))
    seeds = int(record["seeds"])
    cannot = seeds == 1 or record["least_p"] >= LEVEL
    shown = f"{seeds} seed{'s' * (seeds > 1)} cannot show it" if cannot else p_value(record["p"])
    return f"{accuracy(record)}\n{change} [{low} to {high}]; {shown}"
