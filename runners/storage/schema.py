"""Tables as data: a table is a list of columns, each with its type, unit, meaning and source.

Measures declare the tables that their records hold, and everything that shows or queries tables is made from these
declarations: `Results`, `recall query`, `recall diff`, CSV and Parquet files, docs/tables.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .records import NULL, misfit

Record = Mapping[str, Any]
"""A record of a table, by the names of its columns."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    unit      of a number; empty for fractions, counts and words
    source    path in the run's result.json, with dots; "" for a value of the record itself
    missing   whether a record may have null in its place: where nothing was measured, or no number came out
    """

    name: str
    type: type
    meaning: str
    unit: str = ""
    source: str = ""
    missing: bool = False

    @cached_property
    def types(self) -> set[Any]:
        """Types of its values in a record."""
        return {self.type, *((int,) if self.type is float else ()), *((NULL,) if self.missing else ())}

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
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    source: str = ""
    tested: bool = False

    @property
    def key(self) -> str:
        """Key of the table's records in a record file."""
        return self.source or self.name

    def records(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The table's records in the content of a record file."""
        return content.get(self.key, [])  # type: ignore[no-any-return]

    def misfit(self, records: Any) -> str:
        """The first place in records that is not of its column's type, as `records.misfit` says it; or ""."""
        if type(records) is list and all(type(record) is dict for record in records):
            kinds = {(*record, *map(type, record.values())) for record in records}  # most records are of one kind
            finite = not any(math.inf in (values := record.values()) or -math.inf in values for record in records)
            if finite and all(self._fits(kind) for kind in kinds - self._fitting):
                self._fitting.update(kinds)
                return ""
        return misfit(records, [self._pattern])

    def _fits(self, kind: tuple[Any, ...]) -> bool:
        """Whether records of these names, then types, fit."""
        names, types = kind[: len(kind) // 2], kind[len(kind) // 2 :]
        return all(t in self._pattern.get(f"{n}?", (t,)) for n, t in zip(names, types, strict=True))

    @cached_property
    def _pattern(self) -> dict[str, tuple[Any, ...]]:
        columns = (*self.columns, *(TESTS if self.tested else ()))
        return {f"{column.name}?": tuple(column.types) for column in columns}

    @cached_property
    def _fitting(self) -> set[tuple[Any, ...]]:
        """Kinds of records that were seen to fit: those of ten thousand runs are few."""
        return set()


def columns(text: str) -> tuple[Column, ...]:
    """Columns from a line each: `name: type unit | meaning | source`; "?" after the type where null may stand."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        head, meaning, *source = (part.strip() for part in line.split("|"))
        name, kind, *unit = head.replace(":", " ").split()
        kind, missing = kind.removesuffix("?"), kind.endswith("?")
        found.append(Column(name, TYPES[kind], meaning, " ".join(unit), "".join(source), missing))
    return tuple(found)


TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
KEYS = columns("""
    run: str | directory of the run
    task: str | label of the task, with the fields and the length in which its runs differ
    memory: str | label of the memory, with what its runs differ in beside their seed: other sizes are others
    seed: int | seed of weights and training sequences
""")
"""Columns of every table: they name a run."""
TESTS = columns("""
    kind: str | "test" at the training length, or the measure, such as "extrapolation"
    mode: str | what grows with the length: "fixed load", "growing load" or "fixed distance N"
""")
"""Columns of the tables that are `tested`."""
