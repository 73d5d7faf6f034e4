"""Terminal output: a console that survives a closed pipe, a DataFrame as a table."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

PIPE_WIDTH = 160


class Plain(Console):
    """A console that prints text unchanged, and falls silent once its pipe is closed."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def plain_console() -> Console:
    """A console on stdout; in a pipe, wide enough that no table is folded."""
    console = Plain(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def print_damaged(lines: Iterable[str]) -> int:
    """Print each line on a damaged run once, on stderr; the exit status: 1 where there is any."""
    lines = dict.fromkeys(lines)
    for line in lines:
        print(f"recall: left out: {line}", file=sys.stderr)
    return int(bool(lines))


def frame_table(frame: pd.DataFrame) -> Table:
    """A terminal table of every cell, unchanged; numbers are aligned right."""
    import pandas as pd  # loaded by whoever made the frame; a sweep prints none

    tall = bool(frame.map(lambda cell: "\n" in str(cell)).to_numpy().any())
    table = Table(box=None, pad_edge=False, padding=(0, 3, int(tall), 0), header_style="bold")
    for name in frame.columns:
        number = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name), justify="right" if number else "left", overflow="fold")
    for record in frame.itertuples(index=False):
        table.add_row(*("" if pd.isna(cell) else str(cell) for cell in record))
    return table
