"""What commands on finished runs share: ask them for more, and tell what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from rich.console import Console

from ..config.messages import Notice
from ..execution.engines import Event, Job, execute
from ..execution.jobs import ask_claimed
from ..measures.requests import Request, check
from ..results.tables import Results, collect, rate_rows
from ..storage import CorruptRun, find_runs, load_result, load_run, load_settings
from .console import frame_table, plain_console
from .flags import Mistake, Parser, integer


def add_runs(parser: Parser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories, or folders of them")
    parser.add_argument("--workers", type=integer, metavar="N", help="processes (default: one per core)")


QUIET = 30.0
"""Seconds of silence in a log, at most."""

Told = Callable[[Results], list[pd.DataFrame | str]]


def ask(runs: Sequence[Path], workers: int | None, request: Request, told: Told | None = None) -> int:
    """Ask every run for `request` (see `jobs.ask_more`); print what it adds, as `told` has it; 1 where one failed.

    Of a folder that holds a grid of learning rates, those that validation chose; a run that is named itself is asked
    at any rate.
    """
    console = plain_console()
    if workers is not None and workers < 1:
        raise Mistake(f"--workers takes at least 1, not {workers}")
    try:
        places, left = to_be_asked(runs)
        if left:
            console.print(f"{left} runs at learning rates that were not chosen are left out (name one to ask it)")
        places = askable(places, runs, request, console)
        jobs = [Job(str(place), ask_claimed, (str(place), request)) for place in places]
        failed = follow(execute(jobs, workers), len(jobs), console)
        folders = dict.fromkeys(place.parent for place in places)
        results = collect(folders, [place.name for place in places], every=True)
    except KeyboardInterrupt:
        console.print("Stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except ValueError as error:
        raise Mistake(str(error)) from None
    for part in told(results) if told else []:
        console.print(part if isinstance(part, str) else frame_table(part))
    return 1 if failed else 0


def askable(places: Sequence[Path], named: Sequence[Path], request: Request, console: Console) -> list[Path]:
    """Those that can be asked: found out before any work. Raises ValueError for a run that is named itself and cannot.

    Of a folder, runs on tasks that have no answer to give are left out, and told once for each reason.
    """
    alone = {path.resolve() for path in named}
    kept, refused = list[Path](), dict[str, int]()
    for place in places:
        try:
            check(load_run(place), request)
            kept.append(place)
        except CorruptRun:
            raise
        except ValueError as error:
            if place.resolve() in alone:
                raise
            refused[str(error)] = refused.get(str(error), 0) + 1
    if not kept:
        raise ValueError(next(iter(refused)))
    for reason, count in refused.items():
        console.print(f"{count} {'run is' if count == 1 else 'runs are'} left out: {reason}")
    return kept


def to_be_asked(paths: Sequence[Path]) -> tuple[list[Path], int]:
    """The runs named or inside the folders named, at the rates chosen there; how many runs are left out."""
    named = [path for path in paths if (path / "run.json").is_file()]
    places = find_runs(paths)
    rates = rate_rows([(place, load_settings(place), load_result(place)) for place in places])
    asked = {row["run"] for row in rates if row["chosen"]} | {place.resolve().name for place in named}
    kept = [place for place in places if place.resolve().name in asked]
    return kept, len(places) - len(kept)


def follow(events: Iterator[Event], jobs: int, console: Console) -> int:
    """Tell of every run that ends, and of what it wants kept on the screen; how many failed."""
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
            show("\n".join(f"{run}  {said}" for run, said in working.items()))
    return failed


@contextmanager
def live(console: Console) -> Iterator[Callable[[str], None]]:
    """Words at the foot of a terminal that the next ones replace; nothing in a pipe."""
    if not console.is_terminal:
        yield lambda said: None
        return
    with console.status("") as status:
        yield status.update
