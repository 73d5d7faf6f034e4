"""The report of a comparison: one page that needs nothing else, and the figures and tables it shows.

folder/report.html       everything inline; opens from a file, on a phone, in the dark, on paper
folder/figures/          each figure as PNG, SVG and the CSV of what it draws
folder/tables/           the tables of `Results`, the comparison, its differences, horizons, windows of rates, as CSV
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from ..analysis.capacity import capacities, slopes
from ..analysis.comparison import compare_memories, means_over_seeds, names, over_tasks, pair_differences
from ..analysis.extrapolation import length_summaries
from ..analysis.interventions import patches, routing_errors, verdicts
from ..analysis.probes import by_age, totals
from ..figures import FIGURES, looks, panels, save
from ..figures.canvas import PANEL, legend
from ..figures.cutting import panels_of, samples
from ..figures.look import Looks
from ..figures.rates import floors
from ..figures.saving import csv_text
from ..results.tables import TABLES, Results
from ..studies.windows import window
from . import probes
from .basis import basis
from .findings import caution, farther, findings
from .horizons import HOW_TO_READ as HOW_TO_READ_HORIZONS
from .horizons import horizons_table
from .page import csv_link, document, link, section
from .pairs import HOW_TO_READ as HOW_TO_READ_PAIRS
from .pairs import over_tasks_table, pairs_table
from .provenance import provenance
from .table import HOW_TO_READ, floors_table, score_table
from .windows import HOW_TO_READ as HOW_TO_READ_WINDOWS
from .windows import windows_table

ORDER = (
    "comparison", "frontier", "paired", "length", "horizons", "heat", "distance", "position",
    "capacity", "laws", "bits", "rates", "windows",
    "probes", "probes_shapes", "verdicts", "probe", "forgetting", "recovered", "totals", "diagonal", "causal",
    "transplants", "holding", "errors", "curve",
)  # fmt: skip
"""Sections as a reader needs them: who recalls how much, how far, how much it holds, what its state still tells, and
how it came to that."""

COLUMN = 25
"""Width of one panel (rem) where a figure asks for fewer than three side by side."""


PROBED = ("probes_shapes", "probe", "forgetting", "recovered", "diagonal", "holding", "causal")
"""Figures of what `recall probe` measures."""


def write_report(results: Results, folder: Path) -> Path:
    """Write the report into the folder, made if missing; returns the path of report.html.

    A table without rows leaves its section out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pairs = pair_differences(results)
    numbers = compare_memories(results, pairs)
    windows = window(results.rates, floors(results))
    reached = length_summaries(results)
    worked_out = {"comparison": numbers, "paired": pairs, "windows": windows, "horizons": reached}
    worked_out |= {"capacities": capacities(results), "laws": slopes(results)}
    states = {"by_age": by_age, "verdicts": verdicts, "totals": totals}
    states |= {"transplants": patches, "errors": routing_errors}
    read = {name: table(results) for name, table in states.items()}
    worked_out |= {f"probes_{name}": table for name, table in read.items()}
    written = write_tables(results, worked_out, folder / "tables")
    look = looks(names(results, "memory"))
    command = str(results.study.get("command", ""))
    probing = f"recall probe …/{title(results)}"  # wherever it lies: the page is the same in any folder
    parts: dict[str, str] = {}
    if len(numbers):
        links = [csv_link("comparison.csv", csv_text(numbers)), made_by(command)]
        body = score_table(results, numbers) + floors_table(results, numbers)
        parts["comparison"] = section("comparison", "Memories side by side", HOW_TO_READ, body, links)
    if len(pairs):
        whole = over_tasks_table(over_tasks(results)) if numbers["task"].nunique() > 1 else ""
        links = [csv_link("paired.csv", csv_text(pairs)), made_by(command)]
        parts["paired"] = section("paired", "Who recalls more", HOW_TO_READ_PAIRS, pairs_table(pairs) + whole, links)
    for name, figure in FIGURES.items():
        drawn = figure.table(results)
        if len(drawn):
            parts[name] = figure_section(name, drawn, look, folder / "figures", probing if name in PROBED else command)
    parts |= probe_sections(read, probing)
    if len(reached):
        links = [csv_link("horizons.csv", csv_text(reached)), made_by(command)]
        body = horizons_table(reached)
        parts["horizons"] = section("horizons", "How far, in numbers", HOW_TO_READ_HORIZONS, body, links)
    if len(windows):
        links = [csv_link("windows.csv", csv_text(windows)), made_by(command)]
        body = windows_table(windows)
        parts["windows"] = section("windows", "How wide the window is", HOW_TO_READ_WINDOWS, body, links)
    above = opening(results, numbers, pairs) + basis(results, numbers, written)
    in_order = [above, *(parts[name] for name in ORDER if name in parts), provenance(results)]
    page = folder / "report.html"
    page.write_text(document(title(results), "\n".join(in_order)), encoding="utf-8")
    return page


def probe_sections(read: dict[str, pd.DataFrame], command: str) -> dict[str, str]:
    """What is not a figure: an introduction, and tables of what was `read` of the states, each where it has rows."""
    parts: dict[str, str] = {}
    if len(by_age := read["by_age"]):
        links = [csv_link("probes_by_age.csv", csv_text(by_age)), made_by(command)]
        parts["probes"] = section("probes", "Probes", probes.HOW_TO_READ, probes.introduction(), links)
    for name, (heading, reading, table) in probes.TABLES.items():
        if len(found := read[name]):
            links = [csv_link(f"probes_{name}.csv", csv_text(found)), made_by(command)]
            parts[name] = section(name, heading, reading, table(found), links)
    return parts


def write_tables(results: Results, worked_out: dict[str, pd.DataFrame], folder: Path) -> list[str]:
    """Those that have rows, into the folder; returns their names."""
    folder.mkdir(exist_ok=True)
    tables = {name: getattr(results, name) for name in TABLES} | worked_out
    tables = {name: table for name, table in tables.items() if len(table)}
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    return list(tables)


def title(results: Results) -> str:
    return str(results.study.get("name") or "comparison")


def opening(results: Results, numbers: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """The title and what was found."""
    scores = results.scores
    sizes: list[tuple[int, str]] = []
    if len(scores):
        columns = (("task", "task"), ("memory", "memory"), ("seed", "seed"), ("run", "run"))
        sizes = [(scores[column].nunique(), word) for column, word in columns]
    words = {"memory": "memories"}
    counted = ", ".join(f"{n:,} {w if n == 1 else words.get(w, w + 's')}" for n, w in sizes)
    far = farther(means_over_seeds(results.sequences), pair_differences(results, kind="extrapolation"))
    said = [" ".join(sentences) for sentences in (findings(numbers, pairs), far) if sentences]
    found = "".join(f'<p class="lead">{escape(words)}</p>' for words in said)
    warning = caution(numbers)
    note = f'<p class="note">{escape(warning)}</p>' if warning else ""
    return f'<header><h1>{escape(title(results))}</h1><p class="count">{counted}</p>{found}{note}</header>'


def figure_section(name: str, drawn: pd.DataFrame, look: Looks, folder: Path, command: str) -> str:
    """A figure, saved into the folder, cut into its panels so that a narrow page stacks them, under one legend."""
    figure = FIGURES[name]
    size = figure.panel_size(drawn) if hasattr(figure, "panel_size") else PANEL
    columns = getattr(figure, "COLUMNS", 3)
    whole = panels(drawn, figure.draw, look, columns, size)
    _, svg, _ = save(whole, folder, name, drawn)
    lines = legend(whole.axes, look)
    keys = zip(samples(lines.values(), f"{name}-key"), lines, strict=True) if lines else ()
    legend_said = "".join(f"<li>{sample}<span>{escape(label)}</span></li>" for sample, label in keys)
    plots = "".join(f"<div>{plot}</div>" for plot in panels_of(svg.read_text(encoding="utf-8"), whole, name))
    narrow = f' style="max-width:{COLUMN * columns}rem"' if columns < 3 else ""
    body = f'<ul class="legend">{legend_said}</ul>' * bool(lines) + f'<div class="panels"{narrow}>{plots}</div>'
    links: list[Any] = [csv_link(f"{name}.csv", csv_text(drawn))]
    links += [link(f"figures/{name}.{kind}", kind.upper()) for kind in ("png", "svg")]
    return section(name, figure.TITLE, figure.READING, body, [*links, made_by(command)])


def made_by(command: str) -> str:
    return f"made by <code>{escape(command)}</code>" if command else ""
