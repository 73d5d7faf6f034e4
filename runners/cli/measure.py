"""Commands of measures: ask finished runs for more, show progress, and print a summary. One for all measures."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from ..config.messages import Notice
from ..execution.engines import execute
from ..execution.job import Event, Job
from ..measures.measure import SEQUENCES, Flag, Measure, integers
from ..measures.requests import check
from ..storage import CorruptRun
from .console import frame_table, plain_console, print_damaged
from .flags import (
    METAVARS,
    READ,
    Mistake,
    Parser,
    add_device,
    add_list,
    asks_for_help,
    flag,
    folder,
    integer,
    mistakes,
    one_of,
    path,
    split_words,
)
from .report import write as write_report
from .study_flags import announced_device

QUIET = 30.0
"""Seconds of silence in a log, at most."""


def run(measure: Measure, words: Sequence[str]) -> int:
    """Ask runs for one measure; the exit status: 1 where a run failed, 130 where it was interrupted."""
    parser = Parser(prog=f"recall {measure.command}", description=measure.description or measure.meaning)
    with mistakes():
        flags = measure.flags_for(split_words(words)[0] if measure.positional else (), asks_for_help(words))
    if measure.positional:  # its flags take one word each, so that runs may follow them
        plain, rest = split_words(words)
        words = [*plain, *rest]
        parser.add_argument(measure.positional, metavar=measure.positional.upper(), help="see below for its options")
    parser.add_argument("runs", nargs="+", type=folder, metavar="RUN", help="run directories, or folders of them")
    parser.add_argument("--workers", type=integer, metavar="N", help="processes (default: one per core)")
    add_device(parser)
    if measure.reports:
        parser.add_argument("--out", type=path, metavar="DIR", help="folder of the report (default: the first folder)")
    for one in flags:
        add_flag(parser, one, not measure.positional, asks_for_help(words))
    arguments = parser.parse_args(words)
    given = vars(arguments)
    if arguments.workers is not None and arguments.workers < 1:
        raise Mistake(f"--workers takes at least 1, not {arguments.workers}")
    names = [*(one.name for one in flags), *([measure.positional] if measure.positional else [])]
    try:
        for one in flags:
            if one.least is not None:
                integers({flag(one.name): given[one.name]}, flag(one.name), one.least)
        request = measure.request({name: given[name] for name in names})
    except ValueError as error:
        parser.error(str(error))
    damaged: list[str] = []
    code = ask(measure, request, arguments, given, damaged)
    if measure.reports and code != 130:
        folders = [path.parent if (path / "run.json").is_file() else path for path in arguments.runs]
        # The report of a folder is that of all its runs, whichever of them were asked.
        damaged += write_report(arguments.runs if arguments.out else folders, arguments.out or folders[0])
    return code or print_damaged(damaged)


def add_flag(parser: Parser, one: Flag, blanks: bool, described: bool) -> None:
    """One flag of a measure; `blanks` may separate the values of a list too. Choices are listed where `described`."""
    names = [flag(name) for name in (SEQUENCES[::-1] if one.name == SEQUENCES[1] else (one.name,))]
    known = one.choices() if one.choices and described else ()

    def read(word: str) -> Any:
        if one.choices and not (one.files and ".py:" in word):
            return one_of(one.name.removesuffix("s"), one.choices())(word)
        return READ[one.kind](word)

    meaning = one.meaning + (f", of {', '.join(known)}" if known else "") + (", or FILE.py:CLASS" if one.files else "")
    meaning += "" if one.shown_default is None else f" (default: {one.shown_default})"
    default = list(one.default) if isinstance(one.default, tuple) else one.default
    words: dict[str, Any] = {"dest": one.name, "default": default, "help": meaning}
    if one.several:
        add_list(parser, *names, read=read, metavar=METAVARS[one.kind], blanks=blanks, empty=one.empty, **words)
    else:
        parser.add_argument(*names, type=read, metavar="|".join(known) or METAVARS[one.kind], **words)


def ask(
    measure: Measure, request: Any, arguments: argparse.Namespace, given: dict[str, Any], damaged: list[str]
) -> int:
    """Ask every run, and print a summary of what they answered. A line on each that is left out joins `damaged`.

    Of a folder that holds a grid of learning rates, the runs at the chosen rates are asked; a run that is named
    itself is asked at any rate.
    """
    console, requests = plain_console(), {measure.name: request}
    try:
        places, left = runs_to_measure(arguments.runs, damaged)
        from ..analysis.summaries import summary  # torch, which a folder without runs does not wait for
        from ..execution.run_job import measure_when_free
        from ..results.tables import collect

        if left:
            console.print(f"{left} runs at learning rates that were not chosen are left out (name one to ask it)")
        device = announced_device(arguments.device)
        places = askable(places, arguments.runs, requests, console, damaged)
        jobs = [Job(str(place), measure_when_free, (str(place), requests, device)) for place in places]
        failed = follow(execute(jobs, arguments.workers), len(jobs), console)
        folders = dict.fromkeys(place.parent for place in places)
        results = collect(folders, [place.name for place in places], every=True, strict=False)
    except KeyboardInterrupt:
        console.print("Stopped. Finished measurements are saved; the same command goes on from there.")
        return 130
    except ValueError as error:
        raise Mistake(str(error)) from None
    for part in summary(measure, results, given) if failed < len(jobs) else ():
        console.print(part if isinstance(part, str) else frame_table(part))
    return 1 if failed else 0


def runs_to_measure(paths: Sequence[Path], damaged: list[str]) -> tuple[list[Path], int]:
    """The runs named or inside the folders named, at the rates chosen there; how many of others are left out.

    Raises ValueError where each is damaged.
    """
    from ..storage.runs import find_runs  # pydantic, which a mistyped flag does not wait for

    found = find_runs(paths)
    from ..results.loader import load  # pandas, which a folder without runs does not wait for

    named = {path.resolve().name for path in paths if (path / "run.json").is_file()}
    loaded = load(found, strict=False)
    damaged += loaded.damaged
    if not (runs := loaded.runs):
        raise ValueError(damaged[0])
    places = [run.place for run in runs if run.chosen or run.place.resolve().name in named]
    return places, len(runs) - len(places)


def askable(
    places: Sequence[Path], named: Sequence[Path], requests: Any, console: Console, damaged: list[str]
) -> list[Path]:
    """The runs that can be asked, found out before any work. Raises ValueError for a run named itself that cannot.

    Of a folder, runs on tasks that have no answer to give are left out, with one line for each reason.
    """
    from ..storage.runs import load_run  # torch

    alone = {path.resolve() for path in named}
    able, refused = list[Path](), dict[str, int]()
    for place in places:
        try:
            check(load_run(place), requests)
            able.append(place)
        except ValueError as error:
            if place.resolve() in alone:
                raise
            if isinstance(error, CorruptRun):
                damaged.append(str(error))
                continue
            refused[str(error)] = refused.get(str(error), 0) + 1
    if not able:
        raise ValueError(next(iter([*refused, *damaged])))
    for reason, count in refused.items():
        console.print(f"{count} {'run is' if count == 1 else 'runs are'} left out: {reason}")
    return able


def follow(events: Iterator[Event], jobs: int, console: Console) -> int:
    """Print a line for every run that ends, and every notice; the number of runs that failed."""
    done, failed, working, spoke = 0, 0, dict[str, str](), time.monotonic()
    with live(console) as show:
        for event in events:
            name = Path(event.job).name
            if event.kind == "progress":
                if isinstance(event.content, Notice):
                    console.print(event.content)
                else:
                    working[name] = str(event.content)
                    if not console.is_terminal and time.monotonic() > spoke + QUIET:
                        console.print(f"{name}  {event.content}  ({done} of {jobs} done)")
                        spoke = time.monotonic()
            elif event.kind == "started":
                working[name] = "starting"
            else:
                done, failed = done + 1, failed + (event.kind == "failed")
                working.pop(name, None)
                word = "finished" if event.kind == "finished" else f"failed: {event.content}"
                console.print(f"{name}  {word}  ({done} of {jobs})")
                spoke = time.monotonic()
            show("\n".join(f"{run}  {message}" for run, message in working.items()))
    return failed


@contextmanager
def live(console: Console) -> Iterator[Callable[[str], None]]:
    """Transient lines at the foot of a terminal; nothing in a pipe."""
    if not console.is_terminal:
        yield lambda message: None
        return
    with console.status("") as status:
        yield status.update
