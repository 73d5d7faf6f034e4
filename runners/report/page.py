"""The page around a report: a document that fetches nothing, its sections and its links."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path

ICON = "data:,"
"""An empty icon: without one a browser asks a server for it."""


def document(title: str, body: str) -> str:
    """A whole page; `body` is HTML, the title is text."""
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
{body}
</main>
<div id="value" role="status" hidden></div>
<script>
{beside("report.js")}</script>
</body>
</html>
"""


@cache
def beside(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def section(name: str, title: str, reading: str, body: str, links: Iterable[str]) -> str:
    """A heading, how to read what follows, what follows (HTML), and where to get it."""
    offered = "".join(f"<li>{one}</li>" for one in links if one)
    return (
        f'<section id="{name}"><h2>{escape(title)}</h2>{body}<p class="reading">{escape(reading)}</p>'
        f'<ul class="links">{offered}</ul></section>'
    )


def link(address: str, words: str) -> str:
    return f'<a href="{escape(address)}">{escape(words)}</a>'


def csv_link(name: str, csv: str) -> str:
    """A table inside the page itself, saved under `name` when followed."""
    inside = base64.b64encode(csv.encode()).decode()
    return f'<a download="{escape(name)}" href="data:text/csv;base64,{inside}">CSV</a>'
