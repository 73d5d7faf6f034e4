"""Sections of the page: figures and tables in their order, each with how to read it and the command that made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from ..figures import FIGURES, Figure, save
from ..figures.figure import by_panel, legend
from ..figures.saving import csv_text, legend_samples, panel_elements
from ..figures.style import Styles
from ..results.tables import Results
from .page import csv_link, link, plain_table, section_html

MOST_PANELS = 60
"""Panels of a figure on a page, as many as a person may look through."""
COLUMN = 25
"""Width of one panel (rem) where a figure asks for fewer than three side by side."""


@dataclass(frozen=True, kw_only=True)
class TableSection:
    """One table of the page; `SECTIONS` lists all of them.

    name      of the section and of tables/NAME.csv
    follows   name of the figure or table before it; empty for the first of the page
    title     the heading
    reading   how to read the table, below it
    table     the numbers; the section is left out where there are none
    html      the content of the section
    measure   measure that the numbers come from; empty for trainings and their test
    """

    name: str
    follows: str
    title: str
    reading: str
    table: Callable[[Results], pd.DataFrame]
    html: Callable[[pd.DataFrame, Results], str] = lambda table, results: plain_table(table)
    measure: str = ""


def in_order(sections: Sequence[TableSection]) -> list[Figure | TableSection]:
    """Figures and tables in the order of the page. Raises ValueError for a table that follows nothing there."""
    following: dict[str, list[TableSection]] = {}
    for section in sections:
        following.setdefault(section.follows, []).append(section)

    def after(name: str) -> list[Figure | TableSection]:
        return [one for section in following.pop(name, ()) for one in (section, *after(section.name))]

    page = [*after(""), *(one for figure in FIGURES.values() for one in (figure, *after(figure.name)))]
    if following:
        missing, (lost, *_) = following.popitem()
        raise ValueError(f"section {lost.name} follows {missing!r}, which is not on the page: name one of its sections")
    return page


def table_section(section: TableSection, table: pd.DataFrame, results: Results, command: str) -> str:
    """A table and links to it."""
    links = [csv_link(section.name, csv_text(table)), made_by(command)]
    return section_html(section.name, section.title, section.html(table, results), section.reading, links)


def figure_section(figure: Figure, table: pd.DataFrame, styles: Styles, folder: Path, command: str) -> str:
    """A figure, saved into the folder, and its panels one by one, so that a narrow page stacks them."""
    parts = by_panel(table)
    plotted = figure.plot(pd.concat(parts[:MOST_PANELS]) if len(parts) > MOST_PANELS else table, styles)
    _, svg, csv = save(plotted, folder / "figures", figure.name, table)
    lines = legend(plotted.axes, styles)
    samples = legend_samples(lines.values(), f"{figure.name}-key") if lines else ()
    items = [f"<li>{sample}<span>{escape(label)}</span></li>" for sample, label in zip(samples, lines, strict=True)]
    key = f'<ul class="legend">{"".join(items)}</ul>' if items else ""
    panels = panel_elements(svg.read_text(encoding="utf-8"), plotted, figure.name)
    narrow = f' style="max-width:{COLUMN * figure.columns}rem"' if figure.columns < 3 else ""
    plots = "".join(f"<div>{panel}</div>" for panel in panels)
    links = [csv_link(figure.name, csv.read_bytes().decode())]
    links += [link(f"figures/{figure.name}.{kind}", kind.upper()) for kind in ("png", "svg")]
    html = f'{key}<div class="panels"{narrow}>{plots}</div>'
    if len(parts) > MOST_PANELS:
        rest = "<code>recall report RUN … --out FOLDER</code> draws those of the runs it names"
        html += f'<p class="note">The first {MOST_PANELS} of {len(parts):,} panels; the CSV has all, and {rest}.</p>'
    return section_html(figure.name, figure.title, html, figure.reading, [*links, made_by(command)])


def made_by(command: str) -> str:
    """A note of the command, empty where it is not known."""
    return f"made by <code>{escape(command)}</code>" if command else ""
