"""Findings of probes in numbers: accuracy and bits by age, and bits in all.

Records older than the columns these rest on (`NEEDED`) are left out. A seed is one training with sequences of its own,
so an interval over seeds is for other trainings and other sequences; one seed alone has the interval of its sequences.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ..probe.verdict import ACCURACY
from ..results.tables import Results
from ..statistics import fraction_over_seeds, number_over_seeds

NEEDED = frozenset(("time", "end", "reduced", "written", "bits_low", "bits_high", "item_bits", "num_items"))
PLACE: Mapping[str, Any] = {"content": "state", "layer": 0, "reduced": 0}
"""State that is compared between memories: of all layers together, whole, as it is."""
READER = "ridge"
BINS = 8
"""Most bins of one width that ages are put into."""

AGES = ("task", "memory", "reader", "age_low", "age_high")


@lru_cache(maxsize=1)  # every figure and table of a report asks for the same
def probe_records(results: Results) -> pd.DataFrame:
    """Records of `probes` that have all of `NEEDED`: `bits` are usable bits, `end` is a truth value."""
    records = results.probes
    if not set(records) >= NEEDED:
        return pd.DataFrame()
    records = records[records["time"].notna() & (records["age"] >= 0)]
    integers = {name: records[name].astype(int) for name in ("time", "item")}
    return records.assign(end=records["end"].eq(True), **integers)


def matching(records: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    """Records whose columns have these values; the table itself where it is empty."""
    for column, value in values.items():
        records = records[records[column] == value] if len(records) else records
    return records


def at_end(results: Results) -> pd.DataFrame:
    """Records of `PLACE` at the queries of items, with `age_low` and `age_high`, the bin of their age (inclusive)."""
    records = matching(probe_records(results), {**PLACE, "end": True})
    if not len(records):
        return records
    low, width = bins(records["age"], records["task"])
    return records.assign(age_low=low, age_high=low + width - 1)


def bins(values: pd.Series[Any], within: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Least integer of the bin of each value, and the bins' width: at most `BINS` bins for each of `within`."""
    groups = values.groupby(within)
    first, width = groups.transform("min"), groups.transform(lambda v: -(-(v.max() + 1 - v.min()) // BINS))
    low = first + (values - first) // width * width
    return low.astype(int), width.astype(int)


def by_seed(records: pd.DataFrame, keys: list[str], columns: list[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Each group of `keys`: its keys with `seeds` and `items` (in all), and the means of each seed."""
    groups = records.groupby([*keys, "seed"], sort=False)
    each = groups[columns].mean().assign(items=groups.size()).reset_index()
    parts = []
    for values, part in each.groupby(keys, sort=False):
        keyed: dict[str, Any] = dict(zip(keys, values, strict=True))
        parts.append((keyed | {"seeds": len(part), "items": int(part["items"].sum())}, part))
    return parts


def by_age(results: Results) -> pd.DataFrame:
    """One record per task, memory, reader and bin of age, at the queries of items.

    seeds, items (in all), accuracy, low, high     over seeds; `PLACE`, no control
    chance
    control, selectivity     accuracy of the same reader on the control task, and the accuracy above it (missing
                             where that reader was not fitted)
    bits, bits_low, bits_high, item_bits           usable bits of an item, and its entropy
    codelength, compression  online code length, bits a label, and item_bits over it; or missing
    error                    of a linear reconstruction of levels, squared, over their variance (signals alone)
    """
    records = at_end(results)
    if not len(records):
        return pd.DataFrame()
    keys, bits = list(AGES), ["bits", "bits_low", "bits_high"]
    records = records.assign(codelength=records["codelength"].astype(float))
    control = matching(records, {"control": "control"}).groupby(keys)["accuracy"].mean()
    averaged = [*ACCURACY, "chance", *bits, "item_bits", "codelength"]
    ages = []
    for record, part in by_seed(matching(records, {"control": "none"}), keys, averaged):
        record |= dict(zip(ACCURACY, fraction_over_seeds(*(part[name] for name in ACCURACY)), strict=True))
        record |= {"chance": part["chance"].mean(), "control": control.get(tuple(record[key] for key in keys), np.nan)}
        record["selectivity"] = record["accuracy"] - record["control"]
        record |= dict(zip(bits, number_over_seeds(*(part[name] for name in bits)), strict=True))
        record |= {"item_bits": part["item_bits"].mean(), "codelength": part["codelength"].mean()}
        record["error"] = part["error"].astype(float).mean() if "error" in part else np.nan
        ages.append(record | {"compression": record["item_bits"] / record["codelength"]})
    return pd.DataFrame(ages)


def totals(results: Results) -> pd.DataFrame:
    """Bits that a linear reader recovers of a whole sequence: one record per task, memory and seed.

    bits                mean usable bits of the items read, times items of a sequence; not less than 0
    rising              of these, added by the second half of the sequences fitted on: more would add more
    payload, ceiling    bits stored in a sequence; the smaller of that and the bits of the state
    state_bytes, bits_per_state_bit

    Tasks whose items depend on each other, as those of a signal, have no total: shared bits would count twice.
    """
    records = matching(at_end(results), {"control": "none", "reader": READER})
    if not len(records) or not len(results.scores):
        return pd.DataFrame()
    tests = results.scores[results.scores["kind"] == "test"]
    once = tests.drop_duplicates("run").set_index("run")
    state, stored = once["state_bytes"], once["payload_bits"]
    half = records["bits_half"].astype(float) if "bits_half" in records else np.nan
    groups = records.assign(half=half).groupby(["run", "task", "memory", "seed"], sort=False)
    each = groups[["bits", "half", "item_bits", "num_items"]].mean().reset_index()
    independent = each["item_bits"] * each["num_items"] <= 1.001 * each["run"].map(stored)
    whole = each[["task", "memory", "seed"]].assign(
        items=groups.size().to_numpy(),
        bits=(each["bits"] * each["num_items"]).clip(lower=0),
        rising=(each["bits"] - each["half"]) * each["num_items"],
        payload=each["item_bits"] * each["num_items"],
        state_bytes=each["run"].map(state),
    )
    whole = whole[whole["state_bytes"].notna() & independent]
    whole["ceiling"] = np.minimum(whole["payload"], 8 * whole["state_bytes"])
    whole["bits_per_state_bit"] = whole["bits"] / (8 * whole["state_bytes"]).where(whole["state_bytes"] > 0)
    return whole.reset_index(drop=True)


def bits_still_rising(trained: pd.DataFrame) -> float:
    """Bits an item that the second half of the training sequences added; well above 0, more would add more."""
    if "bits_half" not in trained:
        return np.nan
    return float((trained["bits"] - trained["bits_half"].astype(float)).mean())
