"""What a worker does for one run: train it, test it, ask what a study asks, and keep each when it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from recall_tasks import Stream

from .. import storage
from ..config.run import Run
from ..evaluation.breakdown import breakdown_records, distance_records
from ..evaluation.evaluate import outputs, score, score_record, sequence_records
from ..measures.registry import MEASURES, parts
from ..measures.requests import Request, check, record_of, remaining
from ..training.loop import train
from ..training.sanity import cut_off, untrained
from .provenance import environment

TEST_ROWS = 512

WAIT = 0.5
"""Seconds between looks at a run that another process works on."""
ELSEWHERE = "another process works on it"
"""What a job returns for a run that it left alone."""


def train_run(run: Run, folder: Path, watch: Callable[[Any], None], device: str = "cpu") -> Path:
    """Train, test at the training length, and finish the run's directory; goes on from where it was interrupted."""
    stream = Stream(run.task.task, run.task.length, "test")
    initial = untrained(run)
    checkpoint = storage.checkpoint_path(folder, run)
    model, outcome, curve = train(run, watch, run.build().to(device), checkpoint)
    scored = score(model, stream, TEST_ROWS)
    result = {
        "outcome": vars(outcome),
        "curve": [{k: finite(v) for k, v in point.items()} for point in curve],
        "initial": initial,
        "cut_off": cut_off(model, stream),
        "scores": [score_record(run, model, scored, stream.task, stream.length)],
        "distances": distance_records(scored, stream.length),
        "breakdown": breakdown_records(scored, stream.length),
        "sequences": sequence_records(scored, stream.length),
        "checksum": stream.checksum(),
        "environment": environment() | {"device": device},
    }
    place = storage.write_run(folder, run, result, dict(model.cpu().state_dict()), outputs(scored, "test"))
    checkpoint.unlink(missing_ok=True)
    return place


def finite(value: float) -> float | None:
    """JSON has no NaN: a loss that was not finite is written as null."""
    return value if value == value and abs(value) != float("inf") else None


def fulfil(run_json: dict[str, Any], folder: str, request: Request, device: str, watch: Callable[[Any], None]) -> str:
    """Everything a study asks of one run, skipping what is done: the job a worker executes, on this device.

    Returns the run's name, or ELSEWHERE where another process holds it.
    """
    run, root = Run.from_json(run_json), Path(folder)
    with storage.claim(root, run) as ours:
        if not ours:
            return ELSEWHERE
        if not storage.is_finished(root, run):
            train_run(run, root, watch, device)
        return ask_more(str(root / run.name), request, watch, device)


def ask_more(place: str, request: Request, watch: Callable[[Any], None], device: str = "cpu") -> str:
    """Ask a finished run for what is not there yet, one measure after the other; its name."""
    path = Path(place)
    if left := remaining(path, request):
        run, model = storage.load_run(path), storage.load_model(path).to(device)
        check(run, request)
        for name, wanted in left:
            measure = MEASURES[name]
            for part in parts(measure, run, wanted, record_of(path, name), watch):
                before = record_of(path, name)
                record, tensors = measure.measure(run, model, part, watch)
                kept = list(before.get("outputs", ())) if before else []
                if tensors:
                    kept.append(write_outputs(path, f"outputs-{name}-{len(kept)}", tensors))
                record = (measure.merged(before, record) if before else record) | {"outputs": kept}
                storage.write_record(path / measure.RECORD, record)
    return path.name


def ask_claimed(place: str, request: Request, watch: Callable[[Any], None]) -> str:
    """`ask_more` of a run, once no other process works on it: what that one measured is then there."""
    path = Path(place)
    run = storage.load_run(path)
    while True:
        with storage.claim(path.parent, run) as ours:
            if ours:
                return ask_more(place, request, watch)
        watch(f"waiting: {ELSEWHERE}")
        time.sleep(WAIT)


def write_outputs(place: Path, name: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Keep answers under a name that no record has yet, so that a crash leaves every record with its own."""
    return {"name": name, "digest": storage.write_tensors(place, name, tensors)}
