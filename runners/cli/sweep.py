"""recall sweep: the missing runs of a study, here or on a cluster, or a forecast of their time."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.util import resolve_name
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..execution.engines import ENGINES, Event, Execute, Limits, cores, open_engine
from ..formatting import clock
from ..storage import open_folder
from .console import plain_console
from .flags import Parser, add_device, integer, mistakes, number, one_of, path
from .study_flags import add_study_flags, announced_device, follow_study, positive, select_part, selection

if TYPE_CHECKING:
    from ..execution.plan import Forecast, RunPlan
    from ..studies.study import Study

IMPORTS = (resolve_name("..execution.run_job", __package__),)
"""Modules that workers import while this process reads the study. Modules that load torch are therefore imported inside
functions here, after the first worker has started."""


def run(words: Sequence[str]) -> int:
    arguments = _parser().parse_args(words)
    positive("--workers", arguments.workers)
    positive("--limit", arguments.limit)
    where = {"workers": arguments.workers, "address": arguments.address}
    from ..studies.study_file import study_path  # pydantic, which a mistyped flag does not wait for

    with mistakes():
        study_path(arguments.study)
        flags = selection(arguments)
        if arguments.dry_run:
            on_stderr(f"reading study {arguments.study} and checking what it asks for")
        limits = Limits(arguments.time_limit, arguments.memory_limit, arguments.cpus, arguments.gpus)
        with ExitStack() as stack:
            if arguments.engine == "local":
                imports = () if arguments.dry_run else IMPORTS
                execution = stack.enter_context(open_engine(limits=limits, imports=imports, **where))
            from ..execution.sweep import check_study  # torch, after the first worker has started

            study, folder, whole = _study_and_folder(arguments, flags)
            check_study(study)
            if arguments.dry_run:
                return print_plan(study, folder, arguments)
            if arguments.engine == "ray":
                stack.enter_context(open_engine("ray", limits=limits, **where))  # a refusal leaves no folder
            open_folder(folder)
            if arguments.engine == "ray":
                folder = folder.resolve()  # workers of a cluster start elsewhere
                execution = stack.enter_context(open_engine("ray", limits=limits, folder=folder, **where))
            return _execute(study, folder, execution, arguments, shlex.join(["recall", "sweep", *words]), whole)


def _parser() -> Parser:
    parser = Parser(
        prog="recall sweep",
        description="Execute the missing runs of a study: train them, then test and probe them as it says.\n"
        "Nothing finished is repeated: the same command goes on where it stopped.",
    )
    parser.add_argument(
        "study", metavar="STUDY",
        help="a preset (recall ls presets), FILE.json (tasks, models, training, seeds, rates, asks, matched: see\n"
        "runners/studies/study_file.py), or a folder with a study.json",
    )  # fmt: skip
    home = "folder of the runs (default: runs/NAME, or STUDY itself)"
    parser.add_argument("--out", type=path, metavar="DIR", help=home)
    add_study_flags(parser)
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
    group = parser.add_argument_group("looking first")
    dry = "print the plan with a forecast of its time; write nothing"
    group.add_argument("--dry-run", action="store_const", const=True, help=dry)
    group.add_argument("--limit", type=integer, metavar="N", help="only the first N missing runs, for testing")
    return parser


def _study_and_folder(arguments: argparse.Namespace, flags: Mapping[str, Any]) -> tuple[Study, Path, bool]:
    """The study, its folder, and True unless it is a part that must not replace the study recorded there.

    Raises ValueError if there is no such study, or no folder to put it in.
    """
    from ..studies.presets import PRESETS  # pydantic, as above
    from ..studies.study_file import load_study

    if arguments.track:
        from ..trackers import SINKS  # torch, as above

        for word in arguments.track:
            one_of("sink", SINKS)(word.partition(":")[0])
    study = select_part(load_study(arguments.study), flags)
    named = Path(arguments.study)
    home = named if arguments.study not in PRESETS and os.path.isdir(named) else None
    if arguments.out is None and home is None and Path(study.name).name != study.name:
        raise ValueError(f"study {study.name!r} cannot name a folder: name one with --out")
    folder = arguments.out or home or Path("runs") / study.name
    return study, folder, not (flags and home and folder.resolve() == home.resolve())


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


def print_plan(study: Study, folder: Path, arguments: argparse.Namespace) -> int:
    """Print a line for each run and the time of all; write nothing; 0. Raises ValueError for damaged runs."""
    from ..execution.plan import forecasts, plan_runs, seconds_in_all  # torch, as above

    console, limit, total = plain_console(), arguments.limit, len(study.runs)
    workers = arguments.workers or (cores() if arguments.engine == "local" else 1)
    plans = plan_runs(study, folder, arguments.retry)
    mark = testing_mark(limit, sum(plan.missing for plan in plans), total)
    counts = dict.fromkeys(("done", "failed", "to train", "to measure", "left out"), 0)
    seconds: list[float] = []
    for plan, forecast in forecasts(plans, folder, on_stderr):
        left_out = limit is not None and plan.due and counts["to train"] + counts["to measure"] >= limit
        state = "left out" if left_out else plan.state
        counts[state] += 1
        if forecast and not left_out:
            seconds.append(forecast.seconds)
        line = f"{plan.run.name}  {state}{'' if left_out else detail(plan, forecast)}{mark}"
        console.print(line, soft_wrap=True)
    by_state = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    console.print(f"{total} runs in {folder}: {by_state}{mark}", soft_wrap=True)
    if counts["to train"] + counts["to measure"]:
        where = "1 worker" if workers == 1 else f"{workers} workers"
        most = f"training takes at most {clock(seconds_in_all(seconds, workers))} on {where}"
        console.print(
            f"{most}: a run that solves its task stops earlier; tests and probes come on top{mark}", soft_wrap=True
        )
    return 0


def on_stderr(message: str) -> None:
    """Print what a dry run is doing, beside the plan."""
    print(message, file=sys.stderr, flush=True)


def detail(plan: RunPlan, forecast: Forecast | None) -> str:
    """The reason of a failure, or the forecast of a training and its source."""
    if plan.state == "failed":
        return f": {plan.reason} (--retry tries it again)"
    if forecast is None:
        return ""
    budget = f"{plan.run.training.updates:,} updates of {1000 * forecast.update.seconds:.1f} ms"
    return f", at most {clock(forecast.seconds)}: {budget}, {forecast.update.source}"


def testing_mark(limit: int | None, left: int, total: int) -> str:
    """The end of every line of a sweep that has a limit."""
    return "" if limit is None else f"  (testing only: {min(limit, left)} of {total} runs)"
