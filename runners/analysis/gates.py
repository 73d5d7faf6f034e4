"""Why answers are missed where caches are weighed: errors of routing and of compression."""

from __future__ import annotations

import pandas as pd

from ..results.tables import Results


def errors(results: Results) -> pd.DataFrame:
    """One row per task and memory that weighs caches, and layer (0: all told at once): why answers are missed.

    seeds, items, accuracy, oracle               as it is, and when its gate is told where the answer is
    routing_error, compression_error             oracle - accuracy, and 1 - oracle
    weight, right, even                          on the memory that holds the answer (missing for layer 0)
    num_rows                                     in all
    """
    rows = results.routing
    if not len(rows):
        return pd.DataFrame()
    by_seed = rows.groupby(["task", "memory", "layer", "seed"], sort=False)
    each = by_seed[["accuracy", "oracle", "weight", "right", "even"]].mean()
    each = each.assign(items=by_seed.size(), num_sequences=by_seed["num_sequences"].sum()).reset_index()
    groups = each.groupby(["task", "memory", "layer"], sort=False)
    found = groups[["accuracy", "oracle", "weight", "right", "even"]].mean()
    found = found.assign(routing_error=found["oracle"] - found["accuracy"], compression_error=1 - found["oracle"])
    found = found.assign(seeds=groups.size(), items=groups["items"].sum(), num_sequences=groups["num_sequences"].sum())
    return found.reset_index()
