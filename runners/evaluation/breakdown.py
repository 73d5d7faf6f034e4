"""Breakdown of a test's accuracy: by distance, by depth of the written answer, by position of the query."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import cluster_interval
from .evaluate import Predictions

PARTS = 10
"""Equal parts of a sequence."""


def breakdown_records(scored: Predictions, length: int) -> list[dict[str, Any]]:
    """Accuracy by depth (position of the written answer) and by position of the query, in tenths of the sequence."""
    return [
        {"length": length, "by": by, "low_edge": p / PARTS, "high_edge": (p + 1) / PARTS, **found}
        for by, places in (("depth", scored.origins), ("position", scored.queries))
        for p, found in binned_records(scored, np.clip(PARTS * places.astype(np.int64) // length, 0, PARTS - 1), PARTS)
    ]


def distance_records(scored: Predictions, length: int) -> list[dict[str, Any]]:
    """Accuracy by distance, in bins whose width doubles: 1, 2-3, 4-7, ..."""
    bins = np.log2(np.maximum(scored.distances, 1)).astype(np.int64)
    return [
        {"length": length, "distance_low": 2**b, "distance_high": 2 ** (b + 1) - 1, **found}
        for b, found in binned_records(scored, bins, int(bins.max()) + 1)
    ]


def binned_records(scored: Predictions, bins: NDArray[np.int64], count: int) -> list[tuple[int, dict[str, Any]]]:
    """Each bin that holds a question, with its num_sequences, num_questions, accuracy, low and high.

    bins   [sequences, Q], 0 to count - 1; those of spare questions do not matter

    Sequences are independent, questions are not, as in `cluster_interval`: num_sequences have a question in the bin.
    """
    sequences = len(bins)
    where = (np.arange(sequences)[:, None] * count + bins)[scored.asking]
    asked = np.bincount(where, minlength=sequences * count).reshape(sequences, count)
    correct = np.bincount(where[scored.correct[scored.asking]], minlength=sequences * count).reshape(sequences, count)
    table = []
    for b in np.flatnonzero(asked.sum(0)):
        some = asked[:, b] > 0
        k, N = correct[some, b], asked[some, b]
        low, high = cluster_interval(k, N)
        found = {"num_sequences": len(k), "num_questions": int(N.sum()), "accuracy": float(k.sum() / N.sum())}
        table.append((int(b), found | {"low": low, "high": high}))
    return table
