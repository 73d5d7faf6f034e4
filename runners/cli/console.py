"""A DataFrame as a terminal table."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

PIPE_WIDTH = 160


class Plain(Console):
    """Prints words as they are, and goes on in silence where nobody reads them any more."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def plain_console() -> Console:
    """stdout as it is; in a pipe, wide enough that no table is folded."""
    console = Plain(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def shown(frame: pd.DataFrame) -> Table:
    """Every cell as it stands; numbers to the right."""
    import pandas as pd  # whoever has a frame has it already; a sweep prints none

    tall = bool(frame.map(lambda cell: "\n" in str(cell)).to_numpy().any())
    table = Table(box=None, pad_edge=False, padding=(0, 3, int(tall), 0), header_style="bold")
    for name in frame.columns:
        number = pd.api.types.is_numeric_dtype(frame[name])
        table.add_column(str(name), justify="right" if number else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*("" if pd.isna(cell) else str(cell) for cell in row))
    return table
