"""recall sweep: what is missing of a study, here or on a cluster."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..execution.engines import ENGINES, Event, Execute, Limits, cores, opened
from .flags import Mistake, Parser, integer, number, one_of
from .study_flags import add_narrowing, narrowed, parts

if TYPE_CHECKING:
    from ..config.run import Run
    from ..studies import Study

JOBS = ("runners.execution.jobs",)
"""What workers import while the study is read."""


def run(words: Sequence[str]) -> int:
    arguments = _parser().parse_args(words)
    if arguments.workers is not None and arguments.workers < 1:
        raise Mistake(f"--workers takes at least 1, not {arguments.workers}")
    if arguments.limit is not None and arguments.limit < 1:
        raise Mistake(f"--limit takes at least 1, not {arguments.limit}")
    given = {"workers": arguments.workers, "address": arguments.address}
    try:
        limits = Limits(arguments.time_limit, arguments.memory_limit, arguments.cpus, arguments.gpus)
        with ExitStack() as stack:
            if arguments.engine == "local":  # workers import torch while we do
                imports = () if arguments.dry_run else JOBS
                execution = stack.enter_context(opened(limits=limits, imports=imports, **given))
            from ..compare import check_study
            from ..storage import open_folder
            from .dry_run import tell

            study, folder, keeps = _asked(arguments)
            check_study(study)
            if arguments.dry_run:
                workers = arguments.workers or (cores() if arguments.engine == "local" else 1)
                return tell(study, folder, workers, arguments.retry, arguments.limit)
            if arguments.engine == "ray":
                stack.enter_context(opened("ray", limits=limits, **given))  # what is refused leaves no folder
            open_folder(folder)
            if arguments.engine == "ray":
                folder = folder.resolve()  # workers of a cluster start elsewhere
                execution = stack.enter_context(opened("ray", limits=limits, folder=folder, **given))
            return _carry_out(study, folder, execution, arguments, shlex.join(["recall", "sweep", *words]), keeps)
    except ValueError as error:
        raise Mistake(str(error)) from None


def _parser() -> Parser:
    parser = Parser(
        prog="recall sweep",
        description="Execute what is missing of a study: train its runs, test and probe them as it asks.\n"
        "What is finished is never repeated: the same command goes on where it stopped.",
    )
    parser.add_argument(
        "study",
        metavar="STUDY",
        help="a preset (recall ls presets), FILE.json (tasks, models, training, seeds, rates, asks, matched: see\n"
        "runners/studies/study_file.py), or a folder with a study.json",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the runs (default: runs/NAME, or STUDY itself)"
    )
    add_narrowing(parser)
    group = parser.add_argument_group("execution")
    group.add_argument(
        "--engine", type=one_of("engine", ENGINES), default="local", metavar="NAME",
        help="local: processes here; ray: a cluster whose machines all see --out and this checkout under one path",
    )  # fmt: skip
    group.add_argument(
        "--address", metavar="WORD",
        help="of the Ray cluster: HOST:PORT, auto (this machine's, the default), local (one that ends with the sweep)",
    )  # fmt: skip
    help_workers = f"runs at the same time, at most (default: {cores()}, one per core; on a cluster what it holds)"
    group.add_argument("--workers", type=integer, metavar="N", help=help_workers)
    group.add_argument("--cpus", type=number, default=1, metavar="X", help="CPUs that a cluster keeps free for a run")
    group.add_argument("--gpus", type=number, default=0, metavar="X", help="GPUs likewise, or a part of one")
    group.add_argument("--time-limit", type=number, metavar="SECONDS", help="end a run after so long by the clock")
    group.add_argument(
        "--memory-limit", type=number, metavar="MB",
        help="end a run whose process takes more than so many million bytes, Python and torch (some 250) included; "
        "every run then starts a process of its own, and a cluster keeps as much free for it",
    )  # fmt: skip
    group.add_argument("--retry", action="store_const", const=True, help="try runs again that failed before")
    group.add_argument(
        "--track", action="append", default=[], metavar="SINK", help="show it to tensorboard, trackio or wandb too"
    )
    group = parser.add_argument_group("looking first")
    group.add_argument("--dry-run", action="store_const", const=True, help="print the plan and its time; write nothing")
    group.add_argument("--limit", type=integer, metavar="N", help="the first N missing runs alone, for testing")
    return parser


def _asked(arguments: argparse.Namespace) -> tuple[Study, Path, bool]:
    """The study, its folder, and whether it is written into it: a part is not written over the whole.

    Raises ValueError where there are none.
    """
    from ..studies.presets import PRESETS
    from ..studies.study_file import load_study

    if arguments.track:
        from ..trackers import SINKS

        for word in arguments.track:
            one_of("sink", SINKS)(word.partition(":")[0])
    given = parts(arguments)
    study = narrowed(load_study(arguments.study), given)
    named = Path(arguments.study)
    home = named if arguments.study not in PRESETS and named.is_dir() else None
    if arguments.out is None and home is None and Path(study.name).name != study.name:
        raise ValueError(f"study {study.name!r} cannot name a folder: say where its runs are kept, with --out")
    folder = arguments.out or home or Path("runs") / study.name
    return study, folder, not (given and home and folder.resolve() == home.resolve())


def _carry_out(
    study: Study, folder: Path, execution: Execute, arguments: argparse.Namespace, command: str, keeps: bool
) -> int:
    """Execute what is missing before a person's eyes; 0, 1 where a run failed, 130 where it was interrupted."""
    from ..compare import NEVER, carry_out, missing
    from ..execution.progress import Board, follow
    from .console import plain_console
    from .dry_run import testing_only

    console, total = plain_console(), len(study.runs)
    left = len(missing(study, folder))
    limit = NEVER if arguments.limit is None else arguments.limit
    mark = testing_only(min(limit, left), total) if arguments.limit is not None else ""
    board = Board(study, total - left, min(arguments.workers or cores(), max(1, left)), mark)
    try:
        with ExitStack() as stack:
            sinks = []
            if arguments.track:
                from ..trackers import open_sinks

                sinks = stack.enter_context(open_sinks(arguments.track, study.name, folder))
            device = "cuda" if arguments.gpus else "cpu"
            retry = bool(arguments.retry)
            events = carry_out(study, folder, execution, command if keeps else "", retry, limit, device)
            follow(_observed(events, {run.name: run for run in study.runs}, sinks), board, console)
    except KeyboardInterrupt:
        left = len(missing(study, folder))
        kept = f"Stopped. {total - left} of {total} runs are finished and kept in {folder}"
        console.print(f"{kept}; `{command}` goes on from there.{mark}", soft_wrap=True)
        return 130
    except OSError as error:
        raise Mistake(f"cannot write {error.filename}: {error.strerror}; finished runs are kept in {folder}") from None
    left, failed = len(missing(study, folder)), len(board.failed)
    line = f"{total - left} of {total} runs finished, {failed} failed"
    if left > failed:
        line += f", {left - failed} left"
    if failed:
        line += f" (why: {folder}/*.failed.json): `{command}{'' if arguments.retry else ' --retry'}` tries again"
    elif left:
        line += f": `{command}` goes on"
    console.print(line + mark, soft_wrap=True)
    return 1 if failed or (left and arguments.limit is None) else 0


def _observed(events: Iterable[Event], runs: Mapping[str, Run], sinks: Iterable[Any]) -> Iterator[Event]:
    """The events, each shown to every sink on its way."""
    for event in events:
        for sink in sinks:
            sink.take(event, runs[event.job])
        yield event
