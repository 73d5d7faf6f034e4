"""Why a run failed, and where an interrupted one goes on: beside the place it has not reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config.run import Run
from .records import CorruptRun, damaged, load_record, sealed
from .writing import flush_names, write_whole, writing

KINDS = ("error", "died", "time", "memory")
SHAPE: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "identity": str,
    "reason": str,
    "kind": str,
    "log": str,
    "attempts": int,
    "seconds": (int, float),
}


def failure_path(folder: Path, run: Run) -> Path:
    return folder / f"{run.name}.failed.json"


def checkpoint_path(folder: Path, run: Run) -> Path:
    return folder / f".{run.name}.checkpoint"


def write_failure(folder: Path, run: Run, reason: str, kind: str, log: str, seconds: float) -> Path:
    """Keep why a run failed: a sentence, one of KINDS, its traceback, how long it took. Counts the attempts."""
    if kind not in KINDS:
        raise ValueError(f"a failure is one of {', '.join(KINDS)}, not {kind!r}")
    try:
        before = load_failure(folder, run)
    except CorruptRun:
        before = None  # it is about to be replaced
    content = {
        "name": run.name,
        "identity": run.identity,
        "reason": reason,
        "kind": kind,
        "log": log,
        "attempts": 1 + (before["attempts"] if before else 0),
        "seconds": seconds,
    }
    path = failure_path(folder, run)
    write_whole(path, sealed(content))
    return path


def load_failure(folder: Path, run: Run) -> dict[str, Any] | None:
    """Why the run failed; None where it has not. Raises CorruptRun for a damaged record."""
    path = failure_path(folder, run)
    if not path.exists():
        return None
    content = load_record(path, SHAPE)
    if (content["name"], content["identity"]) != (run.name, run.identity) or content["kind"] not in KINDS:
        raise damaged(path, "it is not about this run")
    return content


def forget_failure(folder: Path, run: Run) -> None:
    """Forget that a run failed, if it did."""
    path = failure_path(folder, run)
    with writing(folder):
        if path.exists():
            path.unlink(missing_ok=True)
            flush_names(folder)
