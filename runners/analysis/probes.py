"""What probes found, in numbers: by age, in all, and whether what is there is used.

Rows that are older than the columns these rest on (`NEEDED`) are left out. A seed is one training with rows of its
own, so an interval over seeds is for other trainings and other rows; one seed alone has the interval of its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..results.tables import Results
from ..statistics.crossed import NOTHING
from ..statistics.shares import effective, quantile

NEEDED = frozenset(("time", "end", "reduced", "written", "bits_low", "bits_high", "item_bits", "num_items"))
PLACE: Mapping[str, Any] = {"content": "state", "layer": 0, "reduced": 0}
"""What is compared between memories: all that all layers carry, as it is."""
READER = "ridge"
BINS = 8
"""Ages are shared out over at most so many bins of one width."""

SHARE = ("accuracy", "low", "high")
AGES = ("task", "memory", "reader", "age_low", "age_high")


@lru_cache(maxsize=1)  # every figure and table of a report asks for the same
def probed(results: Results) -> pd.DataFrame:
    """Rows of `probes` that say all that is asked of them here: `bits` are usable bits, `end` is a truth value."""
    rows = results.probes
    if not set(rows) >= NEEDED:
        return pd.DataFrame()
    rows = rows[rows["time"].notna() & (rows["age"] >= 0)]
    return rows.assign(end=rows["end"].eq(True), time=rows["time"].astype(int), item=rows["item"].astype(int))


def where(rows: pd.DataFrame, said: Mapping[str, Any]) -> pd.DataFrame:
    """Rows whose columns are as said; the table itself where it is empty."""
    for column, value in said.items():
        rows = rows[rows[column] == value] if len(rows) else rows
    return rows


def at_end(results: Results) -> pd.DataFrame:
    """Rows of `PLACE` when items are asked for, with `age_low` and `age_high`, the bin of their age (inclusive)."""
    rows = where(probed(results), {**PLACE, "end": True})
    if not len(rows):
        return rows
    low, width = bins(rows["age"], rows["task"])
    return rows.assign(age_low=low, age_high=low + width - 1)


def bins(values: pd.Series[Any], within: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """The least whole number of the bin of each value, and the bins' width: at most `BINS` for each of `within`."""
    groups = values.groupby(within)
    first, width = groups.transform("min"), groups.transform(lambda v: -(-(v.max() + 1 - v.min()) // BINS))
    low = first + (values - first) // width * width
    return low.astype(int), width.astype(int)


def by_seed(rows: pd.DataFrame, keys: list[str], columns: list[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Of each group of `keys`, what names it with `seeds` and `items` (in all), and the means of each seed."""
    groups = rows.groupby([*keys, "seed"], sort=False)
    each = groups[columns].mean().assign(items=groups.size()).reset_index()
    found = []
    for values, part in each.groupby(keys, sort=False):
        named: dict[str, Any] = dict(zip(keys, values, strict=True))
        found.append((named | {"seeds": len(part), "items": int(part["items"].sum())}, part))
    return found


def over_seeds(seeds: ArrayLike, lows: ArrayLike, highs: ArrayLike) -> tuple[float, float, float]:
    """Mean over seeds, and its 95 % interval by Student's t; of a single seed, the bounds of its rows."""
    values = np.asarray(seeds, np.float64)
    mean = float(values.mean())
    if len(values) == 1:
        return mean, float(np.min(lows)), float(np.max(highs))
    reach = quantile(len(values) - 1) * float(values.std(ddof=1)) / len(values) ** 0.5
    return mean, mean - reach, mean + reach


def share_over_seeds(seeds: ArrayLike, lows: ArrayLike, highs: ArrayLike) -> tuple[float, float, float]:
    """Mean over seeds of a share, and its 95 % interval, which stays between 0 and 1.

    For one seed, and where all agree, the bounds are the widest of a seed's own. Missing where nobody guessed, as of
    a reader that is judged by its description length alone.
    """
    values, low, high = (np.asarray(some, np.float64) for some in (seeds, lows, highs))
    there = ~np.isnan(values)
    values, low, high = values[there], low[there], high[there]
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    variance = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    if variance < NOTHING or not 0 < mean < 1:
        widest = int((high - low).argmax())
        return mean, float(low[widest]), float(high[widest])
    return mean, *effective(mean, variance, len(values) - 1)


def by_age(results: Results) -> pd.DataFrame:
    """One row per task, memory, reader and bin of age, when items are asked for.

    seeds, items (in all), accuracy, low, high     over seeds; `PLACE`, no control
    chance
    control, selectivity     accuracy of the same reader on the control task, and what is above it (missing where
                             that reader was not asked)
    bits, bits_low, bits_high, item_bits           usable bits of an item, and all it has
    codelength, compression  bits a label, told one after the other, and item_bits over these; or missing
    error                    of a linear reconstruction of levels, squared, over their variance (signals alone)
    """
    rows = at_end(results)
    if not len(rows):
        return pd.DataFrame()
    keys, bits = list(AGES), ["bits", "bits_low", "bits_high"]
    rows = rows.assign(codelength=rows["codelength"].astype(float))
    control = where(rows, {"control": "control"}).groupby(keys)["accuracy"].mean()
    found = []
    for row, part in by_seed(
        where(rows, {"control": "none"}), keys, [*SHARE, "chance", *bits, "item_bits", "codelength"]
    ):
        row |= dict(zip(SHARE, share_over_seeds(*(part[name] for name in SHARE)), strict=True))
        row |= {"chance": part["chance"].mean(), "control": control.get(tuple(row[key] for key in keys), np.nan)}
        row["selectivity"] = row["accuracy"] - row["control"]
        row |= dict(zip(bits, over_seeds(*(part[name] for name in bits)), strict=True))
        row |= {"item_bits": part["item_bits"].mean(), "codelength": part["codelength"].mean()}
        row["error"] = part["error"].astype(float).mean() if "error" in part else np.nan
        found.append(row | {"compression": row["item_bits"] / row["codelength"]})
    return pd.DataFrame(found)
