"""The sweep: execution of everything that a study misses in its folder, and the record of the study."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from .. import storage
from ..config.run import Run
from ..measures.requests import Requests, check
from ..studies.learning_rates import groups
from ..studies.matching import check_matched
from ..studies.study import Study
from .engines import Event, Execute, Job, cores, execute
from .plan import RunPlan, plan_run, plan_runs
from .run_job import ELSEWHERE, complete_run

PATIENCE = 1.0
"""Seconds between two looks at a run that another process works on."""
NEVER = 10**9


def carry_out(
    study: Study,
    folder: Path,
    execution: Execute = execute,
    command: str = "",
    retry: bool = False,
    limit: int = NEVER,
    device: str = "cpu",
) -> Iterator[Event]:
    """Execute what the study misses in `folder`, and yield the events of its runs.

    execution   an engine: `engines.execute`, or a part of it with its workers and limits
    command     recorded with the study in study.json; nothing is recorded without one
    retry       repeat runs that failed before; otherwise they are reported as failed. Those that a limit of time
                stopped always go on
    limit       largest number of jobs, for testing
    device      device of the models, as `choose_device` takes it: "cuda" where the engine gives each job a GPU

    A run that another process works on is left to it and waited for. A grid of learning rates is trained first; then
    the runs at the chosen rates are measured. Raises, before anything starts, storage.CorruptRun,
    storage.UnwritableFolder, and ValueError where models are not matched as the study says.
    """
    check_study(study)
    storage.open_folder(folder)
    storage.load_study(folder)  # refused now rather than when all is trained
    if command:
        record_study(study, folder, 0.0, command)  # for a sweep that is killed
    began, done = time.monotonic(), 0
    failed: set[str] = set()
    answered: dict[str, Requests] = {}
    try:
        while True:
            plans = {plan.run.name: plan for plan in plan_runs(study, folder, retry)}
            for name, plan in plans.items():
                if plan.state == "done" and name not in failed:
                    storage.forget_failure(folder, plan.run)  # it failed when all of it was written
                elif plan.state == "failed" and name not in failed:
                    failed.add(name)
                    yield Event(name, "failed", f"{plan.reason} (it failed before: --retry tries it again)")
            jobs = [
                Job(name, complete_run, (plan.run.to_json(), str(folder), plan.request, device))
                for name, plan in plans.items()
                if plan.due and name not in failed and answered.get(name) != plan.request  # once for each request
            ][: max(0, limit - done)]
            if not jobs:
                return
            done += len(jobs)
            for event in recorded_events(execution(jobs), plans, folder):
                if event.kind == "failed":
                    failed.add(event.job)
                elif event.kind == "finished":
                    answered[event.job] = plans[event.job].request
                yield event
    finally:
        if command and done:
            record_study(study, folder, time.monotonic() - began, command)


def check_study(study: Study) -> None:
    """Raises ValueError for a request that a run cannot answer, and for models that are not matched as required."""
    for run, *_ in groups(study.runs):  # what a run can answer depends on neither seed nor rate
        check(run, study.request(run))
    if study.matched:
        check_matched(study)


def recorded_events(events: Iterator[Event], plans: Mapping[str, RunPlan], folder: Path) -> Iterator[Event]:
    """The events, with failures written beside the runs, and runs of other processes waited for at the end."""
    started: dict[str, float] = {}
    elsewhere: list[str] = []
    for event in events:
        if event.kind == "started":
            started[event.job] = time.monotonic()
        elif event.kind == "failed":
            if str(event.content).startswith(storage.FullDisk.__name__):  # no run's fault, and every one would fail
                raise storage.FullDisk(str(event.content).partition(": ")[2])
            now = time.monotonic()
            seconds = now - started.get(event.job, now)
            run = plans[event.job].run
            storage.write_failure(folder, run, str(event.content), event.why, event.log, seconds)
        elif event.kind == "finished":
            if event.content == ELSEWHERE:
                elsewhere.append(event.job)
                continue
            storage.forget_failure(folder, plans[event.job].run)
        yield event
    for name in elsewhere:
        run = plans[name].run
        yield Event(name, "progress", ELSEWHERE)
        while not _is_free(folder, run):
            time.sleep(PATIENCE)
        if not plan_run(run, folder, plans[name].request, storage.is_finished(folder, run)).missing:
            yield Event(name, "finished", name)


def _is_free(folder: Path, run: Run) -> bool:
    with storage.claim(folder, run) as claimed:
        return claimed


def record_study(study: Study, folder: Path, seconds: float, command: str) -> None:
    """Write study.json: the study, its command, and its seconds, which add up over resumptions."""
    before = storage.load_study(folder)
    content = {
        "name": study.name,
        "runs": [run.name for run in study.runs],
        "study": study.to_json(),
        "command": command,
        "seconds": (before["seconds"] if before else 0.0) + seconds,
        "workers": cores(),
    }
    storage.write_record(folder / storage.STUDY, content)
