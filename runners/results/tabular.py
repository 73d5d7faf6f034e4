"""A table as a file: CSV, Parquet or JSON, there whole or not at all."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ENDINGS = (".csv", ".parquet", ".json")
WHOLE = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
"""Whole numbers of which some are missing stay whole."""


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as the ending of `path` says. Raises ValueError for another ending, UnwritableFolder."""
    if path.suffix not in ENDINGS:
        raise ValueError(f"a table is written as one of {', '.join(ENDINGS)}, not {path.name!r}")
    from ..storage import write_whole  # loads torch, which reading need not wait for
    from ..storage.records import refusals_explained

    with refusals_explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        content = frame(table).to_csv(index=False).encode()
    elif path.suffix == ".json":
        content = json.dumps([plain(row) for row in table.to_pylist()], indent=1, default=str).encode()
    else:
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        content = buffer.getvalue()
    write_whole(path, content)


def frame(table: pa.Table) -> pd.DataFrame:
    """The table for pandas, whole numbers whole even where some are missing."""
    whole: pd.DataFrame = table.to_pandas(types_mapper=WHOLE.get)
    return whole


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: what is no number is null."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
