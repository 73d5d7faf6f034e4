"""The task that a command line names, its fields and its published settings as flags."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import Any

from recall_tasks import TASKS

from .flags import Parser, add_fields, chosen, one_of, whole

LENGTH = 64


def add_task(parser: Parser, names: Sequence[str]) -> None:
    """Takes a task and its length and all that the first of `names` takes. Raises Mistake where it is no task."""
    known = one_of("task", TASKS, "those that `recall ls tasks` lists")
    parser.add_argument("task", type=known, metavar="TASK", help=f"one of {', '.join(TASKS)}")
    parser.add_argument(
        "--length", type=whole, metavar="N", help=f"tokens in a row (default: {LENGTH}, or the preset's own)"
    )
    if not names:
        return
    kind = TASKS[known(names[0])]
    group = parser.add_argument_group(f"fields of {kind.name}")
    published = f"published setting: {', '.join(kind.presets)}" if kind.presets else "published setting; it has none"
    group.add_argument("--preset", type=one_of(f"preset of {kind.name}", kind.presets), metavar="NAME", help=published)
    add_fields(group, kind)


def asked_task(arguments: argparse.Namespace) -> tuple[str, int, dict[str, Any]]:
    """Name, length and fields of the task: what was given, else the preset's, else the defaults."""
    kind = TASKS[arguments.task]
    preset = kind.presets[arguments.preset] if arguments.preset else None
    length = arguments.length if arguments.length is not None else preset.length if preset else LENGTH
    given = chosen(arguments, [f.name for f in dataclasses.fields(kind)])
    return kind.name, length, {**(preset.fields if preset else {}), **given}
