"""recall diff: what differs between two runs, or two folders of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from ..config.length_modes import FIXED_LOAD
from ..results.diff import Difference, Finished, compare_runs, load, load_folder, match
from ..storage import find_runs
from .console import frame_table, plain_console
from .flags import Mistake, Parser


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall diff",
        description="What differs between two runs: what was asked for, what they ran with, what came out.\n"
        "Accuracies are compared row by row where both were tested on the same rows; p is not\n"
        "corrected for how many are printed. Of two folders, runs are paired by name, else by task,\n"
        "length, memory and seed.",
    )
    parser.add_argument("first", type=Path, metavar="A", help="a run directory, or a folder of them")
    parser.add_argument("second", type=Path, metavar="B", help="another")
    arguments = parser.parse_args(words)
    console = plain_console()
    folders = [path for path in (arguments.first, arguments.second) if not (path / "run.json").is_file()]
    try:
        if not folders:
            tell(console, compare_runs(*(load(place) for place in (arguments.first, arguments.second))))
            return 0
        first, second = (load_folder(find_runs([path])) for path in (arguments.first, arguments.second))
    except ValueError as error:
        raise Mistake(str(error)) from None
    if len(folders) == 1:
        raise Mistake(f"{folders[0]} is a folder of runs and the other is one run: name two of a kind")
    tell_folders(console, *match(first, second))
    return 0


def tell(console: Console, found: Difference) -> None:
    """Two runs."""
    if found.nothing:
        console.print("no difference")
        return
    for part, table in found.facts.groupby("part", sort=False):
        console.print(frame_table(table.drop(columns="part").map(cell).rename(columns={"what": str(part)})))
        console.print()
    if len(found.scores):
        console.print(frame_table(rounded(found.scores)))
    for line in found.alone:
        console.print(line, soft_wrap=True)
    console.print(
        "tested on the same rows" if found.same_rows else "tested on different rows: accuracies cannot be paired"
    )


def tell_folders(
    console: Console, pairs: Sequence[tuple[Finished, Finished]], first: Sequence[Finished], second: Sequence[Finished]
) -> None:
    """Two folders: a line for each pair that differs, and what one has alone."""
    rows, same = [], 0
    for one, other in pairs:
        found = compare_runs(one, other)
        same += found.nothing
        if not found.nothing:
            facts = found.facts[found.facts["part"] != "came out"]
            scores = rounded(found.scores[found.scores["kind"] == "test"]).to_dict("records")
            keep = ("first", "second", "difference", "low", "high", "p")
            row: dict[str, Any] = {"run": one.place.name} | {k: v for s in scores for k, v in s.items() if k in keep}
            rows.append(row | {"differs in": ", ".join(facts["what"])})
    if rows:
        console.print(frame_table(pd.DataFrame(rows)))
    console.print(f"{len(pairs)} runs in both, {same} of them without a difference")
    for word, runs in (("first", first), ("second", second)):
        if runs:
            console.print(f"only in the {word}: {', '.join(run.place.name for run in runs)}", soft_wrap=True)


def rounded(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores as a person reads them, without what is missing."""
    table = scores.drop(columns="differing").dropna(axis=1, how="all")
    table = table.drop(columns="mode") if (table["mode"] == FIXED_LOAD).all() else table
    digits = {"first": ".4f", "second": ".4f", "difference": "+.4f", "low": "+.4f", "high": "+.4f", "p": ".2g"}
    return table.assign(
        **{name: [f"{v:{form}}" for v in table[name]] for name, form in digits.items() if name in table}
    )


def cell(value: Any) -> str:
    """A fact: long numbers short, what is missing a dash."""
    missing = value is None or value != value
    return "-" if missing else f"{value:.6g}" if isinstance(value, float) else str(value)
