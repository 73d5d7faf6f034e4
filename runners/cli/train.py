"""recall train: one run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..studies.question import Question
from ..studies.study import Study
from .dry_run import print_plan
from .flags import Mistake, Parser, add_device, integer, mistakes, path
from .study_flags import add_question, check_words, requested_question, sort_words


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall train",
        description="Train one memory on one task and save the run: TASK MEMORY.\n"
        "`recall train TASK MEMORY --help` lists the fields of both.",
    )
    add_question(parser, words)
    parser.add_argument("--seed", type=integer, default=0, metavar="N", help="seed of weights and sequences")
    add_device(parser)
    parser.add_argument("--out", type=path, default=Path("runs"), metavar="DIR", help="folder of the run")
    arguments = parser.parse_intermixed_args(words)
    check_words(arguments)
    _, tasks, memories = sort_words(arguments.question)
    if not tasks or not (memories or arguments.memories):
        raise Mistake("recall train takes a task and a memory (see recall train --help)")
    with mistakes():
        question = requested_question(arguments)
        if not isinstance(question, Question) or (size := question.size // question.seeds) != 1:
            raise Mistake(f"recall train trains one run, not {size:,}: `recall compare` takes the same words")
        study = Study("train", question.study([arguments.seed]).runs)
    if arguments.dry_run:
        return print_plan(study, arguments.out, 1, retry=True)
    from .compare import execute_and_show  # torch, which a mistake does not wait for

    return execute_and_show(
        study, arguments.out, shlex.join(["recall", "train", *words]), retry=True, device=arguments.device
    )
