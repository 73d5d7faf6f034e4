"""What became of answers when states were changed: what was erased, and what was put in from other rows."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd

from ..results.tables import Results
from .probes import where


@lru_cache(maxsize=1)
def interventions(results: Results) -> pd.DataFrame:
    """Interventions on what is compared: all layers and the whole state, or, where that was not done, the last
    layer that was; all contents of a transplant are in `results.interventions` alone."""
    rows = results.interventions
    if not len(rows):
        return rows
    rows = rows[rows["content"] == "state"]
    kept = []
    for _, part in rows.groupby(["task", "memory", "kind"], sort=False):
        kept.append(part[part["layer"] == (0 if (part["layer"] == 0).any() else part["layer"].max())])
    return pd.concat(kept, ignore_index=True) if kept else rows


def transplants(results: Results) -> pd.DataFrame:
    """One row per task, memory, layer and content that was put in from another row.

    seeds, items, follows    how often the donor's value is answered, mean over seeds
    accuracy, chance         how often the row's own still is
    """
    rows = results.interventions
    rows = where(rows, {"kind": "patched"})
    if not len(rows):
        return pd.DataFrame()
    by_seed = rows.groupby(["task", "memory", "layer", "content", "seed"], sort=False)
    each = by_seed[["follows", "accuracy", "chance"]].mean().assign(items=by_seed.size()).reset_index()
    groups = each.groupby(["task", "memory", "layer", "content"], sort=False)
    found = groups[["follows", "accuracy", "chance"]].mean()
    return found.assign(seeds=groups.size(), items=groups["items"].sum()).reset_index()
