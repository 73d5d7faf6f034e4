"""recall compare: a study from the first run to its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..execution.engines import cores, execute
from ..storage import CorruptRun, UnwritableFolder
from ..studies.study import Study
from .console import frame_table, plain_console
from .dry_run import print_plan
from .flags import Mistake, Parser, add_device, integer, mistakes, path
from .study_flags import (
    add_question,
    announced_device,
    check_words,
    follow_study,
    positive,
    requested_question,
    run_folder,
    study_of,
)

if TYPE_CHECKING:  # torch, which a mistake does not wait for
    from ..execution.progress import Board


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall compare",
        description="Train memories on tasks, test them on longer sequences, probe their states, report.\n"
        "Finished runs are saved: the same command goes on where it stopped, and trains what is missing.",
    )
    add_question(parser, words)
    group = parser.add_argument_group("execution")
    group.add_argument("--out", type=path, metavar="DIR", help="folder of the study (default: runs/NAME)")
    group.add_argument("--workers", type=integer, metavar="N", help=f"processes (default: {cores()}, one per core)")
    add_device(group)
    group.add_argument("--retry", action="store_const", const=True, help="repeat runs that failed before")
    arguments = parser.parse_intermixed_args(words)
    workers = positive("--workers", arguments.workers)
    check_words(arguments)
    with mistakes():
        study = study_of(requested_question(arguments), arguments)
        folder = run_folder(study, arguments)
    if arguments.dry_run:
        return print_plan(study, folder, workers or cores(), bool(arguments.retry))
    command = shlex.join(["recall", "compare", *words])
    return execute_and_show(study, folder, command, workers, bool(arguments.retry), True, arguments.device)


def execute_and_show(
    study: Study,
    folder: Path,
    command: str,
    workers: int | None = None,
    retry: bool = False,
    report: bool = False,
    device: str = "cpu",
) -> int:
    """Execute a study and print its progress and results; 0, 1 where a run failed, 130 after an interruption.

    command   the command line, which goes on after an interruption
    report    write the report, and the command into study.json

    Raises Mistake for damaged files, for a folder that cannot be written, and for impossible requests.
    """
    from ..analysis.comparison import bounds_lines, comparison_table, missing_runs  # torch, as above
    from ..execution.plan import missing
    from ..execution.sweep import carry_out, check_study
    from ..results.tables import collect

    console, total = plain_console(), len(study.runs)
    with mistakes():
        device = announced_device(device)
        check_study(study)
    try:
        left = len(missing(study, folder))
        if left < total:
            console.print(f"{total - left} of {total} runs are finished already, saved in {folder}", soft_wrap=True)
        events = carry_out(
            study, folder, partial(execute, workers=workers), command if report else "", retry, device=device
        )
        board = follow_study(events, study, folder, command, workers)
        if board is None:
            return 130
        if board.failed:
            print_failures(board, folder, command if retry else f"{command} --retry")
        names = [run.name for run in study.runs]
        if any((folder / name).is_dir() for name in names):
            results = collect([folder], names)
            console.print(frame_table(comparison_table(results).reset_index()))
            for line in (*missing_runs(results), *bounds_lines(results)):
                console.print(line, soft_wrap=True)
            if report:
                from ..report import write_report  # matplotlib takes a second to import, which nobody waits for here

                console.print(f"report: {write_report(results, folder)}", soft_wrap=True)
            else:
                console.print(f"run: {folder / names[0]}", soft_wrap=True)
    except (CorruptRun, UnwritableFolder) as error:
        raise Mistake(str(error)) from None
    return 1 if board.failed else 0


def print_failures(board: Board, folder: Path, again: str) -> None:
    """Print the reason of each failure and the file with its traceback; then the command that tries again."""
    from ..execution.progress import first_line  # torch, as above

    console = plain_console()
    for event in board.failed:
        log = folder / f"{event.job}.failed.json"
        console.print(f"failed: {event.job}: {first_line(event.content)} (traceback: the log in {log})", soft_wrap=True)
    of, stopped = f"of {len(board.runs)} runs", sum(event.why == "time" for event in board.failed)
    if stopped:
        console.print(f"{stopped} {of} stopped by a limit of time: the same command goes on with them", soft_wrap=True)
    if failed := len(board.failed) - stopped:
        console.print(f"{failed} {of} failed: `{again}` tries them again", soft_wrap=True)
