"""One row of a task as a person reads it: what is shown, what is asked, and how far back the answer lies."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from .batch import Batch
from .bounds import floors
from .stream import BLOCK, Stream
from .task import Task

EMPTY = ".f"
COLOURS = {"k": 36, "v": 32, "s": 32, ".": 2, "f": 2}
MARK, OTHER = 33, 35
"""Colours of control tokens, which are no letters, and of roles that have none of their own."""


def labels(task: Task) -> tuple[str, ...]:
    """What the lines of a row hold. A derived answer was written nowhere: its oldest token stands instead."""
    return ("t", "tokens", "answer", "distance", "rests from" if task.derived else "written at")


def render(stream: Stream, row: int = 0, *, width: int = 100, elide: int = 12, colour: bool = False) -> str:
    """Row `row` of the stream with its task's numbers above and the stream's checksum below.

    Lines are wrapped at `width` characters; runs of more than `elide` blanks or fillers become `...(n)`;
    `colour` marks roles with ANSI codes. Raises ValueError for a row below 0.
    """
    where = f"row {row} of split {stream.split}, seed {stream.seed}"
    checksum = f"checksum {stream.checksum()}  (first {BLOCK} rows; {where})"
    drawn = render_row(stream, row, width=width, elide=elide, colour=colour)
    return "\n\n".join([_header(stream, width), drawn, checksum])


def render_row(stream: Stream, row: int = 0, *, width: int = 100, elide: int = 12, colour: bool = False) -> str:
    """The row alone, in blocks of aligned lines with a blank line between them."""
    task = stream.task
    columns = list(_columns(task, stream.rows(row, 1), elide))
    return "\n\n".join(_block(columns[start:stop], labels(task), colour) for start, stop in _wrapped(columns, width))


def percent(share: float) -> str:
    """A share in two digits: `3.1 %`, `36 %`. Only 1 reads as 100 %."""
    value = 100 * share * (1 + 1e-12)  # halves round up, whatever the last bit of the share is
    return f"{value:.2g} %" if value < 9.95 else f"{min(99, int(value + 0.5)) if share < 1 else 100} %"


def _header(stream: Stream, width: int) -> str:
    task, length = stream.task, stream.length
    size = f"{task.name}  {task.load_words}, {length} tokens, vocabulary {task.vocab_size}"
    scores = "  ".join(f"{name} {percent(floor)}" for name, floor in floors(task, length).items())
    lines = (f"{size}   payload {task.payload_bits(length):.1f} bits", f"floors  {scores}")
    return "\n".join(textwrap.fill(line, width, subsequent_indent="  ") for line in lines)


def _columns(task: Task, batch: Batch, elide: int) -> Iterator[tuple[str, ...]]:
    """One tuple of cells, in the order of `labels`, for each token shown or run of tokens left out."""
    words = [task.spell(token) for token in batch.tokens[0].tolist()]
    questions = zip(*(a[batch.asking].tolist() for a in (batch.asked, batch.answers, batch.distances, batch.origins)),
                    strict=True)  # fmt: skip
    asked = {t: (task.spell(answer), str(distance), str(origin)) for t, answer, distance, origin in questions}
    t = 0
    while t < len(words):
        run = t
        while run < len(words) and words[run][0] in EMPTY and run not in asked:
            run += 1
        if run - t > elide:
            yield ("", f"...({run - t})", "", "", "")
            t = run
        else:
            yield (str(t), words[t], *asked.get(t, (".", "", "")))
            t += 1


def _wrapped(columns: list[tuple[str, ...]], width: int) -> Iterator[tuple[int, int]]:
    """Slices of columns that fit into the width, each of one column at least."""
    label = len("written at")
    start, used = 0, label
    for stop, column in enumerate(columns):
        wide = 1 + max(map(len, column))
        if stop > start and used + wide > width:
            yield start, stop
            start, used = stop, label
        used += wide
    yield start, len(columns)


def _block(columns: list[tuple[str, ...]], heads: tuple[str, ...], colour: bool) -> str:
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for i, label in enumerate(heads):
        cells = (
            _painted(column[i].rjust(w), colour and i in (1, 2)) for column, w in zip(columns, widths, strict=True)
        )
        if i < 3 or any(column[i] for column in columns):  # a part of a row that asks nothing has no distances
            lines.append(" ".join([label.ljust(len(heads[-1])), *cells]).rstrip())
    return "\n".join(lines)


def _painted(cell: str, colour: bool) -> str:
    letter = cell.strip()[:1]
    if not colour or not letter:
        return cell
    return f"\033[{COLOURS.get(letter, OTHER if letter.isalnum() else MARK)}m{cell}\033[0m"
