"""The job of a worker: train one run, test it, measure what is requested, and save each part when it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recall_tasks import Stream

from .. import storage
from ..config.custom_code import allow
from ..config.messages import Notice
from ..config.run import Run
from ..evaluation.evaluate import outputs
from ..evaluation.scored_table import score_tables
from ..measures import MEASURES
from ..measures.requests import Requests, check, record_of, remaining
from ..training.loop import train
from ..training.sanity import check_computes, check_cut_off, check_possible, check_untrained
from .job import choose_device
from .provenance import environment

TEST_ROWS = 512

WAIT = 0.5
"""Seconds between two attempts at a run that another process works on."""
ELSEWHERE = "another process works on it"
"""Result of a job whose run was left to another process."""


def train_run(run: Run, folder: Path, watch: Callable[[Any], None], device: str = "cpu") -> Path:
    """Train, test at the training length, and write the run's directory; resumes an interrupted training."""
    stream = Stream(run.task.task, run.task.length, "test")
    initial = check_untrained(run)
    checkpoint = storage.checkpoint_path(folder, run)
    model = run.build().to(device)
    if device != "cpu":
        check_computes(run.label, model, stream)
    model, outcome, curve = train(run, watch, model, checkpoint)
    if not run.has_state:
        watch(Notice(f"{run.label} reads whole sequences only (x -> y): its states are not probed"))
    scored, tables = score_tables(run, model, stream.task, stream.length, TEST_ROWS)
    check_possible(run.label, tables["scores"])
    result = {
        "outcome": vars(outcome),
        "curve": [storage.without_nan(point) for point in curve],
        "initial": initial,
        "cut_off": check_cut_off(model, stream),
        **tables,
        "checksum": stream.checksum(),
        "environment": environment(device, run.model.memory),
    }
    return storage.write_run(folder, run, result, dict(model.cpu().state_dict()), outputs(scored, "test"))


def complete_run(
    run_json: dict[str, Any], folder: str, request: Requests, device: str, watch: Callable[[Any], None]
) -> str:
    """Train one run and measure what is requested, without repeating anything: the job of a worker.

    Returns the run's name, or ELSEWHERE where another process works on it.
    """
    run, root, device = Run.from_json(run_json), Path(folder), choose_device(device)
    allow(run.model.memory, run.task.name)
    with storage.claim(root, run) as claimed:
        if not claimed:
            return ELSEWHERE
        if not storage.is_finished(root, run):
            train_run(run, root, watch, device)
        return measure_run(str(root / run.name), request, watch, device)


def measure_run(
    place: str, request: Requests, watch: Callable[[Any], None], device: str = "cpu", by_command: bool = False
) -> str:
    """Measure what a finished run lacks of a request, one measure after the other; returns its name.

    by_command   whether a measure's own command asks, not a study: its records then say so
    """
    path = Path(place)
    if left := remaining(path, request):
        run, model = storage.load_run(path), storage.load_model(path).to(device)
        check(run, request)
        for name, wanted in left:
            measure = MEASURES[name]
            for part in measure.parts(run, wanted, record_of(path, name), watch):
                before = record_of(path, name)
                record, tensors = measure.measure(run, model, part, watch)
                for table in measure.scored_tables():
                    check_possible(run.label, record.get(table.name, ()))
                saved = list(before.get("outputs", ())) if before else []
                if tensors:
                    # Under a name that no record has yet, so that a crash leaves every record with its own.
                    file = f"outputs-{name}-{len(saved)}"
                    saved.append({"name": file, "digest": storage.write_tensors(path, file, tensors)})
                record = measure.merge(before, record) if before else record
                record |= {"outputs": saved, "identity": run.identity, "device": device}
                record |= {"by_command": True} if by_command or (before or {}).get("by_command") else {}
                storage.write_record(path / measure.file, record)
    return path.name


def measure_when_free(place: str, request: Requests, device: str, watch: Callable[[Any], None]) -> str:
    """`measure_run` once no other process works on the run; what that one measured is not repeated."""
    path, device = Path(place), choose_device(device)
    run = storage.load_run(path)
    while True:
        with storage.claim(path.parent, run) as claimed:
            if claimed:
                return measure_run(place, request, watch, device, by_command=True)
        watch(f"waiting: {ELSEWHERE}")
        time.sleep(WAIT)
