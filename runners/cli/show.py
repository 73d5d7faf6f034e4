"""recall show: a row of a task, for a person."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from recall_tasks.task import Task

from .flags import Mistake, Parser, flag, sorted_words, whole

MOST_SHOWN = 16384


def run(words: Sequence[str]) -> int:
    from recall_tasks import SPLITS, Stream, make_task
    from recall_tasks.show import render

    from .task_flags import add_task, asked_task

    parser = Parser(
        prog="recall show",
        description="Print a row of a task: tokens with their roles, answers, distances, floors.\n"
        "`recall show TASK --help` lists the task's own fields and published settings.",
    )
    names, flags = sorted_words(words)
    add_task(parser, names)
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="seed of the stream")
    parser.add_argument("--split", choices=SPLITS, default="train", help="split of the stream")
    parser.add_argument("--row", type=whole, default=0, metavar="N", help="first row to show")
    parser.add_argument("--rows", type=whole, default=1, metavar="N", help="how many rows")
    arguments = parser.parse_args([*names, *flags])
    if arguments.rows < 1:
        raise Mistake(f"--rows takes at least 1, not {arguments.rows}")
    name, length, fields = asked_task(arguments)
    try:
        task = make_task(name, **fields)
        if length > MOST_SHOWN:
            raise Mistake(too_long(task, length))
        stream = Stream(task, length, arguments.split, arguments.seed)
        width = shutil.get_terminal_size((100, 24)).columns
        for row in range(arguments.row, arguments.row + arguments.rows):
            print(render(stream, row, width=width, colour=sys.stdout.isatty()))
    except ValueError as error:
        raise Mistake(str(error)) from None
    return 0


def too_long(task: Task, length: int) -> str:
    """Why a row is not shown, and the nearest that is."""
    mend = f"--length {max(task.min_length, 1024)}"
    if task.min_length > MOST_SHOWN:
        mend = f"--length {MOST_SHOWN} {flag(task.load)} {task.largest_load(MOST_SHOWN)}"
    return f"{task.name}: a row of {length:,} tokens is too long to read, {MOST_SHOWN:,} at most (try {mend})"
