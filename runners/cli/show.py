"""recall show: sequences of a task, printed for a person."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from recall_tasks import Stream, make_task
from recall_tasks.show import render
from recall_tasks.task import Task

from ..config.custom_tasks import task_kind
from .flags import Mistake, Parser, add_stream, add_task, flag, integer, mistakes, requested_task, split_words

MOST_SHOWN = 16384
"""Tokens of the longest sequence that is printed."""


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall show",
        description="Print a sequence of a task: tokens by role, answers, distances, floors.\n"
        "`recall show TASK --help` lists the task's own fields and published settings.",
    )
    names, flags = split_words(words)
    add_task(parser, names)
    add_stream(parser)
    parser.add_argument("--sequence", "--row", type=integer, default=0, metavar="N", help="first sequence to print")
    parser.add_argument("--sequences", "--rows", type=integer, default=1, metavar="N", help="number of sequences")
    arguments = parser.parse_args([*names, *flags])
    if arguments.sequences < 1:
        raise Mistake(f"--sequences takes at least 1, not {arguments.sequences}")
    name, length, fields = requested_task(arguments)
    with mistakes():
        task = make_task(task_kind(name), **fields)
        if length > MOST_SHOWN:
            raise Mistake(too_long(task, length))
        stream = Stream(task, length, arguments.split, arguments.seed)
        width = shutil.get_terminal_size((100, 24)).columns
        for index in range(arguments.sequence, arguments.sequence + arguments.sequences):
            print(render(stream, index, width=width, colour=sys.stdout.isatty()))
    return 0


def too_long(task: Task, length: int) -> str:
    """Error message for a sequence too long to read, with the nearest setting that is not."""
    mend = f"--length {max(task.min_length, 1024)}"
    if task.min_length > MOST_SHOWN:
        mend = f"--length {MOST_SHOWN} {flag(task.load)} {task.largest_load(MOST_SHOWN)}"
    return f"{task.name}: a sequence of {length:,} tokens is too long to read, {MOST_SHOWN:,} at most (try {mend})"
