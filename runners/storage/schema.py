"""Tables as data: a table is a list of columns, each with its type, unit, meaning and source.

Measures declare the tables that their records hold, and everything that shows or queries tables is made from these
declarations: `Results`, `recall query`, `recall diff`, CSV and Parquet files, docs/tables.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]
"""A record of a table, by the names of its columns."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    unit      of a number; "1" for fractions and counts
    source    path in the run's result.json, with dots; "" for a value of the record itself
    """

    name: str
    type: type
    meaning: str
    unit: str = "1"
    source: str = ""

    def read(self, result: Mapping[str, Any]) -> Any:
        """The value at `source` of a run's result; None where an older run lacks it."""
        value: Any = result
        for key in self.source.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class Table:
    """A table: a record for each thing that `meaning` names.

    source    key of its list of records in a record file; "" for its name
    tested    whether tests at the training length and measures both add to it: columns `kind` and `mode` say which
    open      whether further columns come from configurations, such as one for each option
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    source: str = ""
    tested: bool = False
    open: bool = False

    def records(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The table's records in the content of a record file. Raises TypeError where they are no list."""
        records = content.get(self.source or self.name, [])
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise TypeError(f"{self.name} is no list of records")
        return records


def columns(kind: type, unit: str = "1", **meanings: str) -> tuple[Column, ...]:
    """Columns of one type and unit: `columns(int, "tokens", length="of a sequence", ...)`."""
    return tuple(Column(name, kind, meaning, unit) for name, meaning in meanings.items())


KEYS = (
    Column("run", str, "directory of the run"),
    Column("task", str, "name of the task"),
    Column(
        "memory", str, "label of the memory, with what its runs differ in beside their seed: other sizes are others"
    ),
    Column("seed", int, "seed of weights and training sequences"),
)
"""Columns of every table: they name a run."""

TESTS = (
    Column("kind", str, '"test" at the training length, or the measure, such as "extrapolation"'),
    Column("mode", str, 'what grows with the length: "fixed load", "growing load" or "fixed distance N"'),
)
"""Columns of the tables that are `tested`."""
