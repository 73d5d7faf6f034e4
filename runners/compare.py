"""Run a study: train what is missing, test it on the ladder, probe it, keep everything."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from recall_tasks import Stream

from . import store
from .engine import Event, Job, cores, execute
from .evaluate import distance_rows, score, score_row
from .experiment import Run
from .extrapolate import ROWS, extrapolate
from .probe import probe
from .store import EXTRAPOLATION, PROBE
from .study import Study
from .train import train

TEST_ROWS = 512


def train_run(run: Run, folder: Path, watch: Callable[[Any], None]) -> Path:
    """Train, test at the training length, and finish the run's directory."""
    model, outcome, curve = train(run, watch)
    stream = Stream(run.task.task, run.task.length, "test")
    scored = score(model, stream, TEST_ROWS)
    questions = scored.right.shape[1]
    result = {
        "outcome": vars(outcome),
        "curve": [{k: finite(v) for k, v in point.items()} for point in curve],
        "scores": [score_row(run, model, scored, stream.task, stream.length)],
        "distances": distance_rows(scored, stream.length),
        "sequences": [
            {"length": stream.length, "row": i, "right": int(right), "asked": questions}
            for i, right in enumerate(scored.right.sum(1))
        ],
        "checksum": stream.checksum(),
        "environment": environment(),
    }
    return store.write_run(folder, run, result, dict(model.state_dict()))


def finite(value: float) -> float | None:
    """JSON has no NaN: a loss that was not finite is written as null."""
    return value if value == value and abs(value) != float("inf") else None


def fulfil(
    run_json: dict[str, Any], folder: str, ladder: tuple[int, ...], probed: bool, watch: Callable[[Any], None]
) -> str:
    """Everything a study asks of one run, skipping what is done: the job a worker executes."""
    run, root = Run.from_json(run_json), Path(folder)
    if not store.is_finished(root, run):
        train_run(run, root, watch)
    return ask_more(str(root / run.name), {"ladder": ladder, "probed": probed}, watch)


def ask_more(place: str, request: dict[str, Any], watch: Callable[[Any], None]) -> str:
    """Test a finished run on the `ladder` (with `rows` each) and, if `probed`, probe it; skip what is there."""
    path, ladder, rows = Path(place), request.get("ladder", ()), request.get("rows", ROWS)
    run = store.load_run(path)
    if ladder and not has(path / EXTRAPOLATION, ladder=list(ladder), rows=rows):
        watch("testing longer rows")
        record = extrapolate(run, load_model(path), ladder, rows)
        store.write_whole(path / EXTRAPOLATION, store.sealed(record))
    if request.get("probed") and not has(path / PROBE):
        watch("probing the state")
        store.write_whole(path / PROBE, store.sealed({"probes": probe(run, load_model(path))}))
    return path.name


def has(path: Path, **fields: Any) -> bool:
    """Whether a record is there with these fields. Raises store.CorruptRun where it is damaged."""
    if not path.is_file():
        return False
    content = store.unsealed(path)
    return all(content.get(name) == value for name, value in fields.items())


def load_model(place: Path) -> Any:
    """The trained model of a finished run, in evaluation mode."""
    model = store.load_run(place).build()
    model.load_state_dict(store.load_weights(place))
    return model.eval()


def carry_out(study: Study, folder: Path, workers: int | None = None) -> Iterator[Event]:
    """Execute what the study still misses in `folder`. Raises store.CorruptRun before anything starts."""
    store.open_folder(folder)
    jobs = [
        Job(run.name, fulfil, (run.to_json(), str(folder), study.ladder, run.task.name in study.probed))
        for run in study.runs
        if not complete(study, folder, run)
    ]
    began = time.time()
    yield from execute(jobs, workers)
    if jobs:
        record_study(study, folder, time.time() - began, workers)


def complete(study: Study, folder: Path, run: Run) -> bool:
    """Whether nothing is left to do for this run."""
    place = folder / run.name
    return (
        store.is_finished(folder, run)
        and (not study.ladder or has(place / EXTRAPOLATION, ladder=list(study.ladder)))
        and (run.task.name not in study.probed or has(place / PROBE))
    )


def record_study(study: Study, folder: Path, seconds: float, workers: int | None) -> None:
    """Keep what was asked for, where and how long it took; time adds up over resumptions."""
    path = folder / "study.json"
    before = store.unsealed(path)["seconds"] if path.is_file() else 0.0
    content = {
        "name": study.name,
        "runs": [run.name for run in study.runs],
        "seconds": before + seconds,
        "workers": cores() if workers is None else workers,
    }
    store.write_whole(path, store.sealed(content))


def environment() -> dict[str, Any]:
    """Versions, commit and machine: what else a number depends on."""
    names = ("torch", "numpy", "scikit-learn", "recall-tasks")
    versions = {"python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in names}
    return {"versions": versions, "machine": machine(), "commit": commit()}


def machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return {"system": platform.system(), "processor": model, "cores": cores()}


def commit() -> str:
    """The checkout's commit, `+` where files differ from it, empty outside a checkout."""
    if not shutil.which("git"):
        return ""
    here = Path(__file__).parent
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
        cwd=here, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return described.stdout.strip()


