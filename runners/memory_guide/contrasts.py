"""How much one memory recalls beyond another: differences of accuracy with intervals over seeds and rows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..results.tables import Results
from ..statistics import RESAMPLES

PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "caching": (
        ("grm", "linear"),
        ("grm", "linear, equal bytes"),
        ("grm over delta", "delta"),
        ("grm", "grm, gate of position"),
        ("grm", "grm, detached caches"),
        ("ssc", "random_ssc"),
        ("ssc", "grm"),
        ("oracle", "grm"),
        ("residual", "linear"),
        ("grm, checkpoints", "grm"),
        ("log_linear_plus", "log_linear"),
    ),
    "elastic": tuple(
        (f"legendre 16, {sampling}", f"{bank} 16, {sampling}")
        for sampling in ("uniform", "exponential")
        for bank in ("cosine", "means", "samples", "random")
    ),
}
"""Memories that a study sets against each other."""


def table(results: Results, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """task, one, other, length, difference (of means over seeds), low, high (95 %)."""
    sequences, test = results.sequences, results.sequences["kind"] == "test"
    trained = sequences["length"].isin(sequences.loc[test, "length"])
    sequences = sequences[test | ~trained]  # the test of a run has more rows than the ladder's at that length
    rows = []
    for (task, length), part in sequences.groupby(["task", "length"], sort=False):
        for one, other in pairs:
            both = [part[part["memory"] == memory] for memory in (one, other)]
            if all(map(len, both)):
                ends = difference(shares(both[0]), shares(both[1]))
                rows.append((task, one, other, length, *ends))
    return pd.DataFrame(rows, columns=["task", "one", "other", "length", "difference", "low", "high"])


def shares(sequences: pd.DataFrame) -> NDArray[np.float64]:
    """Shares of right answers [seeds, rows]; every row of these tasks asks as many questions."""
    share = sequences.assign(share=sequences["num_correct"] / sequences["num_questions"])
    return np.asarray(share.pivot(index="seed", columns="sequence", values="share"), dtype=float)


def difference(one: NDArray[np.float64], other: NDArray[np.float64], seed: int = 0) -> tuple[float, float, float]:
    """Difference of means and its bounds: seeds of each are drawn apart, rows together, since all saw the same."""
    rng = np.random.default_rng(seed)
    rows = one.shape[1]
    draws = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = rng.integers(rows, size=rows)
        means = [a[rng.integers(len(a), size=len(a))][:, drawn].mean() for a in (one, other)]
        draws[i] = means[0] - means[1]
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(one.mean() - other.mean()), float(low), float(high)
