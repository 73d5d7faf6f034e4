"""What `extrapolate` and `probe` share: ask more of runs that are finished, and tell what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..arguments import Mistake, Parser, whole
from ..engine import Job, execute
from ..jobs import ask_more
from ..results import collect
from ..store import find_runs, load_run
from .tables import plain_console, shown


def add_runs(parser: Parser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories, or folders of them")
    parser.add_argument("--workers", type=whole, metavar="N", help="processes (default: one per core)")


def ask(runs: Sequence[Path], workers: int | None, **request: Any) -> int:
    """Ask every run for `request` (see `compare.ask_more`); print the table it adds; 1 where one failed."""
    console = plain_console()
    if workers is not None and workers < 1:
        raise Mistake(f"--workers takes at least 1, not {workers}")
    try:
        places = find_runs(runs)
        for place in places:  # refuse what cannot be asked before any work
            run = load_run(place)
            for multiple in request.get("ladder", ()):
                run.task.task.check_length(multiple * run.task.length)
            if request.get("probed"):
                from ..probe import check  # scikit-learn takes a second to import

                check(run.task.task, run.task.length)
        jobs = [Job(str(place), ask_more, (str(place), request)) for place in places]
        done, failed = 0, 0
        for event in execute(jobs, workers):
            if event.kind in ("finished", "failed"):
                done += 1
                failed += event.kind == "failed"
                word = "finished" if event.kind == "finished" else f"failed: {event.content}"
                console.print(f"{Path(event.job).name}  {word}  ({done} of {len(jobs)})")
        results = collect([place.parent for place in places], [place.name for place in places])
    except KeyboardInterrupt:
        console.print("Stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except ValueError as error:
        raise Mistake(str(error)) from None
    console.print(shown(summary(results.probes if request.get("probed") else results.scores, request)))
    return 1 if failed else 0


def summary(table: pd.DataFrame, request: dict[str, Any]) -> pd.DataFrame:
    """Mean accuracy: by length, a row for each run; or by control, a row for each run, layer and reader."""
    index, columns = ["run"], "length"
    if request.get("probed"):
        index, columns = ["run", "layer", "reader"], "control"
    else:
        table = table[table["kind"] == "extrapolation"]
    wide = table.pivot_table(index=index, columns=columns, values="accuracy", aggfunc="mean")
    wide = wide.map(lambda value: "" if pd.isna(value) else f"{value:.3f}").reset_index()
    return wide.rename(columns=lambda name: f"{name} tokens" if isinstance(name, int) else name)
