"""Seeds in one line: their mean, and a band that shows how far they are apart."""

from __future__ import annotations

import pandas as pd


def with_band(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows with `mean`, `low` and `high` of each group of `keys`, one row a seed.

    low and high are the lowest and the highest seed; for a single seed, the interval of its rows.
    """
    rows = rows.rename(columns={"low": "row_low", "high": "row_high"})
    seeds = rows.groupby(keys, sort=False)["accuracy"]
    single = seeds.transform("size") == 1
    rows = rows.assign(
        mean=seeds.transform("mean"),
        low=seeds.transform("min").mask(single, rows["row_low"]),
        high=seeds.transform("max").mask(single, rows["row_high"]),
    )
    return rows.drop(columns=["row_low", "row_high"]).reset_index(drop=True)
