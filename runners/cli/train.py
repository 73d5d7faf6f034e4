"""recall train: one run."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from .flags import (
    Parser,
    add_fields,
    add_option,
    add_task,
    explicit_values,
    integer,
    mistakes,
    requested_task,
    split_words,
)


def run(words: Sequence[str]) -> int:
    from models import MEMORIES, memory_options  # torch, which a mistyped word does not wait for

    from ..config.custom_code import load_memory
    from ..config.run import ModelSetting, Run, TaskSetting, Training
    from ..studies.study import Study
    from .compare import execute_and_show

    parser = Parser(
        prog="recall train",
        description="Train one memory on one task and save the run.\n"
        "`recall train TASK MEMORY --help` lists the fields of both.",
    )
    names, flags = split_words(words)
    add_task(parser, names)
    parser.add_argument("memory", metavar="MEMORY", help=f"one of {', '.join(MEMORIES)}, or FILE.py:CLASS")
    parser.add_argument("--seed", type=integer, default=0, metavar="N", help="seed of weights and sequences")
    parser.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of the run")
    sizes = [f.name for f in dataclasses.fields(ModelSetting) if f.name not in ("memory", "options", "label")]
    settings = [f.name for f in dataclasses.fields(Training)]
    options: dict[str, str] = {}
    with mistakes():
        memory = load_memory(names[1]) if len(names) > 1 else None
    if memory:
        group = parser.add_argument_group(f"options of {names[1]}")
        taken = {action.dest for action in parser._actions} | {*sizes, *settings}
        for name in memory_options(memory):
            options[f"memory_{name}" if name in taken else name] = name  # a task may have a field of that name
        for flagged, name in options.items():
            default = memory_options(memory)[name]
            add_option(group, flagged, type(default), default, memory.options.get(name, ""))
    add_fields(parser.add_argument_group("model"), ModelSetting, skip=("memory", "options", "label"))
    add_fields(parser.add_argument_group("training"), Training)
    arguments = parser.parse_args([*names, *flags])
    with mistakes():
        task = TaskSetting(*requested_task(arguments))
        given = {options[flagged]: value for flagged, value in explicit_values(arguments, options).items()}
        model = ModelSetting(arguments.memory, given, **explicit_values(arguments, sizes))
        training = Training(**explicit_values(arguments, settings))
        study = Study("train", (Run(task, model, training, arguments.seed),))
    return execute_and_show(study, arguments.out, shlex.join(["recall", "train", *words]), retry=True)
