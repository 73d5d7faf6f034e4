"""What a linear reader recovers of a whole sequence, in bits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..results.tables import Results
from .probes import READER, at_end, where


def totals(results: Results) -> pd.DataFrame:
    """One row per task, memory and seed: what a linear reader recovers of a whole sequence.

    bits                mean usable bits of the items read, times items of a sequence; not less than 0
    rising              of these, found by the second half of the rows fitted on: more rows would find more
    payload, ceiling    bits stored in a sequence; the smaller of that and the bits of the state
    state_bytes, bits_per_state_bit

    Tasks whose items tell of one another, as those of a signal, have no total: bits they share would count twice.
    """
    rows = where(at_end(results), {"control": "none", "reader": READER})
    if not len(rows) or not len(results.scores):
        return pd.DataFrame()
    tests = results.scores[results.scores["kind"] == "test"]
    once = tests.drop_duplicates("run").set_index("run")
    state, stored = once["state_bytes"], once["payload_bits"]
    rows = rows.assign(half=rows["bits_half"].astype(float) if "bits_half" in rows else np.nan)
    groups = rows.groupby(["run", "task", "memory", "seed"], sort=False)
    each = groups[["bits", "half", "item_bits", "num_items"]].mean().reset_index()
    apart = each["item_bits"] * each["num_items"] <= 1.001 * each["run"].map(stored)
    found = each[["task", "memory", "seed"]].assign(
        items=groups.size().to_numpy(),
        bits=(each["bits"] * each["num_items"]).clip(lower=0),
        rising=(each["bits"] - each["half"]) * each["num_items"],
        payload=each["item_bits"] * each["num_items"],
        state_bytes=each["run"].map(state),
    )
    found = found[found["state_bytes"].notna() & apart]
    found["ceiling"] = np.minimum(found["payload"], 8 * found["state_bytes"])
    found["bits_per_state_bit"] = found["bits"] / (8 * found["state_bytes"]).where(found["state_bytes"] > 0)
    return found.reset_index(drop=True)


def rising(trained: pd.DataFrame) -> float:
    """Bits an item that the second half of the training rows found: what is well above 0 would rise with more rows."""
    if "bits_half" not in trained:
        return np.nan
    return float((trained["bits"] - trained["bits_half"].astype(float)).mean())
