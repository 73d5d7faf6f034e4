"""recall diff: differences between two runs, or two folders of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ..config.length_modes import FIXED_LOAD
from ..storage import find_runs
from .console import frame_table, plain_console
from .flags import Mistake, Parser, folder, mistakes

if TYPE_CHECKING:  # pandas, which a mistake does not wait for
    import pandas as pd

    from ..results.diff import Difference, RunFacts


def run(words: Sequence[str]) -> int:
    parser = Parser(
        prog="recall diff",
        description="Differences between two runs: in settings, environment and results. Accuracies are compared\n"
        "sequence by sequence if both were tested on the same ones; p is not corrected for the number of\n"
        "comparisons. Runs of two folders are paired by name, else by task, length, memory and seed.",
    )
    parser.add_argument("first", type=folder, metavar="A", help="a run directory, or a folder of them")
    parser.add_argument("second", type=folder, metavar="B", help="another")
    arguments = parser.parse_args(words)
    named = (arguments.first, arguments.second)
    folders = [path for path in named if not (path / "run.json").is_file()]
    if len(folders) == 1:
        raise Mistake(f"{folders[0]} is a folder of runs and the other is one run: name two of a kind")
    with mistakes():
        places = [find_runs([path]) for path in named]
        from ..results.diff import compare_runs, load_folder, match  # pandas, which a mistake does not wait for

        first, second = map(load_folder, places)
        if folders:
            print_folders(plain_console(), *match(first, second))
        else:
            print_runs(plain_console(), compare_runs(*first, *second))
    return 0


def print_runs(console: Console, found: Difference) -> None:
    """Print the differences of two runs."""
    if found.nothing:
        console.print("no difference")
        return
    for part, table in found.facts.groupby("part", sort=False):
        console.print(frame_table(table.drop(columns="part").map(cell).rename(columns={"what": str(part)})))
        console.print()
    if len(found.scores):
        console.print(frame_table(score_cells(found.scores)))
    for line in found.alone:
        console.print(line, soft_wrap=True)
    different = "tested on different sequences: accuracies cannot be paired"
    console.print("tested on the same sequences" if found.same_sequences else different)


def print_folders(
    console: Console, pairs: Sequence[tuple[RunFacts, RunFacts]], first: Sequence[RunFacts], second: Sequence[RunFacts]
) -> None:
    """Print a line for each pair of runs that differs, and the runs of one folder alone."""
    import pandas as pd  # loaded by whoever found the runs

    from ..results.diff import compare_runs

    records, same = [], 0
    for one, other in pairs:
        found = compare_runs(one, other)
        same += found.nothing
        if not found.nothing:
            facts = found.facts[found.facts["part"] != "came out"]
            scores = score_cells(found.scores[found.scores["kind"] == "test"]).to_dict("records")
            keep = ("first", "second", "difference", "low", "high", "p")
            record: dict[str, Any] = {"run": one.place.name} | {k: v for s in scores for k, v in s.items() if k in keep}
            records.append(record | {"differs in": ", ".join(facts["what"])})
    if records:
        console.print(frame_table(pd.DataFrame(records)))
    console.print(f"{len(pairs)} runs in both, {same} of them without a difference")
    for word, runs in (("first", first), ("second", second)):
        if runs:
            console.print(f"only in the {word}: {', '.join(run.place.name for run in runs)}", soft_wrap=True)


def score_cells(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores as text, without empty columns."""
    table = scores.drop(columns="differing").dropna(axis=1, how="all")
    table = table.drop(columns="mode") if (table["mode"] == FIXED_LOAD).all() else table
    digits = {"first": ".4f", "second": ".4f", "difference": "+.4f", "low": "+.4f", "high": "+.4f", "p": ".2g"}
    written = {name: [f"{v:{form}}" for v in table[name]] for name, form in digits.items() if name in table}
    return table.assign(**written)


def cell(value: Any) -> str:
    """A fact as text: six digits, a dash for a missing value."""
    missing = value is None or value != value
    return "-" if missing else f"{value:.6g}" if isinstance(value, float) else str(value)
