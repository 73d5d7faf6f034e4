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


def untested(place: Path, request: dict[str, Any]) -> list[int]:
    """The multiples of the ladder not yet tested with as many rows. Raises store.CorruptRun for a damaged record."""
    done = store.unsealed(place / EXTRAPOLATION)["done"] if (place / EXTRAPOLATION).exists() else []
    rows = request.get("rows", ROWS)
    return [m for m in request.get("ladder", ()) if not any(m == tested and rows <= n for tested, n in done)]


def unprobed(place: Path, request: dict[str, Any]) -> list[str]:
    """The readers asked for (`probed`) that have not read yet. Raises store.CorruptRun for a damaged record."""
    done = store.unsealed(place / PROBE)["readers"] if (place / PROBE).exists() else []
    return [reader for reader in request.get("probed", ()) if reader not in done]


def missing(place: Path, request: dict[str, Any]) -> bool:
    """Whether anything a request asks for is still to be done."""
    return bool(untested(place, request) or unprobed(place, request))


def ask_more(place: str, request: dict[str, Any], watch: Callable[[Any], None]) -> str:
    """Test a finished run on the `ladder` (`rows` each) and probe it with the readers `probed`; skip what is there."""
    path = Path(place)
    run = store.load_run(path)
    if ladder := untested(path, request):
        watch("testing longer rows")
        record = extrapolate(run, load_model(path), tuple(ladder), request.get("rows", ROWS))
        if (path / EXTRAPOLATION).exists():
            record = merged(store.unsealed(path / EXTRAPOLATION), record, run.task.length)
        store.write_whole(path / EXTRAPOLATION, store.sealed(record))
    if readers := unprobed(path, request):
        from .probe import probe  # scikit-learn takes a second to import; training need not wait for it

        watch("probing the state")
        before = store.unsealed(path / PROBE) if (path / PROBE).exists() else {"readers": [], "probes": []}
        rows = probe(run, load_model(path), tuple(readers))
        content = {"readers": before["readers"] + readers, "probes": before["probes"] + rows}
        store.write_whole(path / PROBE, store.sealed(content))
    return path.name


def merged(old: dict[str, Any], new: dict[str, Any], length: int) -> dict[str, Any]:
    """Both records, the new one's where both tested a length."""
    again = {multiple for multiple, _ in new["done"]}
    record: dict[str, Any] = {"done": sorted([d for d in old["done"] if d[0] not in again] + new["done"])}
    for table in ("scores", "distances", "sequences"):
        kept = [row for row in old[table] if row["length"] // length not in again]
        record[table] = sorted(kept + new[table], key=lambda row: row["length"])
    return record


def load_model(place: Path) -> SequenceModel:
    """The trained model of a finished run, in evaluation mode."""
    model = store.load_run(place).build()
    model.load_state_dict(store.load_weights(place))
    return model.eval()
