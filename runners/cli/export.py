"""recall export: rows of a task as one file, for other programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .flags import Mistake, Parser, one_of, sorted_words, whole

FORCE = "--force"
"""The one flag that takes no word."""


def run(words: Sequence[str]) -> int:
    from recall_tasks import SPLITS, Stream, make_task
    from recall_tasks.export import export
    from recall_tasks.formats import FORMATS

    from .task_flags import add_task, asked_task

    parser = Parser(
        prog="recall export",
        description="Write rows of a task to one file, the same to the byte each time: tokens, targets, questions,\n"
        "and what they are. `recall export TASK --help` lists the task's own fields and published settings.",
    )
    names, flags = sorted_words([word for word in words if word != FORCE])
    add_task(parser, names)
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write, such as rows.npz")
    form = one_of("format", FORMATS)
    meaning = f"{', '.join(FORMATS)} (default: as the name of FILE ends)"
    parser.add_argument("--format", type=form, metavar="NAME", help=meaning)
    parser.add_argument("--rows", type=whole, default=1000, metavar="N", help="how many rows")
    parser.add_argument("--start", type=whole, default=0, metavar="N", help="first row")
    parser.add_argument("--split", choices=SPLITS, default="train", help="split of the stream")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="seed of the stream")
    parser.add_argument(FORCE, action="store_const", const=True, help="write over a file that is there")
    arguments = parser.parse_args([*names, *flags])
    if arguments.out is None:
        parser.error(f"say where to write: --out {arguments.task}.{arguments.format or 'npz'}")
    name, length, fields = asked_task(arguments)
    try:
        stream = Stream(make_task(name, **fields), length, arguments.split, arguments.seed)
        with _bar(arguments.rows) as progress:
            written = export(
                stream, arguments.out, arguments.rows, arguments.start, arguments.format,
                force=FORCE in words, progress=progress,
            )  # fmt: skip
    except (ValueError, ModuleNotFoundError) as error:
        raise Mistake(str(error)) from None
    except OSError as error:
        raise Mistake(f"cannot write {arguments.out}: {error.strerror or error} (nothing of it is left)") from None
    rows = "row" if written.rows == 1 else "rows"
    print(f"{written.path}  {written.rows:,} {rows}, {written.bytes:,} bytes")
    print(f"checksum {written.checksum}  (first {stream.block_rows} rows of split {stream.split}, seed {stream.seed})")
    print(f"sha256   {written.sha256}")
    return 0


@contextmanager
def _bar(rows: int) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr while rows are written; nothing where no person looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rows", total=rows)
        yield lambda count: bar.advance(task, count)
