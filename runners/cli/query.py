"""recall query: all runs at once, in SQL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.measure import Measurement
from rich.padding import Padding

from ..results.query import ENDINGS, EXAMPLES, QueryTables, answer, frame, open_database, query_tables, write_table
from .console import frame_table, plain_console, print_damaged
from .flags import Mistake, Parser, mistakes, one_of, path

ROWS = 100
"""Rows of an answer that are printed; a file gets all of them."""
WIDEST = 10_000


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall query",
        description="Ask all runs at once, in SQL (DuckDB's). Without SQL: the tables and their columns.\n"
        "A query sees these tables and nothing else, no file and no network. Exit status 1 where a\n"
        "damaged record had to be left out.",
        epilog="examples:\n" + "\n".join(f'  recall query "{example}"' for example in EXAMPLES),
    )
    parser.add_argument(
        "words", nargs="*", type=question_or_folder, metavar='"SELECT ..." FOLDER',
        help="SQL, and folders with runs at any depth (default: runs)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=path, metavar="PATH",
        help=f"write the answer to a file ({', '.join(ENDINGS)}); without SQL every table to a directory",
    )  # fmt: skip
    parser.add_argument(
        "--format", type=one_of("format", [e[1:] for e in ENDINGS]), metavar="NAME",
        help="format of every table (default: parquet)",
    )  # fmt: skip
    parser.add_argument(
        "--every-rate", action="store_const", const=True,
        help="runs at learning rates that were not chosen too, labelled with their rate (always in runs and rates)",
    )  # fmt: skip
    arguments = parser.parse_intermixed_args(words)
    questions = [word for word in arguments.words if isinstance(word, str)]
    folders = [word for word in arguments.words if isinstance(word, Path)] or [Path("runs")]
    if len(questions) > 1:
        raise Mistake(f"one query at a time, not {len(questions)}")
    if questions and arguments.format:
        raise Mistake("--format is for all tables; the answer to a query is written as the ending of --out says")
    if questions and arguments.out and arguments.out.suffix not in ENDINGS:
        raise Mistake(f"--out ends in one of {', '.join(ENDINGS)}, not {arguments.out.name!r}")
    if not questions and arguments.out and arguments.out.suffix in ENDINGS:
        raise Mistake(f"--out names a directory for all tables; a query belongs to {arguments.out.name!r}")
    if arguments.format and not arguments.out:
        raise Mistake("--format is for --out DIRECTORY")
    with mistakes():
        database = query_tables(folders, bool(arguments.every_rate))
        if questions:
            reply(database, questions[0], arguments.out)
        elif arguments.out:
            export(database, arguments.out, arguments.format or "parquet")
        else:
            print_tables(database)
    return print_damaged(database.damaged)


def question_or_folder(word: str) -> str | Path:
    """SQL, which has blanks inside, as it is; else a path."""
    return word if " " in word.strip() and not os.path.lexists(word) else path(word)


def reply(database: QueryTables, sql: str, out: Path | None) -> None:
    """Print the answer to a query, or write it to a file."""
    console = plain_console()
    with open_database(database.tables) as connection:
        table = answer(connection, sql)
    if out:
        write_table(out, table)
        console.print(f"{out}  {record_count(table.num_rows)}", soft_wrap=True)
        return
    first = frame(table.slice(0, ROWS)).map(lambda cell: float(f"{cell:.6g}") if isinstance(cell, float) else cell)
    printed = frame_table(first)
    if Measurement.get(console, console.options.update(width=WIDEST), printed).maximum <= console.width:
        console.print(printed)
    else:  # too wide for the terminal: one line per value
        for record in first.to_dict("records"):
            lines = [(name, "" if pd.isna(value) else str(value)) for name, value in record.items()]
            console.print(frame_table(pd.DataFrame(lines, columns=["column", "value"])))
    if table.num_rows > ROWS:
        console.print(f"the first {ROWS} of {record_count(table.num_rows)}: --out FILE writes them all", soft_wrap=True)


def export(database: QueryTables, folder: Path, ending: str) -> None:
    """Write every table to a folder."""
    console = plain_console()
    for name, table in database.tables.items():
        write_table(folder / f"{name}.{ending}", table)
        console.print(f"{folder / name}.{ending}  {record_count(table.num_rows)}", soft_wrap=True)


def print_tables(database: QueryTables) -> None:
    """Print every table: its size and its columns."""
    console = plain_console()
    for name, table in database.tables.items():
        console.print(f"{name}  {record_count(table.num_rows)}", style="bold")
        console.print(Padding(", ".join(table.column_names), (0, 0, 1, 2)))
    console.print("\n".join(["ask, for example:", *(f'  recall query "{example}"' for example in EXAMPLES)]))


def record_count(count: int) -> str:
    """1 row, 1,024 rows."""
    return f"{count:,} row{'s' * (count != 1)}"
