"""Windows of learning rates as HTML: a row for each task and memory, and where the grid was too narrow."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from ..formatting import fraction
from ..studies.windows import WITHIN, warnings

HOW_TO_READ = (
    "The rate of each memory is the one of the grid whose mean validation accuracy over seeds is highest; test "
    f"rows have no part in it. A rate works where that mean is within {fraction(WITHIN)} of the chosen one's, and the "
    "window is the span of rates around the chosen one that work: its highest over its lowest, and how many steps "
    "of the grid lie in it. A narrow window is a memory that is hard to train, and one rate for all would have "
    "counted that as a weak memory."
)
HEADS = ("task", "memory", "rate chosen", "validation", "window", "steps of the grid", "diverged")


def windows_table(windows: pd.DataFrame) -> str:
    """The table of `windows.window`, and a note for each end of the grid at which a rate was chosen."""
    body = []
    for _, row in windows.iterrows():
        filled = "".join(f"<td>{escape(cell)}</td>" for cell in cells(row))
        body.append(f'<tr><th scope="row">{escape(row["task"])}</th>{filled}</tr>')
    head = "".join(f'<th scope="col">{word}</th>' for word in HEADS)
    notes = "".join(f'<p class="note">{escape(said)}</p>' for said in warnings(windows))
    return (
        f'{notes}<div class="wide"><table class="floors"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def cells(row: pd.Series[Any]) -> list[str]:
    """What one row says: memory, rate, validation accuracy, window, its steps, what diverged."""
    steps = f"{row['steps']} of {row['rates']}"
    return [
        row["memory"],
        f"{row['chosen']:g}",
        fraction(row["validation"]),
        row["width"],
        steps,
        row["diverged"] or "none",
    ]
