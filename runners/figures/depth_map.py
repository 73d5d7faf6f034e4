"""Accuracy by length and depth: a map for every memory, each cell with its interval and number of questions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from ..analysis.comparison import in_study_order
from ..analysis.extrapolation import growing
from ..config.length_modes import distance_of
from ..formatting import amount
from ..results.tables import Results
from ..statistics import fraction_over_seeds
from .figure import Figure
from .scales import tokens
from .style import MAP_COLOURS, MARGINS, PANEL, Styles

MAPS = ["task", "memory", "mode"]
KEYS = [*MAPS, "length", "low_edge", "high_edge"]
CELL = (0.4, 0.3)
"""Inches of a cell, so that three lines of text fit."""
LINES: tuple[tuple[float, float, str], ...] = ((6.2, 7.5, "bold"), (-0.9, 6, "normal"), (-7.3, 6, "normal"))
"""Accuracy, interval and n of a cell: points above its middle, size, weight."""
DARK, LIGHT = "#000000", "#ffffff"
"""Text of a cell: readable on the cell's colour, whatever the page around it."""


def depth_table(results: Results) -> pd.DataFrame:
    """task, memory, mode, length, low_edge, high_edge, train_length, seeds, num_questions, mean, low, high, panel

    One record a cell. Empty where nothing but the training length was tested.
    """
    cells = results.breakdown[results.breakdown["by"] == "depth"]
    if not (cells["kind"] == "extrapolation").any():
        return pd.DataFrame()
    cells = cells.sort_values("kind", ascending=False, kind="stable")
    cells = cells[cells["mode"].map(distance_of).isna()]  # at a fixed distance the length determines the depth
    # Of the training length the larger test, that of the run; the ladder's where a run is older than this breakdown.
    first = cells.groupby([*MAPS, "seed", "length"])["kind"].transform("first")
    cells = cells[cells["kind"] == first]
    records = [dict(zip(KEYS, keys, strict=True)) | over_seeds(part) for keys, part in cells.groupby(KEYS, sort=False)]
    table = pd.DataFrame(records)
    trained = results.scores.groupby("task")["train_length"].first()
    table.insert(len(KEYS), "train_length", table["task"].map(trained))
    table["panel"] = table["task"] + ", " + table["memory"] + growing(table)
    return in_study_order(table, results, KEYS)


def over_seeds(cell: pd.DataFrame) -> dict[str, Any]:
    """Seeds, questions in all, and the mean accuracy of one cell with its 95 % interval."""
    bounds = fraction_over_seeds(cell["accuracy"], cell["low"], cell["high"], same_sequences=True)
    counts = {"seeds": len(cell), "num_questions": int(cell["num_questions"].sum())}
    return counts | dict(zip(("mean", "low", "high"), bounds, strict=True))


def draw_map(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw lengths across and depth downwards, three lines of text in each cell."""
    lengths = sorted(int(length) for length in table["length"].unique())
    tops = np.round(np.arange(table["low_edge"].min(), table["high_edge"].max() - 1e-9, 0.1), 1)
    column, line = {length: i for i, length in enumerate(lengths)}, {top: i for i, top in enumerate(tops)}
    values = np.full((len(tops), len(lengths)), np.nan)
    for cell in table.to_dict("records"):
        x, y = column[cell["length"]], line[round(cell["low_edge"], 1)]
        values[y, x] = cell["mean"]
        colour = LIGHT if cell["mean"] < 0.45 else DARK
        bounds = f"{two_digits(cell['low'])}–{two_digits(cell['high'])}"
        texts = two_digits(cell["mean"]), bounds, f"n {thousands(int(cell['num_questions']))}"
        for text, (points, size, weight) in zip(texts, LINES, strict=True):
            up = points / 72 / CELL[1]
            ax.text(x, y - up, text, ha="center", va="center", color=colour, fontsize=size, fontweight=weight)
    edges = np.arange(len(lengths) + 1) - 0.5, np.arange(len(tops) + 1) - 0.5
    ax.pcolormesh(*edges, np.ma.masked_invalid(values), cmap=MAP_COLOURS, norm=Normalize(0, 1), edgecolor="none")
    ax.set(xscale="linear", yscale="linear", xlim=(-0.5, len(lengths) - 0.5), ylim=(len(tops) - 0.5, -0.5))
    ax.set_xticks(range(len(lengths)), [tokens(length) for length in lengths])
    for label, length in zip(ax.get_xticklabels(), lengths, strict=True):
        label.set_fontweight("bold" if length == table["train_length"].iloc[0] else "normal")
    ax.set_yticks(edges[1], [f"{v:.0%}" for v in np.round(np.append(tops, tops[-1] + 0.1), 1)])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def map_size(table: pd.DataFrame) -> tuple[float, float]:
    """Inches of one map: as wide as any panel, as high as its cells."""
    tops = round(10 * (table["high_edge"].max() - table["low_edge"].min()))
    across, upwards = CELL[0] * table["length"].nunique(), CELL[1] * tops
    return max(PANEL[0], across + MARGINS.left + MARGINS.right), upwards + MARGINS.top + MARGINS.bottom


def two_digits(accuracy: float) -> str:
    """An accuracy in two digits; only 1 reads as 1 and only 0 as 0."""
    if accuracy in (0, 1):
        return str(int(accuracy))
    return f"{min(max(accuracy, 0.01), 0.99):.2f}"[1:]


def thousands(count: int) -> str:
    """A count, as it fits into a cell: `9,999`, `12k`."""
    return amount(count) if count < 10_000 else f"{count / 1000:,.0f}k"


DEPTH_MAP = Figure(
    name="heat",
    title="Where in the sequence it is lost",
    reading=(
        "Columns are lengths of the sequence (the training length in bold). Lines are tenths of the depth at which the "
        "answer was written, from the beginning (top) to the end; a depth that no question asks for stays empty. A "
        "cell has its accuracy (mean over seeds), the 95 % interval, and n, its questions over all seeds. Seeds answer "
        "the same test sequences, so more seeds narrow only the part of the interval that is due to seeds. Dark is 0, "
        "bright is 1."
    ),
    table=depth_table,
    draw=draw_map,
    x="length (tokens)",
    y="depth",
    measure="extrapolation",
    panel_size=map_size,
)
