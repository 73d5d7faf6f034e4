"""Findings of probes in numbers: accuracy and bits by age, and bits in all.

Records older than the time of reading are left out. A seed is one training with sequences of its own,
so an interval over seeds is for other trainings and other sequences; one seed alone has the interval of its sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ..probe.verdict import ACCURACY
from ..results.tables import Results
from ..statistics import fraction_over_seeds, number_over_seeds

Names = tuple[str, str, str]
BITS: Names = ("bits", "bits_low", "bits_high")
PLACE: Mapping[str, Any] = {"content": "state", "layer": 0, "reduced": 0}
"""State that is compared between memories: of all layers together, whole, as it is."""
READER = "ridge"
BINS = 8
"""Most bins of one width that ages are put into."""

AGES = ["task", "memory", "reader", "age_low", "age_high"]
BY_AGE = [
    *AGES, "seeds", "items", *ACCURACY, "chance", "control", "selectivity", *BITS, "item_bits", "codelength", "error",
    "compression",
]  # fmt: skip


@lru_cache(maxsize=1)  # every figure and table of a report asks for the same
def probe_records(results: Results) -> pd.DataFrame:
    """Records of `probes` of items already written: `end` is a truth value."""
    records = results.probes
    records = records[records["time"].notna() & (records["age"] >= 0)]
    integers = {name: records[name].astype(int) for name in ("time", "item")}
    return records.assign(end=records["end"].eq(True), **integers)


def matching(records: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    """Records whose columns have these values."""
    for column, value in values.items():
        records = records[records[column] == value]
    return records


def at_end(results: Results) -> pd.DataFrame:
    """Records of `PLACE` at the queries of items, with `age_low` and `age_high`, the bin of their age (inclusive)."""
    records = matching(probe_records(results), {**PLACE, "end": True})
    low, width = bins(records["age"], records["task"])
    return records.assign(age_low=low, age_high=low + width - 1)


def bins(values: pd.Series[Any], within: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Least integer of the bin of each value, and the bins' width: at most `BINS` bins for each of `within`."""
    groups = values.groupby(within)
    first, width = groups.transform("min"), groups.transform(lambda v: -(-(v.max() + 1 - v.min()) // BINS))
    low = first + (values - first) // width * width
    return low.astype(int), width.astype(int)


def over_seeds(
    records: pd.DataFrame,
    keys: Sequence[str],
    means: Sequence[str],
    fractions: Mapping[Names, Names] | None = None,
    numbers: Mapping[Names, Names] | None = None,
) -> pd.DataFrame:
    """One record for each group of `keys`: seeds, items (in all), intervals, and means, over the means of each seed.

    means                columns that are averaged
    fractions, numbers   for names of a mean and its bounds, the columns of a seed's value and bounds, which
                         `fraction_over_seeds` or `number_over_seeds` puts together
    """
    bounded = ((fraction_over_seeds, fractions or {}), (number_over_seeds, numbers or {}))
    columns = dict.fromkeys([*means, *(name for _, named in bounded for names in named.values() for name in names)])
    groups = records.groupby([*keys, "seed"], sort=False)
    by_seed = groups[list(columns)].mean().assign(items=groups.size()).reset_index()
    found = []
    for values, part in by_seed.groupby(list(keys), sort=False):
        record: dict[str, Any] = dict(zip(keys, values, strict=True))
        record |= {"seeds": len(part), "items": int(part["items"].sum())}
        for interval, named in bounded:
            for names, measured in named.items():
                record |= dict(zip(names, interval(*(part[name] for name in measured)), strict=True))
        found.append(record | {name: part[name].mean() for name in means})
    return pd.DataFrame(found)


def by_age(results: Results) -> pd.DataFrame:
    """One record per task, memory, reader and bin of age, at the queries of items: `BY_AGE`.

    seeds, items (in all), accuracy, low, high     over seeds; `PLACE`, no control
    chance
    control, selectivity     accuracy of the same reader on the control task, and the accuracy above it (missing
                             where that reader was not fitted)
    bits, bits_low, bits_high, item_bits           usable bits of an item, and its entropy
    codelength, compression  online code length, bits a label, and item_bits over it; or missing
    error                    of a linear reconstruction of levels, squared, over their variance (signals alone)
    """
    records = at_end(results)
    records = records.astype(dict.fromkeys(("codelength", "error"), float))
    control = matching(records, {"control": "control"}).groupby(AGES)["accuracy"].mean().rename("control")
    means = ["chance", "item_bits", "codelength", "error"]
    trained = matching(records, {"control": "none"})
    ages = over_seeds(trained, AGES, means, fractions={ACCURACY: ACCURACY}, numbers={BITS: BITS})
    if not len(ages):
        return ages
    ages = ages.join(control, on=AGES)
    ages = ages.assign(
        selectivity=ages["accuracy"] - ages["control"], compression=ages["item_bits"] / ages["codelength"]
    )
    return ages[BY_AGE]


def totals(results: Results) -> pd.DataFrame:
    """Bits that a linear reader recovers of a whole sequence: one record per task, memory and seed.

    bits                mean usable bits of the items read, times items of a sequence; not less than 0
    rising              of these, added by the second half of the sequences fitted on: more would add more
    payload, ceiling    bits stored in a sequence; the smaller of that and the bits of the state
    state_bytes, bits_per_state_bit   of the state after the last token, which is the one that is read

    Tasks whose items depend on each other, as those of a signal, have no total: shared bits would count twice.
    """
    records = matching(at_end(results), {"control": "none", "reader": READER})
    if not len(records):
        return pd.DataFrame()
    tests = results.scores[results.scores["kind"] == "test"]
    once = tests.drop_duplicates("run").set_index("run")
    state, stored = once["state_bytes_at_end"].fillna(once["state_bytes"]), once["payload_bits"]
    records = records.astype({"bits_half": float})
    groups = records.groupby(["run", "task", "memory", "seed"], sort=False)
    each = groups[["bits", "bits_half", "item_bits", "num_items"]].mean().reset_index()
    independent = each["item_bits"] * each["num_items"] <= 1.001 * each["run"].map(stored)
    whole = each[["task", "memory", "seed"]].assign(
        items=groups.size().to_numpy(),
        bits=(each["bits"] * each["num_items"]).clip(lower=0),
        rising=(each["bits"] - each["bits_half"]) * each["num_items"],
        payload=each["item_bits"] * each["num_items"],
        state_bytes=each["run"].map(state),
    )
    whole = whole[whole["state_bytes"].notna() & independent]
    whole["ceiling"] = np.minimum(whole["payload"], 8 * whole["state_bytes"])
    whole["bits_per_state_bit"] = whole["bits"] / (8 * whole["state_bytes"]).where(whole["state_bytes"] > 0)
    return whole.reset_index(drop=True)


def bits_still_rising(trained: pd.DataFrame) -> float:
    """Bits an item that the second half of the training sequences added; well above 0, more would add more."""
    return float((trained["bits"] - trained["bits_half"].astype(float)).mean())
