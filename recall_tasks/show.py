"""One row of a task as a person reads it: what is shown, what is asked, and how far back the answer lies."""

from __future__ import annotations

from collections.abc import Iterator

from .bounds import floors
from .stream import BLOCK, Stream
from .task import Batch, Task

LABELS = ("t", "tokens", "answer", "distance", "written at")
EMPTY = ".f"
COLOURS = {"k": 36, "v": 32, "s": 32, "|": 33, "?": 33, ".": 2, "f": 2}


def render(stream: Stream, row: int = 0, *, width: int = 100, elide: int = 12, colour: bool = False) -> str:
    """Row `row` of the stream with its task's numbers above and the stream's checksum below.

    Lines are wrapped at `width` characters; runs of more than `elide` blanks or fillers become `...(n)`;
    `colour` marks roles with ANSI codes. Raises ValueError for a row below 0.
    """
    columns = list(_columns(stream.task, stream.rows(row, 1), elide))
    blocks = [_block(columns[start:stop], colour) for start, stop in _wrapped(columns, width)]
    where = f"row {row} of split {stream.split}, seed {stream.seed}"
    checksum = f"checksum {stream.checksum()}  (first {BLOCK} rows; {where})"
    return "\n\n".join([_header(stream), *blocks, checksum])


def _header(stream: Stream) -> str:
    task, length = stream.task, stream.length
    size = f"{task.name}  {task.load_words}, {length} tokens, vocabulary {task.vocab_size}"
    scores = "   ".join(
        f"{name if name == 'chance' else f'{name} floor'} {100 * floor:.1f} %"
        for name, floor in floors(task, length).items()
    )
    return f"{size}   payload {task.payload_bits(length):.1f} bits\n{scores}"


def _columns(task: Task, batch: Batch, elide: int) -> Iterator[tuple[str, ...]]:
    """One tuple of cells, in the order of LABELS, for each token shown or run of tokens left out."""
    words = [task.spell(token) for token in batch.tokens[0].tolist()]
    rows = (batch.asked[0], batch.answers[0], batch.distances[0], batch.origins[0])
    asked = {t: cells for t, *cells in zip(*(r.tolist() for r in rows), strict=True)}
    t = 0
    while t < len(words):
        run = t
        while run < len(words) and words[run][0] in EMPTY and run not in asked:
            run += 1
        if run - t > elide:
            yield ("", f"...({run - t})", "", "", "")
            t = run
        elif t in asked:
            answer, distance, origin = asked[t]
            yield (str(t), words[t], task.spell(answer), str(distance), str(origin))
            t += 1
        else:
            yield (str(t), words[t], ".", "", "")
            t += 1


def _wrapped(columns: list[tuple[str, ...]], width: int) -> Iterator[tuple[int, int]]:
    """Slices of columns that fit into the width, each of one column at least."""
    start, used = 0, len(LABELS[-1])
    for stop, column in enumerate(columns):
        wide = 1 + max(map(len, column))
        if stop > start and used + wide > width:
            yield start, stop
            start, used = stop, len(LABELS[-1])
        used += wide
    yield start, len(columns)


def _block(columns: list[tuple[str, ...]], colour: bool) -> str:
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for i, label in enumerate(LABELS):
        cells = (
            _painted(column[i].rjust(w), colour and i in (1, 2)) for column, w in zip(columns, widths, strict=True)
        )
        lines.append(" ".join([label.ljust(len(LABELS[-1])), *cells]).rstrip())
    return "\n".join(lines)


def _painted(cell: str, colour: bool) -> str:
    code = COLOURS.get(cell.strip()[:1]) if colour else None
    return cell if code is None else f"\033[{code}m{cell}\033[0m"
