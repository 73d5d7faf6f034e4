"""A benchmark's table as data, printed line by line in a terminal and written as Markdown into docs/speed.md.

A benchmark yields `Columns`, then records (tuples, a value a column; a shorter one leaves the last columns empty, None
any), and remarks (strings). New `Columns` begin a new table. Lines are yielded as they are measured.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import torch


class Columns(dict[str, str]):
    """Name -> width and format of each column, such as {"memory": "<12", "ms/step": ">9.1f"}."""


Line = Columns | tuple[Any, ...] | str


def value_text(value: Any, form: str) -> str:
    """A value by the format of its column; words and None stand as they are."""
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else format(value, re.sub(r"^[<>]\d+", "", form))


def printed(lines: Iterable[Line]) -> Iterator[str]:
    """The table for a terminal."""
    columns = Columns()
    for line in lines:
        if isinstance(line, str):
            yield line
            continue
        if isinstance(line, Columns):
            columns = line
        values = line if isinstance(line, tuple) else tuple(columns)
        text = ""
        for value, form in zip(values, columns.values(), strict=False):
            cell = format(value_text(value, form), re.match(r"[<>]\d+", form)[0])  # type: ignore[index]
            text += "  " + cell if text and form.startswith("<") else cell
        yield text.rstrip()


def markdown(lines: Iterable[Line]) -> Iterator[str]:
    """The table for a page."""
    columns, inside = Columns(), False
    for line in lines:
        if isinstance(line, str):
            yield from ["", line]
            inside = False
        elif isinstance(line, Columns):
            columns = line
            yield from ["", f"| {' | '.join(columns)} |"]
            yield f"|{'|'.join('---:' if form.startswith('>') else '---' for form in columns.values())}|"
            inside = True
        else:
            if not inside:
                yield from markdown([columns])
                inside = True
            cells = [value_text(value, form) for value, form in zip(line, columns.values(), strict=False)]
            yield f"| {' | '.join(cells + [''] * (len(columns) - len(cells)))} |"


def machine() -> str:
    """Processor, cores, versions and day."""
    words = platform.processor() or platform.machine()
    if (cpus := Path("/proc/cpuinfo")).exists() and (name := re.search(r"model name\s*: (.*)", cpus.read_text())):
        words = name[1]
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{words}, {os.cpu_count()} cores, one thread; {versions}; {date.today():%B %Y}"


def start_of(name: str) -> str:
    return f"<!-- python -m benchmarks {name} --write docs/speed.md -->\n"


def end_of(name: str) -> str:
    return f"<!-- end of {name} -->\n"


def write_section(page: Path, name: str, lines: Iterable[Line], load: str) -> None:
    """Put a benchmark's table between its marks in the page; raises ValueError where the page has no such marks."""
    text = page.read_text(encoding="utf-8")
    head, start, rest = text.partition(start_of(name))
    _, end, tail = rest.partition(end_of(name))
    if not start or not end:
        raise ValueError(f"{page} has no place for {name}: write {start_of(name)}{end_of(name)} where it belongs")
    body = "\n".join(markdown(lines)).strip("\n")
    note = f"`python -m benchmarks {name}` on {machine()}{load}:"
    page.write_text(f"{head}{start}\n{note}\n\n{body}\n\n{end}{tail}", encoding="utf-8")
