"""A dry run: what of a study is missing, how long it may take, and its axes. Nothing is written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..formatting import clock
from ..results.labels import AXIS, PLAIN, run_labels
from .console import plain_console

if TYPE_CHECKING:  # torch, which a mistake does not wait for
    from ..execution.plan import Forecast, RunPlan
    from ..studies.study import Study


def print_plan(study: Study, folder: Path, workers: int, retry: bool, limit: int | None = None) -> int:
    """Print a line for each run and the time of all; write nothing; 0. Raises ValueError for damaged runs."""
    from ..execution.plan import forecasts, plan_runs, seconds_in_all  # torch, as above

    console, total = plain_console(), len(study.runs)
    plans = plan_runs(study, folder, retry)
    mark = testing_mark(limit, sum(plan.missing for plan in plans), total)
    counts = dict.fromkeys(("done", "failed", "to train", "to measure", "left out"), 0)
    seconds: list[float] = []
    for line in axis_lines(study):
        console.print(line + mark, soft_wrap=True)
    for plan, forecast in forecasts(plans, folder, on_stderr):
        left_out = limit is not None and plan.due and counts["to train"] + counts["to measure"] >= limit
        state = "left out" if left_out else plan.state
        counts[state] += 1
        if forecast and not left_out:
            seconds.append(forecast.seconds)
        line = f"{plan.run.name}  {state}{'' if left_out else detail(plan, forecast)}{mark}"
        console.print(line, soft_wrap=True)
    by_state = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    console.print(f"{total} runs in {folder}: {by_state}{mark}", soft_wrap=True)
    if counts["to train"] + counts["to measure"]:
        where = "1 worker" if workers == 1 else f"{workers} workers"
        most = f"training takes at most {clock(seconds_in_all(seconds, workers))} on {where}"
        console.print(
            f"{most}: a run that solves its task stops earlier; tests and probes come on top{mark}", soft_wrap=True
        )
    return 0


def on_stderr(message: str) -> None:
    """Print what a dry run is doing, beside the plan."""
    print(message, file=sys.stderr, flush=True)


def detail(plan: RunPlan, forecast: Forecast | None) -> str:
    """The reason of a failure, or the forecast of a training and its source."""
    if plan.state == "failed":
        return f": {plan.reason} (--retry tries it again)"
    if forecast is None:
        return ""
    budget = f"{plan.run.training.updates:,} updates of {1000 * forecast.update.seconds:.1f} ms"
    return f", at most {clock(forecast.seconds)}: {budget}, {forecast.update.source}"


def testing_mark(limit: int | None, left: int, total: int) -> str:
    """The end of every line of a sweep that has a limit."""
    return "" if limit is None else f"  (testing only: {min(limit, left)} of {total} runs)"


def axis_lines(study: Study) -> list[str]:
    """The axes of a study, a line each: settings in which runs of one memory on one task differ, with their values."""
    labels = run_labels([{"name": run.name, **run.to_json()} for run in study.runs], rates=True)
    values: dict[str, dict[str, None]] = {}
    for one in labels.values():
        for name, value in one.axes.items():
            if name not in PLAIN and value is not None:
                values.setdefault(name, {}).update({str(value): None})
    return [f"axis {name.removeprefix(AXIS).replace('_', ' ')}: {', '.join(some)}" for name, some in values.items()]
