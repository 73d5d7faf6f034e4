"""recall sweep: the missing runs of a study, here or on a cluster, or a forecast of their time."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from importlib.util import resolve_name
from pathlib import Path
from typing import TYPE_CHECKING

from ..execution.engines import ENGINES, Event, Execute, Limits, cores, open_engine
from ..storage import open_folder
from ..studies.presets import PRESETS
from ..studies.question import Question
from .console import plain_console
from .dry_run import on_stderr, print_plan, testing_mark
from .flags import Mistake, Parser, add_device, integer, mistakes, number, one_of, path
from .study_flags import (
    add_question,
    announced_device,
    check_words,
    follow_study,
    positive,
    requested_question,
    run_folder,
    sort_words,
    study_of,
)

if TYPE_CHECKING:
    from ..studies.study import Study

IMPORTS = (resolve_name("..execution.run_job", __package__),)
"""Modules that workers import while this process reads the study. Modules that load torch are therefore imported inside
functions here, after the first worker has started."""


def run(words: Sequence[str]) -> int:
    arguments = _parser(words).parse_intermixed_args(words)
    positive("--workers", arguments.workers)
    positive("--limit", arguments.limit)
    where = {"workers": arguments.workers, "address": arguments.address}
    if not arguments.question and not arguments.preset:
        raise Mistake("recall sweep takes tasks and memories, or a study (see recall sweep --help)")
    check_words(arguments)
    with mistakes():
        if arguments.dry_run:
            on_stderr(f"reading study {' '.join(arguments.question)} and checking what it asks for")
        limits = Limits(arguments.time_limit, arguments.memory_limit, arguments.cpus, arguments.gpus)
        with ExitStack() as stack:
            if arguments.engine == "local":
                imports = () if arguments.dry_run else IMPORTS
                execution = stack.enter_context(open_engine(limits=limits, imports=imports, **where))
            from ..execution.sweep import check_study  # torch, after the first worker has started

            study, folder, whole = _study_and_folder(arguments)
            check_study(study)
            if arguments.dry_run:
                workers = arguments.workers or (cores() if arguments.engine == "local" else 1)
                return print_plan(study, folder, workers, arguments.retry, arguments.limit)
            if arguments.engine == "ray":
                stack.enter_context(open_engine("ray", limits=limits, **where))  # a refusal leaves no folder
            open_folder(folder)
            if arguments.engine == "ray":
                folder = folder.resolve()  # workers of a cluster start elsewhere
                execution = stack.enter_context(open_engine("ray", limits=limits, folder=folder, **where))
            return _execute(study, folder, execution, arguments, shlex.join(["recall", "sweep", *words]), whole)


def _parser(words: Sequence[str]) -> Parser:
    parser = Parser(
        prog="recall sweep",
        description="Execute the missing runs of a study: train them, then test and probe them as it says.\n"
        "Nothing finished is repeated: the same command goes on where it stopped.",
    )
    add_question(parser, words)
    home = "folder of the runs (default: runs/NAME, or the folder that is named)"
    parser.add_argument("--out", type=path, metavar="DIR", help=home)
    group = parser.add_argument_group("execution")
    group.add_argument(
        "--engine", type=one_of("engine", ENGINES), default="local", metavar="NAME",
        help="local: processes here; ray: a cluster whose machines all see --out and have this package installed",
    )  # fmt: skip
    group.add_argument(
        "--address", metavar="WORD",
        help="address of the Ray cluster: HOST:PORT, auto (this machine's, the default), local (one that ends with us)",
    )  # fmt: skip
    help_workers = f"runs at the same time, at most (default: {cores()}, one per core; all of a cluster)"
    group.add_argument("--workers", type=integer, metavar="N", help=help_workers)
    group.add_argument("--cpus", type=number, default=1, metavar="X", help="CPUs reserved for a run on a cluster")
    group.add_argument("--gpus", type=number, default=0, metavar="X", help="GPUs likewise, or a fraction of one")
    group.add_argument(
        "--time-limit", type=number, metavar="SECONDS", help="stop a run after so long: it goes on next time"
    )
    group.add_argument(
        "--memory-limit", type=number, metavar="MB",
        help="end a run whose process takes more than so many million bytes, Python and torch (some 250) included; "
        "every run then starts a process of its own, and as much is reserved on a cluster",
    )  # fmt: skip
    add_device(group)
    group.add_argument("--retry", action="store_const", const=True, help="repeat runs that failed before")
    sinks = "send progress to tensorboard, trackio or wandb too"
    group.add_argument("--track", action="append", default=[], metavar="SINK", help=sinks)
    group.add_argument("--limit", type=integer, metavar="N", help="only the first N missing runs, for testing")
    return parser


def _study_and_folder(arguments: argparse.Namespace) -> tuple[Study, Path, bool]:
    """The study, its folder, and True unless it is a part that must not replace the study recorded there.

    Raises ValueError if there is no such study, or no folder to put it in.
    """
    if arguments.track:
        from ..trackers import SINKS  # torch, as above

        for word in arguments.track:
            one_of("sink", SINKS)(word.partition(":")[0])
    found = requested_question(arguments)
    study = study_of(found, arguments)
    folder, named = run_folder(study, arguments), sort_words(arguments.question)[0]
    home = named not in PRESETS and os.path.isdir(named) and folder.resolve() == Path(named).resolve()
    return study, folder, not (home and isinstance(found, Question))


def _execute(
    study: Study, folder: Path, execution: Execute, arguments: argparse.Namespace, command: str, record: bool
) -> int:
    """Execute the missing runs and print progress; 0, 1 where a run failed, 130 after an interruption."""
    from ..execution.plan import missing  # torch, as above
    from ..execution.sweep import NEVER, carry_out

    total = len(study.runs)
    limit = NEVER if arguments.limit is None else arguments.limit
    mark = testing_mark(arguments.limit, len(missing(study, folder)), total)
    # A machine of the cluster may have a GPU where this one has none.
    device = (
        ("cuda" if arguments.gpus else arguments.device)
        if arguments.engine == "ray"
        else announced_device(arguments.device)
    )
    retry = bool(arguments.retry)
    events = carry_out(study, folder, execution, command if record else "", retry, limit, device)
    if arguments.track:
        events = _tracked(events, arguments.track, study, folder)
    board = follow_study(events, study, folder, command, arguments.workers, mark)
    if board is None:
        return 130
    left, stopped = len(missing(study, folder)), sum(event.why == "time" for event in board.failed)
    failed = len(board.failed) - stopped
    line = f"{total - left} of {total} runs finished, {failed} failed"
    if stopped:
        line += f", {stopped} stopped by a limit of time"
    if left > failed:
        line += f", {left - failed} left"
    if failed:
        line += f" (why: {folder}/*.failed.json): `{command}{'' if arguments.retry else ' --retry'}` tries again"
    elif left:
        line += f": `{command}` goes on"
    elif any((folder / run.name).is_dir() for run in study.runs):
        line += f": `{shlex.join(['recall', 'report', str(folder)])}` shows them"
    plain_console().print(line + mark, soft_wrap=True)
    return 1 if board.failed or (left and arguments.limit is None) else 0


def _tracked(events: Iterable[Event], words: Sequence[str], study: Study, folder: Path) -> Iterator[Event]:
    """The events, each shown on its way to the sinks that these words name."""
    from ..trackers import open_sinks  # torch, as above

    runs = {run.name: run for run in study.runs}
    with open_sinks(words, study.name, folder) as sinks:
        for event in events:
            for sink in sinks:
                sink.take(event, runs[event.job])
            yield event
