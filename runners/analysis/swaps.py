"""Swaps: accuracy with another memory in place, held against the memory that was trained, sequence by sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..formatting import accuracy, p_value, signed_number
from ..measures.swap import AS_TRAINED
from ..results.tables import Results
from ..statistics import across_seeds, paired_difference

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
    for at, part in sequences.groupby(KEYS, sort=False) if len(sequences) else ():
        here = scores[(scores[KEYS] == list(at)).all(axis=1)]
        own = part[part["swapped"] == AS_TRAINED]
        for (swapped, updates), mine in part.groupby(["swapped", "gate_updates"], sort=False):
            first = here[(here["swapped"] == swapped) & (here["gate_updates"] == updates)].iloc[0]
            correct, asked = counts(mine)
            mean, low, high = across_seeds(list(correct), [asked] * len(correct))
            record = dict(zip(KEYS, at, strict=True)) | {"swapped": swapped, "gate_updates": updates}
            record |= {"seeds": len(correct), "mean": mean, "low": low, "high": high}
            record |= {name: first[name] for name in ("state_bytes", "ceiling", "chance", "bag")}
            if swapped != AS_TRAINED:
                theirs = counts(own[own["seed"].isin(mine["seed"])])[0]
                width = min(correct.shape[1], theirs.shape[1])
                found = paired_difference(correct[:, :width], theirs[:, :width], asked[:width])
                record |= {"difference": found.difference, "difference_low": found.low, "difference_high": found.high}
                record |= {"p": found.p, "least_p": found.least}
            records.append(record)
    return pd.DataFrame(records, columns=list(COLUMNS))


def counts(sequences: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Correct answers [seeds, sequences], of the sequences that all seeds answered, and questions asked [sequences]."""
    wide = sequences.pivot(index="sequence", columns="run", values=["num_correct", "num_questions"]).dropna()
    return wide["num_correct"].to_numpy(float).T, wide["num_questions"].to_numpy(float)[:, 0]


def swap_table(found: pd.DataFrame) -> pd.DataFrame:
    """`swaps` as people read it: one record for each memory in place, a column for each length, all text."""
    records = []
    for (task, memory, swapped, updates), mine in found.groupby(
        ["task", "memory", "swapped", "gate_updates"], sort=False
    ):
        gates = f", gates trained for {updates:,} updates" if updates else ""
        record = {"task": task, "memory": memory, "in place": f"{swapped}{gates}", "seeds": str(mine["seeds"].max())}
        records.append(record | {f"{row['length']:,} tokens": cell(row) for _, row in mine.iterrows()})
    return pd.DataFrame(records).fillna("")


def cell(row: pd.Series[Any]) -> str:
    """Accuracy with its interval; below it the difference from the memory that was trained."""
    if np.isnan(row["difference"]):
        return accuracy(row)
    bounds = f"[{signed_number(row['difference_low'])} to {signed_number(row['difference_high'])}]"
    seeds = int(row["seeds"])
    if seeds == 1:
        shown = "1 seed cannot show it"
    elif row["least_p"] >= 0.05:
        shown = f"{seeds} seeds cannot show it"
    else:
        shown = p_value(row["p"])
    return f"{accuracy(row)}\n{signed_number(row['difference'])} {bounds}; {shown}"
