"""recall compare: a study from the first run to its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..arguments import Mistake, Parser, number, whole
from ..compare import carry_out, complete
from ..comparison import bounds_lines, comparison_table
from ..engine import cores
from ..presets import PRESETS
from ..progress import Board, follow
from ..results import collect
from ..store import CorruptRun, UnwritableFolder, open_folder
from ..study import Study
from .tables import plain_console, shown


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall compare",
        description="Train many memories on many tasks, test them on longer rows, probe their states, report.\n"
        "Finished runs are kept: the same command goes on where it stopped.",
    )
    parser.add_argument("--preset", default="demo", metavar="NAME", help=f"one of {', '.join(PRESETS)}")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="only these tasks of the preset")
    parser.add_argument(
        "--memories", nargs="+", metavar="MEMORY", help="only these memories, or others, or FILE.py:CLASS"
    )
    parser.add_argument("--seeds", type=whole, metavar="N", help="this many seeds, from 0")
    group = parser.add_argument_group("training, for every run")
    group.add_argument("--updates", type=whole, metavar="N", help="budget of updates")
    group.add_argument("--seconds", type=number, metavar="X", help="limit of a run by the clock")
    group.add_argument("--learning-rate", type=number, metavar="X", help="peak learning rate")
    group = parser.add_argument_group("execution")
    group.add_argument("--out", type=Path, metavar="DIR", help="folder of the study (default: runs/PRESET)")
    group.add_argument("--workers", type=whole, metavar="N", help=f"processes (default: {cores()}, one per core)")
    arguments = parser.parse_args(words)
    if arguments.preset not in PRESETS:
        raise Mistake(f"unknown preset {arguments.preset!r}: choose one of {', '.join(PRESETS)}")
    if arguments.workers is not None and arguments.workers < 1:
        raise Mistake(f"--workers takes at least 1, not {arguments.workers}")
    try:
        study = PRESETS[arguments.preset]().narrowed(
            arguments.tasks, arguments.memories, arguments.seeds, updates=arguments.updates,
            seconds=arguments.seconds, learning_rate=arguments.learning_rate,
        )  # fmt: skip
    except ValueError as error:
        raise Mistake(str(error)) from None
    folder = arguments.out or Path("runs") / arguments.preset
    return carry_out_and_tell(study, folder, arguments.workers, ["recall", "compare", *words], reporting=True)


def carry_out_and_tell(
    study: Study, folder: Path, workers: int | None, again: Sequence[str], reporting: bool = False
) -> int:
    """Execute a study before a person's eyes; 0, 1 where a run failed, 130 where it was interrupted.

    `again` is the command that was given, and that goes on after an interruption.
    """
    console, command = plain_console(), shlex.join(again)
    finished = 0
    try:
        finished = sum(complete(study, folder, run) for run in study.runs)
        if finished:
            console.print(
                f"{finished} of {len(study.runs)} runs are finished already, kept in {folder}", soft_wrap=True
            )
        open_folder(folder)
        board = Board(study, finished, min(workers or cores(), max(1, len(study.runs) - finished)))
        follow(carry_out(study, folder, workers, command if reporting else ""), board, console)
        finished = board.finished
        for event in board.failed:
            log = folder / f"{event.job}.log"
            log.write_text(event.log or event.content)
            console.print(f"failed: {event.job}: {event.content} (log: {log})", soft_wrap=True)
        if finished:
            results = collect([folder], [run.name for run in study.runs])
            console.print(shown(comparison_table(results).reset_index()))
            for line in bounds_lines(results):
                console.print(line, soft_wrap=True)
            if reporting:
                from ..report import write_report  # matplotlib takes a second to import, which nobody waits for here

                console.print(f"report: {write_report(results, folder)}", soft_wrap=True)
            else:
                console.print(f"run: {folder / study.runs[0].name}", soft_wrap=True)
    except KeyboardInterrupt:
        finished = sum(complete(study, folder, run) for run in study.runs)
        console.print(
            f"Stopped. {finished} of {len(study.runs)} runs are finished and kept in {folder}; "
            f"`{command}` goes on from there.",
            soft_wrap=True,
        )
        return 130
    except (CorruptRun, UnwritableFolder) as error:
        raise Mistake(str(error)) from None
    except OSError as error:
        raise Mistake(f"cannot write {error.filename}: {error.strerror}; finished runs are kept in {folder}") from None
    return 1 if board.failed else 0
