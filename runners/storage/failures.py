"""Records of failed runs and checkpoints of interrupted ones, beside the directory they have not reached."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .records import CorruptRun, Shape, damage, flush_names, load_record, refusals_explained, write_record

if TYPE_CHECKING:
    from ..config.run import Run

KINDS = ("error", "died", "time", "memory")
WORDS = dict.fromkeys(("name", "identity", "reason", "kind", "log"), str)
SHAPE: Shape = {**WORDS, "attempts": int, "seconds": (int, float)}


def failure_path(folder: Path, run: Run) -> Path:
    """File of the record of a failure."""
    return folder / f"{run.name}.failed.json"


def checkpoint_path(folder: Path, run: Run) -> Path:
    """File of the checkpoint, removed when the run has finished."""
    return folder / f".{run.name}.checkpoint"


def write_failure(folder: Path, run: Run, reason: str, kind: str, log: str, seconds: float) -> Path:
    """Record a failure: a sentence, one of KINDS, the traceback, seconds it took. Attempts are counted."""
    if kind not in KINDS:
        raise ValueError(f"a failure is one of {', '.join(KINDS)}, not {kind!r}")
    attempts = 1
    with suppress(CorruptRun):  # it is about to be replaced
        attempts += (load_failure(folder, run) or {"attempts": 0})["attempts"]
    content = {"name": run.name, "identity": run.identity, "reason": reason, "kind": kind, "log": log}
    path = failure_path(folder, run)
    write_record(path, content | {"attempts": attempts, "seconds": seconds})
    return path


def load_failure(folder: Path, run: Run) -> dict[str, Any] | None:
    """The failure of a run; None where it has none. Raises CorruptRun for a damaged record."""
    path = failure_path(folder, run)
    if not path.exists():
        return None
    content = load_record(path, SHAPE)
    if (content["name"], content["identity"]) != (run.name, run.identity) or content["kind"] not in KINDS:
        raise damage(path, "it is not about this run")
    return content


def forget_failure(folder: Path, run: Run) -> None:
    """Remove the failure of a run, if it has one."""
    path = failure_path(folder, run)
    with refusals_explained(folder):
        if path.exists():
            path.unlink(missing_ok=True)
            flush_names(folder)
