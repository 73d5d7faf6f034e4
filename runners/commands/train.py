"""recall train: one run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ..arguments import Mistake, Parser, add_fields, add_option, chosen, whole


def run(words: Sequence[str]) -> int:
    from models import MEMORIES, memory_options
    from recall_tasks import TASKS

    from ..bring import load_memory
    from ..experiment import ModelSetting, Run, TaskSetting, Training
    from ..study import Study
    from .compare import carry_out_and_tell

    parser = Parser(
        prog="recall train",
        description="Train one memory on one task and keep the run.\n"
        "`recall train TASK MEMORY --help` lists the fields of both.",
    )
    parser.add_argument("task", choices=TASKS, metavar="TASK", help=f"one of {', '.join(TASKS)}")
    parser.add_argument("memory", metavar="MEMORY", help=f"one of {', '.join(MEMORIES)}, or FILE.py:CLASS")
    parser.add_argument("--length", type=whole, default=64, metavar="N", help="tokens in a row")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="seed of weights and rows")
    parser.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="where the run is kept")
    named = [word for word in words if word in TASKS][:1] + [w for w in words if w in MEMORIES or ".py:" in w][:1]
    task_fields: list[str] = []
    options: list[str] = []
    if named and named[0] in TASKS:
        kind = TASKS[named[0]]
        add_fields(parser.add_argument_group(f"fields of {named[0]}"), kind)
        task_fields = [f.name for f in dataclasses.fields(kind)]
    try:
        memory = load_memory(named[1]) if len(named) > 1 else None
    except ValueError as error:
        raise Mistake(str(error)) from None
    if memory:
        group = parser.add_argument_group(f"options of {named[1]}")
        for name, default in memory_options(memory).items():
            add_option(group, name, type(default), default, memory.options.get(name, ""))
            options.append(name)
    sizes = [f.name for f in dataclasses.fields(ModelSetting) if f.name not in ("memory", "options", "label")]
    add_fields(parser.add_argument_group("model"), ModelSetting, skip=("memory", "options", "label"))
    add_fields(parser.add_argument_group("training"), Training)
    arguments, rest = parser.parse_known_args(words)
    try:
        load_memory(arguments.memory)  # a memory that is not there comes before options it would have had
        if rest:
            parser.error(f"{arguments.task} and {arguments.memory} have no option {rest[0]}")
        task = TaskSetting(arguments.task, arguments.length, chosen(arguments, task_fields))
        model = ModelSetting(arguments.memory, chosen(arguments, options), **chosen(arguments, sizes))
        training = Training(**chosen(arguments, [f.name for f in dataclasses.fields(Training)]))
        study = Study("train", (Run(task, model, training, arguments.seed),), ladder=())
    except ValueError as error:
        raise Mistake(str(error)) from None
    return carry_out_and_tell(study, arguments.out, None, ["recall", "train", *words])
