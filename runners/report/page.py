"""HTML of the page: a document that fetches nothing, its sections, links, lists and tables.

Text is escaped here; what is called `html` is HTML already.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

ICON = "data:,"
"""An empty icon: without one a browser asks a server for it."""


def document(title: str, html: str) -> str:
    """The whole page around its body."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} - recall</title>
<link rel="icon" href="{ICON}">
<style>
{beside("report.css")}</style>
</head>
<body>
<main>
{html}
</main>
<div id="value" role="status" hidden></div>
<script>
{beside("report.js")}</script>
</body>
</html>
"""


@cache
def beside(name: str) -> str:
    """The text of a file in this folder."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def section_html(name: str, title: str, html: str, reading: str, links: Iterable[str]) -> str:
    """A heading, its content, how to read it, and links (HTML) to its numbers."""
    items = "".join(f"<li>{one}</li>" for one in links if one)
    return (
        f'<section id="{escape(name)}"><h2>{escape(title)}</h2>{html}<p class="reading">{escape(reading)}</p>'
        f'<ul class="links">{items}</ul></section>'
    )


def link(address: str, words: str) -> str:
    """A link to a file beside the page."""
    return f'<a href="{escape(address)}">{escape(words)}</a>'


def csv_link(name: str, csv: str) -> str:
    """A link to a table inside the page itself, saved as `name`.csv when followed."""
    inside = base64.b64encode(csv.encode()).decode()
    return f'<a download="{escape(name)}.csv" href="data:text/csv;base64,{inside}">CSV</a>'


def definitions(facts: Mapping[str, str], kind: str = "") -> str:
    """A list of terms (text) and what is said of each (HTML); empty facts are left out."""
    items = "".join(f"<dt>{escape(term)}</dt><dd>{html}</dd>" for term, html in facts.items() if html)
    return f'<dl class="{kind}">{items}</dl>' if kind else f"<dl>{items}</dl>"


class Cell(NamedTuple):
    """A cell with HTML, attributes or another tag than its place in the table gives it."""

    html: str
    attributes: str = ""
    tag: str = "td"


def html_table(heads: Iterable[str], lines: Iterable[Sequence[str | Cell]], sortable: bool = False) -> str:
    """A table of text and cells; the first text of a line names it. Sortable ones need `data-value` in each cell."""
    before, after = (' aria-sort="none"><button type="button">', "</button>") if sortable else (">", "")
    head = "".join(f'<th scope="col"{before}{escape(word)}{after}</th>' for word in heads)
    body = "".join(f"<tr>{''.join(cell_html(cell, i) for i, cell in enumerate(line))}</tr>" for line in lines)
    kind = "sortable" if sortable else "floors"
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def cell_html(cell: str | Cell, place: int) -> str:
    """One cell; text in the first place is the head of its line."""
    if isinstance(cell, Cell):
        return f"<{cell.tag}{' ' * bool(cell.attributes)}{cell.attributes}>{cell.html}</{cell.tag}>"
    return f"<td>{escape(cell)}</td>" if place else f'<th scope="row">{escape(cell)}</th>'


def record_table(table: pd.DataFrame, cells: Callable[[pd.Series[Any]], dict[str, str]]) -> str:
    """A line for each record of the table: its cells by their heads."""
    lines = [cells(record) for _, record in table.iterrows()]
    return html_table(lines[0], [list(line.values()) for line in lines])


def plain_table(table: pd.DataFrame, most: int = 50) -> str:
    """The first records of a table that has no layout of its own."""
    rounded = table[:most].map(lambda value: f"{value:.6g}" if isinstance(value, float) else str(value))
    more = f'<p class="note">{most} of {len(table):,} records; the CSV has all.</p>' if len(table) > most else ""
    return text_table(rounded) + more


def text_table(table: pd.DataFrame) -> str:
    """A table of texts as it is."""
    return html_table(map(str, table.columns), [[*map(str, line)] for line in table.itertuples(index=False, name=None)])
