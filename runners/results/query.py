"""Queries over all runs at once, in SQL, and tables as files.

A query sees the tables of `tables.RUN_TABLES` and nothing else: no file, no network, no variable of this process.
"""

from __future__ import annotations

import difflib
import io
import json
import re
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..formatting import unknown
from ..storage.records import refusals_explained, without_nan, write_atomically
from .loader import find_all, load
from .tables import RUN_TABLES, Columns, tables_of

Connection = duckdb.DuckDBPyConnection

MEMORY_MB = 2000
"""Memory of a query, and of its answer: the tables of thousands of runs take a hundredth of it."""

BATCH = 2_000
"""Rows of an answer that are fetched at a time."""

READING = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
"""Statements that only read; PIVOT is parsed as several in one."""

EXAMPLES = (
    "select task, memory, count(*) as seeds, avg(accuracy) from scores where kind = 'test' group by all order by all",
    "select training_learning_rate, memory, avg(validation), sum(solved::int) from runs group by all order by all",
)


ENDINGS = (".csv", ".parquet", ".json")
INTEGERS = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
"""Integers of which some are missing stay integers."""
ARROW = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


class WrongQuery(ValueError):
    """SQL that cannot be answered, with the reason in a line."""


@dataclass(frozen=True)
class QueryTables:
    """The tables of a query by name, and a line for each record that could not be trusted."""

    tables: dict[str, pa.Table]
    damaged: list[str]


def query_tables(folders: Iterable[Path], every_rate: bool = False) -> QueryTables:
    """The tables of every run at any depth below these folders.

    every_rate   hold runs at learning rates that were not chosen in all tables, labelled with their rate

    Raises ValueError for a folder that is not there, or below which there is neither run nor failure.
    """
    loaded = load(find_all(folders), strict=False, every_rate=every_rate, tensors=False)
    tables = tables_of(loaded, RUN_TABLES, folders=True, every_rate=every_rate)
    return QueryTables({name: arrow_table(columns) for name, columns in tables.items()}, loaded.damaged)


def arrow_table(columns: Columns) -> pa.Table:
    """A table for Arrow, with the declared types."""
    return pa.table({name: arrow_column(values, columns.types.get(name)) for name, values in columns.lists().items()})


def arrow_column(values: list[Any], kind: type | None) -> pa.Array:
    """A column. One that mixes numbers with words, as an option of several memories may, becomes words."""
    for arrow in dict.fromkeys((ARROW.get(kind) if kind else None, None)):
        try:
            return pa.array(values, arrow)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            continue
    return pa.array([None if value is None else str(value) for value in values])


def query(sql: str, folders: str | Path | Iterable[str | Path] = "runs") -> pd.DataFrame:
    """The answer to a SELECT over every run at any depth below a folder, or several.

    Raises WrongQuery for SQL that cannot be answered and ValueError where there is no run. What is damaged
    is left out with a warning each, and stands in the table `failures`.
    """
    several = [folders] if isinstance(folders, str | Path) else folders
    database = query_tables([Path(folder) for folder in several])
    for line in database.damaged:
        warnings.warn(line, stacklevel=2)
    with open_database(database.tables) as connection:
        frame: pd.DataFrame = answer(connection, sql).to_pandas()
    return frame


def open_database(tables: Mapping[str, pa.Table]) -> Connection:
    """A database in memory that holds these tables and can reach nothing else: no file, no extension, no variable."""
    connection = duckdb.connect(":memory:")
    connection.execute(f"set memory_limit = '{MEMORY_MB} MB'")
    connection.execute("set temp_directory = ''")  # a join without its condition ends in a line, not on the disk
    for name, table in tables.items():
        connection.register("arriving", table)
        connection.execute(f'create table "{name}" as from arriving')
        connection.unregister("arriving")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def answer(connection: Connection, sql: str) -> pa.Table:
    """The records that one statement selects. Raises WrongQuery."""
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1:
            raise WrongQuery(f"a query is one SELECT, not {len(statements)} statements")
        if statements[0].type not in READING:
            raise WrongQuery(f"a query only reads: one SELECT, not {statements[0].type.name} (files: --out)")
        return numbers(interruptible(connection, sql))
    except duckdb.OutOfMemoryException:
        passed = f"a query has {MEMORY_MB} MB, which this one passes: is a join without its condition?"
        raise WrongQuery(passed) from None
    except duckdb.Error as error:
        raise WrongQuery(error_message(error, columns_of(connection))) from None


def fetch_batches(connection: Connection, sql: str) -> pa.Table:
    """The records, fetched in batches. Raises WrongQuery once they pass MEMORY_MB, which DuckDB does not count."""
    batches, size = list[pa.RecordBatch](), 0
    try:
        with connection.sql(sql).to_arrow_reader(BATCH) as reader:
            for batch in reader:
                batches.append(batch)
                size += batch.nbytes
                if size > MEMORY_MB * 10**6:
                    rows = sum(one.num_rows for one in batches)
                    raise WrongQuery(f"an answer has {MEMORY_MB} MB, which {rows:,} rows of this one pass: add a limit")
            return pa.Table.from_batches(batches, reader.schema)
    except OSError as error:  # of DuckDB, after the first batch
        kind = duckdb.OutOfMemoryException if "Out of Memory" in str(error) else duckdb.Error
        raise kind(str(error)) from None


def interruptible(connection: Connection, sql: str) -> pa.Table:
    """The records, computed in another thread, so that an interrupt reaches Python and ends the query."""
    with ThreadPoolExecutor(1) as beside:
        working = beside.submit(fetch_batches, connection, sql)
        try:
            while True:
                try:
                    return working.result(timeout=0.2)
                except TimeoutError:
                    if working.done():
                        raise
        except BaseException:
            connection.interrupt()
            raise


def numbers(table: pa.Table) -> pa.Table:
    """Decimals, which sums of integers come as, as numbers that all programs read."""
    for i, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            kind = pa.float64() if column.type.scale else pa.int64()
            table = table.set_column(i, column.name, table.column(i).cast(kind))
    return table


def columns_of(connection: Connection) -> dict[str, list[str]]:
    """The columns of every table, by its name."""
    listed = "list(column_name order by column_index) from duckdb_columns() where not internal"
    return dict(connection.execute(f"select table_name, {listed} group by all order by min(table_oid)").fetchall())


def error_message(error: duckdb.Error, columns: Mapping[str, list[str]]) -> str:
    """One line on a mistake in a query, with the nearest names."""
    text = str(error)
    if isinstance(error, duckdb.PermissionException):
        return "a query reads the tables of the runs alone, no files and no network (write the answer with --out)"
    if found := re.search(r'Table with name "?([^"\n]+?)"? does not exist', text):
        return unknown("table", found[1], list(columns), "those that `recall query` lists")
    if found := re.search(r'(?:Referenced column|a column named) "([^"]+)"', text):
        name = found[1]
        candidates = re.findall(r'"([^"]+)"', text.partition("Candidate bindings")[2].partition("LINE")[0])
        if close := difflib.get_close_matches(name, candidates, 3):
            return f"unknown column {name!r}: did you mean {' or '.join(close)}?"
        if owners := [table for table, names in columns.items() if name in names]:
            return f"column {name!r} is in {' and '.join(owners)}: join using (folder, run)"
        every = sorted({name for names in columns.values() for name in names})
        return unknown("column", name, every, "those that `recall query` lists")
    return text.partition("\n")[0]


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as the ending of `path` says. Raises ValueError for another ending, UnwritableFolder."""
    if path.suffix not in ENDINGS:
        raise ValueError(f"a table is written as one of {', '.join(ENDINGS)}, not {path.name!r}")
    with refusals_explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        content = frame(table).to_csv(index=False).encode()
    elif path.suffix == ".json":
        content = json.dumps([without_nan(record) for record in table.to_pylist()], indent=1, default=str).encode()
    else:
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        content = buffer.getvalue()
    write_atomically(path, content)


def frame(table: pa.Table) -> pd.DataFrame:
    """The table for pandas; integers stay integers even if some are missing."""
    converted: pd.DataFrame = table.to_pandas(types_mapper=INTEGERS.get)
    return converted
