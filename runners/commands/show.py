"""recall show: a row of a task, for a person."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from ..arguments import Mistake, Parser, add_fields, chosen, whole

MOST_SHOWN = 16384


def run(words: Sequence[str]) -> int:
    import dataclasses

    from recall_tasks import SPLITS, TASKS, Stream, make_task
    from recall_tasks.show import render

    parser = Parser(
        prog="recall show",
        description="Print a row of a task: tokens with their roles, answers, distances, floors.\n"
        "`recall show TASK --help` lists the task's own fields.",
    )
    parser.add_argument("task", choices=TASKS, metavar="TASK", help=f"one of {', '.join(TASKS)}")
    parser.add_argument("--length", type=whole, default=64, metavar="N", help="tokens in the row")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="seed of the stream")
    parser.add_argument("--split", choices=SPLITS, default="train", help="split of the stream")
    parser.add_argument("--row", type=whole, default=0, metavar="N", help="first row to show")
    parser.add_argument("--rows", type=whole, default=1, metavar="N", help="how many rows")
    named = next((word for word in words if word in TASKS), None)
    names: list[str] = []
    if named:
        kind = TASKS[named]
        group = parser.add_argument_group(f"fields of {named}")
        if kind.presets:
            group.add_argument("--preset", choices=kind.presets, help="published setting")
        add_fields(group, kind)
        names = [f.name for f in dataclasses.fields(kind)]
    arguments = parser.parse_args(words)
    if arguments.rows < 1:
        raise Mistake(f"--rows takes at least 1, not {arguments.rows}")
    if arguments.length > MOST_SHOWN:
        raise Mistake(f"a row of {arguments.length:,} tokens is too long to read (--length {MOST_SHOWN} at most)")
    try:
        task = make_task(arguments.task, getattr(arguments, "preset", None), **chosen(arguments, names))
        stream = Stream(task, arguments.length, arguments.split, arguments.seed)
        for row in range(arguments.row, arguments.row + arguments.rows):
            width = shutil.get_terminal_size((100, 24)).columns
            print(render(stream, row, width=width, colour=sys.stdout.isatty()))
    except ValueError as error:
        raise Mistake(str(error)) from None
    return 0
