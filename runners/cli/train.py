"""recall train: one run."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path

from models import MEMORIES

from ..config.custom_code import options_of
from .flags import (
    Parser,
    add_device,
    add_fields,
    add_option,
    add_task,
    asks_for_help,
    explicit_values,
    integer,
    mistakes,
    path,
    requested_task,
    split_words,
)

MEMORY = f"one of {', '.join(MEMORIES)}, or FILE.py:CLASS; layers as in 3*gated_delta+attention"


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall train",
        description="Train one memory on one task and save the run.\n"
        "`recall train TASK MEMORY --help` lists the fields of both.",
    )
    names, flags = split_words(words)
    add_task(parser, names)
    from ..config.run import ModelSetting, Run, TaskSetting, Training  # pydantic, which help does without
    from ..studies.study import Study

    parser.add_argument("memory", metavar="MEMORY", help=MEMORY)
    parser.add_argument("--seed", type=integer, default=0, metavar="N", help="seed of weights and sequences")
    add_device(parser)
    parser.add_argument("--out", type=path, default=Path("runs"), metavar="DIR", help="folder of the run")
    sizes = [f.name for f in dataclasses.fields(ModelSetting) if f.name not in ("memory", "options", "label")]
    settings = [f.name for f in dataclasses.fields(Training)]
    options: dict[str, str] = {}
    if len(names) > 1:
        group = parser.add_argument_group(f"options of {names[1]}")
        taken = {action.dest for action in parser._actions} | {*sizes, *settings}
        with mistakes():
            known = options_of(names[1], asks_for_help(flags))
        for name, (default, meaning) in known.items():
            flagged = f"memory_{name}" if name in taken else name  # a task may have a field of that name
            options[flagged] = name
            add_option(group, flagged, type(default), default, meaning)
    add_fields(parser.add_argument_group("model"), ModelSetting, skip=("memory", "options", "label"))
    add_fields(parser.add_argument_group("training"), Training)
    arguments = parser.parse_args([*names, *flags])
    with mistakes():
        task = TaskSetting(*requested_task(arguments))
        given = {options[flagged]: value for flagged, value in explicit_values(arguments, options).items()}
        model = ModelSetting(arguments.memory, given, **explicit_values(arguments, sizes))
        training = Training(**explicit_values(arguments, settings))
        study = Study("train", (Run(task, model, training, arguments.seed),))
    from .compare import execute_and_show  # torch, which a mistake does not wait for

    return execute_and_show(
        study, arguments.out, shlex.join(["recall", "train", *words]), retry=True, device=arguments.device
    )
