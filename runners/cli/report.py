"""recall report: the page of finished runs, its figures and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..storage import open_folder
from .console import print_damaged
from .flags import Mistake, Parser, folder, path


def run(words: Sequence[str]) -> int:
    parser = Parser(prog="recall report", description="Write report.html, its figures and tables from finished runs.")
    parser.add_argument("runs", nargs="+", type=folder, metavar="DIR", help="folders of runs, or single runs")
    parser.add_argument("--out", type=path, metavar="DIR", help="folder of the report (default: the first folder)")
    arguments = parser.parse_args(words)
    return print_damaged(write(arguments.runs, arguments.out or arguments.runs[0]))


def write(runs: Sequence[Path], folder: Path) -> Sequence[str]:
    """Write the page of these runs into a folder and print its path; a line on each damaged run that it lacks.

    Raises Mistake if it cannot be written.
    """
    from ..report import write_report  # pandas and matplotlib, which a mistyped flag does not wait for
    from ..results.tables import collect

    try:
        results = collect(runs, strict=False)
        open_folder(folder)
        print(f"report: {write_report(results, folder)}")
    except ValueError as error:
        raise Mistake(str(error)) from None
    return list(results.study.get("damaged", ()))
