"""recall compare: a study from the first run to its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..analysis.comparison import bounds_lines, comparison_table
from ..compare import carry_out, check_study, missing
from ..execution.engines import cores, execute
from ..execution.progress import Board, first_line, follow
from ..results.tables import collect
from ..storage import CorruptRun, UnwritableFolder, is_finished
from ..studies import Study
from ..studies.presets import PRESETS
from ..studies.study_file import load_study
from .console import frame_table, plain_console
from .flags import Mistake, Parser, integer
from .study_flags import add_narrowing, narrowed, parts


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall compare",
        description="Train many memories on many tasks, test them on longer rows, probe their states, report.\n"
        "Finished runs are kept: the same command goes on where it stopped.",
    )
    parser.add_argument(
        "--preset", default="demo", metavar="NAME", help=f"one of {', '.join(PRESETS)}; or FILE.json, see recall sweep"
    )
    add_narrowing(parser)
    group = parser.add_argument_group("execution")
    group.add_argument("--out", type=Path, metavar="DIR", help="folder of the study (default: runs/PRESET)")
    group.add_argument("--workers", type=integer, metavar="N", help=f"processes (default: {cores()}, one per core)")
    group.add_argument("--retry", action="store_const", const=True, help="try runs again that failed before")
    arguments = parser.parse_args(words)
    if arguments.workers is not None and arguments.workers < 1:
        raise Mistake(f"--workers takes at least 1, not {arguments.workers}")
    try:
        study = narrowed(load_study(arguments.preset), parts(arguments))
    except ValueError as error:
        raise Mistake(str(error)) from None
    folder = arguments.out or Path("runs") / study.name
    again = ["recall", "compare", *words]
    return carry_out_and_tell(study, folder, arguments.workers, again, bool(arguments.retry), reporting=True)


def carry_out_and_tell(
    study: Study, folder: Path, workers: int | None, again: Sequence[str], retry: bool = False, reporting: bool = False
) -> int:
    """Execute a study before a person's eyes; 0, 1 where a run failed, 130 where it was interrupted.

    `again` is the command that was given, and that goes on after an interruption. Raises Mistake for what is
    damaged, cannot be written, or cannot be asked.
    """
    console, command, total = plain_console(), shlex.join(again), len(study.runs)
    try:
        check_study(study)
    except ValueError as error:
        raise Mistake(str(error)) from None
    try:
        left = len(missing(study, folder))
        if left < total:
            console.print(f"{total - left} of {total} runs are finished already, kept in {folder}", soft_wrap=True)
        board = Board(study, total - left, min(workers or cores(), max(1, left)))
        execution = partial(execute, workers=workers)
        follow(carry_out(study, folder, execution, command if reporting else "", retry), board, console)
        if board.failed:
            tell_failures(study, board, folder, command if retry else f"{command} --retry")
        names = [run.name for run in study.runs]
        if any(is_finished(folder, run) for run in study.runs):
            results = collect([folder], names)
            console.print(frame_table(comparison_table(results).reset_index()))
            for line in bounds_lines(results):
                console.print(line, soft_wrap=True)
            if reporting:
                from ..report import write_report  # matplotlib takes a second to import, which nobody waits for here

                console.print(f"report: {write_report(results, folder)}", soft_wrap=True)
            else:
                console.print(f"run: {folder / names[0]}", soft_wrap=True)
    except KeyboardInterrupt:
        finished = total - len(missing(study, folder))
        console.print(
            f"Stopped. {finished} of {total} runs are finished and kept in {folder}; `{command}` goes on from there.",
            soft_wrap=True,
        )
        return 130
    except (CorruptRun, UnwritableFolder) as error:
        raise Mistake(str(error)) from None
    except OSError as error:
        raise Mistake(f"cannot write {error.filename}: {error.strerror}; finished runs are kept in {folder}") from None
    return 1 if board.failed else 0


def tell_failures(study: Study, board: Board, folder: Path, again: str) -> None:
    """Each run that failed, why, and where the traceback is; then how to try again."""
    console = plain_console()
    for event in board.failed:
        log = folder / f"{event.job}.failed.json"
        console.print(f"failed: {event.job}: {first_line(event.content)} (traceback: the log in {log})", soft_wrap=True)
    console.print(f"{len(board.failed)} of {len(study.runs)} runs failed: `{again}` tries them again", soft_wrap=True)
