"""recall export: sequences of a task in one file, for other programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from recall_tasks import Stream, make_task
from recall_tasks.export import export
from recall_tasks.formats import FORMATS

from ..config.custom_tasks import task_kind
from .flags import Mistake, Parser, add_stream, add_task, integer, one_of, path, requested_task, split_words

FORCE = "--force"
"""The one flag without a value."""


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall export",
        description="Write sequences of a task to one file, identical to the byte each time: tokens, targets, queries\n"
        "and their meaning. `recall export TASK --help` lists the task's own fields and published settings.",
    )
    names, flags = split_words([word for word in words if word != FORCE])
    add_task(parser, names)
    parser.add_argument("--out", type=path, metavar="FILE", help="file to write, such as sequences.npz")
    meaning = f"{', '.join(FORMATS)} (default: the suffix of FILE)"
    parser.add_argument("--format", type=one_of("format", FORMATS), metavar="NAME", help=meaning)
    parser.add_argument("--sequences", "--rows", type=integer, default=1000, metavar="N", help="number of sequences")
    parser.add_argument("--start", type=integer, default=0, metavar="N", help="first sequence")
    add_stream(parser)
    parser.add_argument(FORCE, action="store_const", const=True, help="overwrite an existing file")
    arguments = parser.parse_args([*names, *flags])
    if arguments.out is None:
        parser.error(f"name the file to write: --out {arguments.task}.{arguments.format or 'npz'}")
    name, length, fields = requested_task(arguments)
    try:
        stream = Stream(make_task(task_kind(name), **fields), length, arguments.split, arguments.seed)
        with _bar(arguments.sequences) as progress:
            written = export(
                stream, arguments.out, arguments.sequences, arguments.start, arguments.format,
                force=FORCE in words, progress=progress,
            )  # fmt: skip
    except (ValueError, ModuleNotFoundError) as error:
        raise Mistake(str(error)) from None
    except OSError as error:
        raise Mistake(f"cannot write {arguments.out}: {error.strerror or error} (nothing of it is left)") from None
    noun = "sequence" if written.rows == 1 else "sequences"
    first = f"first {stream.block_rows} sequences of split {stream.split}, seed {stream.seed}"
    print(f"{written.path}  {written.rows:,} {noun}, {written.bytes:,} bytes")
    print(f"checksum {written.checksum}  ({first})")
    print(f"sha256   {written.sha256}")
    return 0


@contextmanager
def _bar(num_sequences: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on stderr; nothing if stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # rich is slow to load, and most exports show no bar
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sequences", total=num_sequences)
        yield lambda count: bar.advance(task, count)
