"""What `sweep --dry-run` prints: a line for each run, as it is measured, and what they take together."""

from __future__ import annotations

from pathlib import Path

from ..compare import missing
from ..execution.plan import Planned, in_all, plan
from ..execution.progress import clock
from ..studies.study import Study
from .console import plain_console


def tell(study: Study, folder: Path, workers: int, retry: bool, limit: int | None) -> int:
    """Print the plan and write nothing; 0. Raises ValueError for what is damaged."""
    console = plain_console()
    total, mark = len(study.runs), ""
    if limit is not None:
        mark = testing_only(min(limit, len(missing(study, folder))), total)
    counts = dict.fromkeys(("done", "failed", "to train", "to measure", "left out"), 0)
    todo: list[Planned] = []
    for planned in plan(study, folder, retry):
        state: str = planned.state
        if state.startswith("to "):
            if limit is not None and len(todo) >= limit:
                state = "left out"
            else:
                todo.append(planned)
        counts[state] += 1
        console.print(
            f"{planned.run.name}  {state}{detail(planned) if state == planned.state else ''}{mark}", soft_wrap=True
        )
    console.print(
        f"{total} runs in {folder}: {', '.join(f'{n} {s}' for s, n in counts.items() if n)}{mark}", soft_wrap=True
    )
    if todo:
        where = "1 worker" if workers == 1 else f"{workers} workers"
        most = f"training takes at most {clock(in_all(todo, workers))} on {where}"
        console.print(
            f"{most}: a run that solves its task stops earlier; tests and probes come on top{mark}", soft_wrap=True
        )
    return 0


def detail(planned: Planned) -> str:
    """Why a run failed, or how long it may train and how that is known."""
    if planned.state == "failed":
        return f": {planned.reason} (--retry tries it again)"
    if planned.step is None:
        return ""
    budget = f"{planned.run.training.updates:,} updates of {1000 * planned.step.seconds:.1f} ms"
    return f", at most {clock(planned.seconds)}: {budget}, {planned.step.measured}"


def testing_only(some: int, runs: int) -> str:
    """What every line of a sweep says that does not do all there is to do."""
    return f"  (testing only: {some} of {runs} runs)"
