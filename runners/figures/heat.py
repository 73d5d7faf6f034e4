"""Accuracy by length of the row and by depth: a map for every memory, with what each cell rests on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize

from ..config.length_modes import FIXED_LOAD, distance_of, order
from ..formatting import amount
from ..results.tables import Results
from ..statistics import fraction_over_seeds
from .canvas import PANEL, ROOM, begin, tokens
from .look import Looks

TITLE = "Where in the row it is lost"
READING = (
    "Columns are lengths of the row (the training length in bold), rows the depth at which the answer was "
    "written, from the beginning (top) to the end, in tenths; what is not asked stays empty. Each cell has its "
    "accuracy, mean over seeds, the 95 % interval, and n, the questions it rests on in all. Seeds answer the same "
    "test rows, so the interval adds the spread between seeds to that of one seed's rows and does not shrink the "
    "latter with their number. Dark is 0, bright is 1."
)
MAPS = ["task", "memory", "mode"]
KEYS = [*MAPS, "length", "low_edge", "high_edge"]
CELL = (0.4, 0.3)
"""Inches of a cell, so that three lines of text fit."""
COLOURS = LinearSegmentedColormap.from_list("depths", ["#00224e", "#575d6d", "#a59c74", "#fee838"])  # cividis
LINES: tuple[tuple[float, float, str], ...] = ((6.2, 7.5, "bold"), (-0.9, 6, "normal"), (-7.3, 6, "normal"))
"""Of a cell's accuracy, interval and n: points above its middle, size, weight."""
DARK, LIGHT = "#000000", "#ffffff"
"""Text of a cell: on the cell's colour, whatever the page around it."""


def table(results: Results) -> pd.DataFrame:
    """task, memory, mode, length, low_edge, high_edge, train_length, seeds, num_questions, mean, low, high, panel

    One row a cell. Empty where nothing but the training length was tested.
    """
    cells = results.breakdown
    if not len(cells) or not ((cells["kind"] == "extrapolation") & (cells["by"] == "depth")).any():
        return pd.DataFrame()
    cells = cells[cells["by"] == "depth"].sort_values("kind", ascending=False, kind="stable")
    cells = cells.assign(mode=cells.get("mode", FIXED_LOAD))
    cells = cells[cells["mode"].map(distance_of).isna()]  # there the distance and the length say the depth
    # Of the training length the larger test, that of the run; the ladder's where a run is older than cells.
    first = cells.groupby([*MAPS, "seed", "length"])["kind"].transform("first")
    cells = cells[cells["kind"] == first]
    rows = [dict(zip(KEYS, keys, strict=True)) | over_seeds(part) for keys, part in cells.groupby(KEYS, sort=False)]
    drawn = pd.DataFrame(rows)
    trained = results.scores.groupby("task")["train_length"].first()
    drawn.insert(len(KEYS), "train_length", drawn["task"].map(trained))
    grows = drawn["mode"].where(drawn["mode"] != FIXED_LOAD, "")
    drawn["panel"] = drawn["task"] + ", " + drawn["memory"] + grows.where(grows == "", ", " + grows)
    tasks, memories = (list(results.scores[name].unique()) for name in ("task", "memory"))
    places: dict[str, Any] = {"task": tasks.index, "memory": memories.index, "mode": order}
    return drawn.sort_values(KEYS, key=lambda c: c.map(places[c.name]) if c.name in places else c, ignore_index=True)


def over_seeds(cell: pd.DataFrame) -> dict[str, Any]:
    """Seeds, questions in all, and the mean accuracy of one cell with its 95 % interval."""
    bounds = fraction_over_seeds(cell["accuracy"], cell["low"], cell["high"], same_sequences=True)
    return {"seeds": len(cell), "num_questions": int(cell["num_questions"].sum())} | dict(
        zip(("mean", "low", "high"), bounds, strict=True)
    )


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task and memory: lengths across, depth downwards."""
    lengths = sorted(int(length) for length in drawn["length"].unique())
    tops = np.round(np.arange(drawn["low_edge"].min(), drawn["high_edge"].max() - 1e-9, 0.1), 1)
    first = drawn.iloc[0]
    ax = begin(ax, "length (tokens)", "depth", str(first["panel"]), panel_size(drawn))
    column, line = {length: i for i, length in enumerate(lengths)}, {top: i for i, top in enumerate(tops)}
    shown = np.full((len(tops), len(lengths)), np.nan)
    for _, cell in drawn.iterrows():
        x, y = column[cell["length"]], line[round(cell["low_edge"], 1)]
        shown[y, x] = cell["mean"]
        colour = LIGHT if cell["mean"] < 0.45 else DARK
        bounds = f"{short(cell['low'])}–{short(cell['high'])}"
        lines = short(cell["mean"]), bounds, f"n {counted(int(cell['num_questions']))}"
        for line_of, (points, size, weight) in zip(lines, LINES, strict=True):
            up = points / 72 / CELL[1]
            ax.text(x, y - up, line_of, ha="center", va="center", color=colour, fontsize=size, fontweight=weight)
    edges = np.arange(len(lengths) + 1) - 0.5, np.arange(len(tops) + 1) - 0.5
    ax.pcolormesh(*edges, np.ma.masked_invalid(shown), cmap=COLOURS, norm=Normalize(0, 1), edgecolor="none")
    ax.set(xscale="linear", yscale="linear", xlim=(-0.5, len(lengths) - 0.5), ylim=(len(tops) - 0.5, -0.5))
    ax.set_xticks(range(len(lengths)), [tokens(length) for length in lengths])
    for label, length in zip(ax.get_xticklabels(), lengths, strict=True):
        label.set_fontweight("bold" if length == first["train_length"] else "normal")
    ax.set_yticks(edges[1], [f"{v:.0%}" for v in np.round(np.append(tops, tops[-1] + 0.1), 1)])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return ax


def panel_size(drawn: pd.DataFrame) -> tuple[float, float]:
    """Inches of one map: as wide as any panel, as high as its cells."""
    tops = round(10 * (drawn["high_edge"].max() - drawn["low_edge"].min()))
    across, upwards = CELL[0] * drawn["length"].nunique(), CELL[1] * tops
    return max(PANEL[0], across + ROOM.left + ROOM.right), upwards + ROOM.top + ROOM.bottom


def short(value: float) -> str:
    """An accuracy in two digits; only 1 reads as 1 and only 0 as 0."""
    if value in (0, 1):
        return str(int(value))
    return f"{min(max(value, 0.01), 0.99):.2f}"[1:]


def counted(questions: int) -> str:
    return amount(questions) if questions < 10_000 else f"{questions / 1000:,.0f}k"
