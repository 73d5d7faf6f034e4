"""recall verify: every score recomputed from the saved answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from .console import plain_console
from .flags import Parser, folder, mistakes


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall verify",
        description="Recompute every score of finished runs: test sequences are sampled again and compared with the\n"
        "saved answers, and every number must equal the record to the last digit. Every file is checked\n"
        "against its digest. Exit status 1 if something is wrong.",
    )
    places_help = "run directories, or folders with runs at any depth (default: runs)"
    parser.add_argument("runs", nargs="*", type=folder, metavar="RUN", help=places_help)
    arguments = parser.parse_args(words)
    console = plain_console()
    with mistakes():
        from ..results.loader import find_all  # numpy and pandas, which a mistake does not wait for

        places = [place for place in find_all(arguments.runs or [Path("runs")]) if place.is_dir()]
    from ..results.rescore import rescore  # torch

    wrong = 0
    for place in track(places, "verifying", console=console, transient=True, disable=not console.is_terminal):
        try:
            lines = rescore(place)
        except ValueError as error:
            lines = [str(error)]
        for line in lines:
            console.print(f"{place.name}: {line}", soft_wrap=True)
        wrong += bool(lines)
    right = len(places) - wrong
    console.print(f"{right} run{'s' * (right != 1)} verified" + (f", {wrong} not" if wrong else ""))
    return 1 if wrong else 0
