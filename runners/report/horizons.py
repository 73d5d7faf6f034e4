"""Horizons as HTML: a row for each task and memory, and what grows with the length."""

from __future__ import annotations

from html import escape

import pandas as pd

from ..analysis.extrapolation import THRESHOLD, length_summary_table
from ..formatting import fraction

HOW_TO_READ = (
    "A memory holds up to the longest tested length at and below which every interval over seeds lies above "
    f"{fraction(THRESHOLD)} (+: the longest tested; none: not even the shortest). The half-life is the length at which "
    "half is lost of what the shortest rows have above their floor. The area is the mean, over doublings of the "
    "length, of the share kept of what lies between floor and 1. Bounds are over seeds: bootstrap for the "
    "half-life, t for the area."
)


def horizons_table(numbers: pd.DataFrame) -> str:
    """The table of `horizons.horizons`."""
    table = length_summary_table(numbers)
    head = "".join(f'<th scope="col">{escape(word)}</th>' for word in table.columns)
    body = []
    for first, *rest in table.itertuples(index=False):
        filled = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        body.append(f'<tr><th scope="row">{escape(first)}</th>{filled}</tr>')
    return (
        f'<div class="wide"><table class="floors"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
