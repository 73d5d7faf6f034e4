"""What a worker does for one run: train it, test it on longer rows, probe it, and keep each when it is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models import SequenceModel
from recall_tasks import Stream

from . import store
from .environment import environment
from .evaluate import distance_rows, score, score_row, sequence_rows
from .experiment import Run
from .extrapolate import ROWS, extrapolate
from .store import EXTRAPOLATION, PROBE
from .train import train

TEST_ROWS = 512


def train_run(run: Run, folder: Path, watch: Callable[[Any], None]) -> Path:
    """Train, test at the training length, and finish the run's directory."""
    model, outcome, curve = train(run, watch)
    stream = Stream(run.task.task, run.task.length, "test")
    scored = score(model, stream, TEST_ROWS)
    result = {
        "outcome": vars(outcome),
        "curve": [{k: finite(v) for k, v in point.items()} for point in curve],
        "scores": [score_row(run, model, scored, stream.task, stream.length)],
        "distances": distance_rows(scored, stream.length),
        "sequences": sequence_rows(scored, stream.length),
        "checksum": stream.checksum(),
        "environment": environment(),
    }
    return store.write_run(folder, run, result, dict(model.state_dict()))


def finite(value: float) -> float | None:
    """JSON has no NaN: a loss that was not finite is written as null."""
    return value if value == value and abs(value) != float("inf") else None


def fulfil(run_json: dict[str, Any], folder: str, request: dict[str, Any], watch: Callable[[Any], None]) -> str:
    """Everything a study asks of one run, skipping what is done: the job a worker executes."""
    run, root = Run.from_json(run_json), Path(folder)
    if not store.is_finished(root, run):
        train_run(run, root, watch)
    return ask_more(str(root / run.name), request, watch)


def missing(place: Path, request: dict[str, Any]) -> list[str]:
    """The records a request still needs. Raises store.CorruptRun for one that is there and damaged."""
    ladder, rows = list(request.get("ladder", ())), request.get("rows", ROWS)
    needs = [EXTRAPOLATION] if ladder and not has(place / EXTRAPOLATION, ladder=ladder, rows=rows) else []
    return needs + ([PROBE] if request.get("probed") and not has(place / PROBE) else [])


def ask_more(place: str, request: dict[str, Any], watch: Callable[[Any], None]) -> str:
    """Test a finished run on the `ladder` (`rows` each) and, if `probed`, probe it; skip what is there."""
    path = Path(place)
    run = store.load_run(path)
    for record in missing(path, request):
        if record == EXTRAPOLATION:
            watch("testing longer rows")
            rows = request.get("rows", ROWS)
            content: dict[str, Any] = extrapolate(run, load_model(path), request["ladder"], rows)
        else:
            from .probe import probe  # scikit-learn takes a second to import; training need not wait for it

            watch("probing the state")
            content = {"probes": probe(run, load_model(path))}
        store.write_whole(path / record, store.sealed(content))
    return path.name


def has(path: Path, **fields: Any) -> bool:
    """Whether a record is there with these fields. Raises store.CorruptRun where it is damaged."""
    if not path.is_file():
        return False
    content = store.unsealed(path)
    return all(content.get(name) == value for name, value in fields.items())


def load_model(place: Path) -> SequenceModel:
    """The trained model of a finished run, in evaluation mode."""
    model = store.load_run(place).build()
    model.load_state_dict(store.load_weights(place))
    return model.eval()
