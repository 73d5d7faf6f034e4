"""The report of a comparison: one page that needs nothing else, with the figures and tables it shows.

folder/report.html       everything inline; opens from a file, on a phone, in the dark, on paper
folder/figures/          each figure as PNG, SVG and the CSV of what it plots
folder/tables/           the tables of `Results` and those worked out from them, as CSV
"""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

import pandas as pd

from ..analysis.capacity import capacities, slopes
from ..analysis.comparison import means_over_seeds, missing_runs, names, pair_differences
from ..figures import FIGURES, Figure, styles_of
from ..figures.saving import csv_lines
from ..measures import MEASURES
from ..results.tables import Results
from ..storage.locks import partial_directory
from ..storage.records import refusals_explained
from .context import basis, caution, findings, findings_at_longest, provenance
from .page import document
from .probes import BY_AGE, PATCHED, ROUTING_ERRORS, TOTAL_BITS, VERDICT
from .sections import TableSection, figure_section, in_order, table_section
from .tables import COMPARISON, CONTEXT_LENGTHS, PAIRED, RATE_WINDOWS, SOLVED_FROM, SWAPS, differences

SECTIONS = (
    COMPARISON, SOLVED_FROM, PAIRED, CONTEXT_LENGTHS, SWAPS, RATE_WINDOWS, BY_AGE, VERDICT, TOTAL_BITS, PATCHED,
    ROUTING_ERRORS,
)  # fmt: skip
"""Tables of the page; each says which section it follows, and figures stand as `FIGURES` lists them."""

PAGE = "report.html"
FILES_ALONE = {"capacities": capacities, "laws": slopes}
"""Tables that are written and shown by a figure alone."""


def write_report(results: Results, folder: Path) -> Path:
    """Write the report into the folder, made if missing; returns the path of report.html.

    Raises UnwritableFolder, and then the report before it stays whole.
    """
    with refusals_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with partial_directory(folder) as partial:
            write_parts(results, partial)
            for file in sorted(path for path in partial.rglob("*") if path.is_file()):  # the page comes after figures
                place = folder / file.relative_to(partial)
                place.parent.mkdir(exist_ok=True)
                os.replace(file, place)
    return folder / PAGE


def write_parts(results: Results, folder: Path) -> None:
    """Write page, figures and tables into an empty folder. A section whose table is empty is left out."""
    sections = (*SECTIONS, *plain_sections())
    tables = {section.name: section.table(results) for section in sections}
    written = write_tables(results, tables, folder / "tables")
    styles = styles_of(names(results, "memory"))
    parts = [opening(results, tables["comparison"]) + basis(results, tables["comparison"], written)]
    for section in in_order(sections):
        command = command_of(section, results)
        if isinstance(section, Figure):
            if len(table := section.table(results)):
                parts.append(figure_section(section, table, styles, folder, command))
        elif len(tables[section.name]):
            parts.append(table_section(section, tables[section.name], results, command))
    page = document(title(results), "\n".join([*parts, provenance(results)]))
    (folder / PAGE).write_text(page, encoding="utf-8")


def plain_sections() -> list[TableSection]:
    """A section for each table of the measures that neither a figure nor a section shows."""
    shown = {figure.measure for figure in FIGURES.values()} | {section.measure for section in SECTIONS}
    return [
        TableSection(
            name=table.name,
            follows=list(FIGURES)[-1],
            title=f"{name}: {table.name}".replace("_", " "),
            reading=f"{table.meaning} Measured by `recall {measure.command}`.",
            table=lambda results, table=table.name: results.tables[table],  # type: ignore[misc]
            measure=name,
        )
        for name, measure in MEASURES.items()
        if name not in shown
        for table in measure.tables
    ]


def command_of(section: Figure | TableSection, results: Results) -> str:
    """The commands that made a section: that of the study where it asked for this, and that of the measure."""
    study, commands = results.study, []
    if section.measure in ("", *study.get("measures", ())):
        commands.append(str(study.get("command", "")))
    if section.measure and (not commands or section.measure in study.get("commands", ())):
        # The folder is left out: the page is the same wherever it lies.
        commands.append(f"recall {MEASURES[section.measure].command} …/{title(results)}")
    return "; ".join(filter(None, commands))


def write_tables(results: Results, tables: dict[str, pd.DataFrame], folder: Path) -> list[str]:
    """Write those that have records into the folder; returns their names."""
    folder.mkdir(exist_ok=True)
    every = {**results.tables, **tables} | {name: table(results) for name, table in FILES_ALONE.items()}
    every = {name: table for name, table in every.items() if len(table)}
    for name, table in every.items():
        (folder / f"{name}.csv").write_text(csv_lines(table), encoding="utf-8", newline="\n")
    return list(every)


def title(results: Results) -> str:
    """The name of the study."""
    return str(results.study.get("name") or "comparison")


def opening(results: Results, numbers: pd.DataFrame) -> str:
    """The title, what was run, and what was found."""
    counts = []
    for column, plural in (("task", "tasks"), ("memory", "memories"), ("seed", "seeds"), ("run", "runs")):
        if count := results.scores[column].nunique():
            counts.append(f"{count:,} {column if count == 1 else plural}")
    far = findings_at_longest(means_over_seeds(results.sequences), pair_differences(results, kind="extrapolation"))
    leads = (findings(numbers, differences(results)), far)
    lead = "".join(f'<p class="lead">{escape(" ".join(sentences))}</p>' for sentences in leads if sentences)
    warnings = [*missing_runs(results), caution(numbers)]
    notes = "".join(f'<p class="note">{escape(warning)}</p>' for warning in warnings if warning)
    return f'<header><h1>{escape(title(results))}</h1><p class="count">{", ".join(counts)}</p>{lead}{notes}</header>'
