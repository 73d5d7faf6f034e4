"""recall compare: a study from the first run to its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..arguments import Mistake, Parser, number, whole
from ..compare import carry_out, complete
from ..engine import cores
from ..presets import PRESETS
from ..progress import Board, follow
from ..report import comparison_table, write_report
from ..results import collect
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
    again = f"`{shlex.join(['recall', 'compare', *words])}`"
    return carry_out_and_tell(study, folder, arguments.workers, again, reporting=True)


def carry_out_and_tell(
    study: Study, folder: Path, workers: int | None, again: str, reporting: bool = False
) -> int:
    """Execute a study before a person's eyes; 0, 1 where a run failed, 130 where it was interrupted."""
    console = plain_console()
    board = None
    try:
        finished = sum(complete(study, folder, run) for run in study.runs)
        number_of = min(workers or cores(), max(1, len(study.runs) - finished))
        board = Board(study, finished, number_of)
        if finished:
            console.print(f"{finished} of {len(study.runs)} runs are finished already, kept in {folder}")
        follow(carry_out(study, folder, workers), board, console)
        for event in board.failed:
            (folder / f"{event.job}.log").write_text(event.log or event.content)
            console.print(f"failed: {event.job}: {event.content} (log: {folder / event.job}.log)")
        if board.finished:
            results = collect([folder], [run.name for run in study.runs])
            console.print(shown(comparison_table(results)))
            if reporting:
                console.print(f"report: {write_report(results, folder)}", soft_wrap=True)
            elif len(study.runs) == 1:
                console.print(f"run: {folder / study.runs[0].name}", soft_wrap=True)
    except KeyboardInterrupt:
        done = board.finished if board else 0
        console.print(
            f"Stopped. {done} of {len(study.runs)} runs are finished and kept in {folder}; {again} goes on from there.",
            soft_wrap=True,
        )
        return 130
    except ValueError as error:
        raise Mistake(str(error)) from None
    return 1 if board.failed else 0
