"""Questions of a test sorted: by distance, by where in the row their answer was written, by where they stand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..statistics import cluster_interval
from .evaluate import Scored

PARTS = 10
"""Parts of a row, from its beginning to its end."""


def breakdown_records(scored: Scored, length: int) -> list[dict[str, Any]]:
    """Accuracy by depth (where the answer was written) and by position (where it is asked), in tenths of the row."""
    table = []
    for by, places in (("depth", scored.origins), ("position", scored.queries)):
        part = np.clip(PARTS * places.astype(np.int64) // length, 0, PARTS - 1)
        table += [
            {"length": length, "by": by, "low_edge": p / PARTS, "high_edge": (p + 1) / PARTS, **row}
            for p, row in sorted_into(scored, part, PARTS)
        ]
    return table


def distance_records(scored: Scored, length: int) -> list[dict[str, Any]]:
    """Accuracy by distance, in bins whose width doubles: 1, 2-3, 4-7, ..."""
    bins = np.log2(np.maximum(scored.distances, 1)).astype(np.int64)
    return [
        {"length": length, "distance_low": 2**b, "distance_high": 2 ** (b + 1) - 1, **row}
        for b, row in sorted_into(scored, bins, int(bins.max()) + 1)
    ]


def sorted_into(scored: Scored, bins: NDArray[np.int64], count: int) -> list[tuple[int, dict[str, Any]]]:
    """Each bin in which anything is asked, and num_rows, num_questions, accuracy, low, high of its questions.

    bins   [rows, Q], 0 to count - 1; those of spare questions do not matter

    What is independent is the row, as in `cluster_interval`: num_rows is how many have a question in the bin.
    """
    rows = len(bins)
    where = (np.arange(rows)[:, None] * count + bins)[scored.asking]
    asked = np.bincount(where, minlength=rows * count).reshape(rows, count)
    right = np.bincount(where[scored.right[scored.asking]], minlength=rows * count).reshape(rows, count)
    table = []
    for b in np.flatnonzero(asked.sum(0)):
        some = asked[:, b] > 0
        k, N = right[some, b], asked[some, b]
        low, high = cluster_interval(k, N)
        found = {"num_sequences": len(k), "num_questions": int(N.sum()), "accuracy": float(k.sum() / N.sum())}
        table.append((int(b), found | {"low": low, "high": high}))
    return table
