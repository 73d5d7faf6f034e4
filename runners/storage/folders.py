"""The folder of a study: opened only if it is ours or empty, cleared of leftovers, one process at a time per run.

Beside a run's place stand the record of its failure, its checkpoint and its lock. Claims hold on one machine, and on
several that share a file system with locks.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .locks import SUFFIX, NoLocks, is_at, lock, sweep
from .records import (
    NUMBER,
    CorruptRun,
    Shape,
    UnwritableFolder,
    damage,
    flush_names,
    load_record,
    printable,
    refusals_explained,
    write_record,
)

if TYPE_CHECKING:
    from ..config.run import Run

STUDY = "study.json"
TRACES = (STUDY, "run.json", "result.json")
"""Files by which a folder, or one inside it, is known as ours."""
BEGUN = ("report.html", "*-s*-*.failed.json", ".*-s*-*.lock", ".*-s*-*.checkpoint", f".*{SUFFIX}")
"""Files by which a folder without a finished run is."""
HARMLESS = (".log", ".txt", ".md")
"""What a person may leave in any folder: logs and notes."""
STUDY_SHAPE: Shape = {
    "name": str,
    "runs": [str],
    "command": str,
    "seconds": NUMBER,
    "study?": {"asks?": [{"measure": str}]},
}
FAILURES = ("error", "died", "time", "memory")
WORDS = dict.fromkeys(("name", "identity", "reason", "kind", "log"), str)
FAILURE_SHAPE: Shape = {**WORDS, "attempts": int, "seconds": NUMBER}
PATIENCE = 0.05
"""Seconds until a lock is tried once more: a sweep may hold it for a moment."""


def open_folder(folder: Path) -> None:
    """Make the folder of a study ready to write into.

    Raises UnwritableFolder where it cannot be made or written into, and where it holds other things and no
    trace of ours: hidden files, logs and notes are no such things, and a folder with runs may hold any.
    """
    with refusals_explained(folder):
        if os.path.lexists(folder) and not folder.is_dir():
            raise OSError(errno.ENOTDIR, "it is a file")
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            flush_names(folder.parent)
        if foreign := _foreign(folder):
            mend = "nothing is written into it, choose another with --out"
            raise UnwritableFolder(f"{printable(folder)} holds no runs but other things ({printable(foreign)}): {mend}")
        with tempfile.TemporaryFile(dir=folder):
            pass
    sweep_partials(folder)


def load_study(folder: Path) -> dict[str, Any] | None:
    """The content of `study.json`; None where there is none. Raises CorruptRun for a damaged one."""
    path = folder / STUDY
    if not os.path.lexists(path):
        return None
    content = load_record(path, STUDY_SHAPE)
    if content["seconds"] < 0:
        raise damage(path, f"'seconds' cannot be {content['seconds']}")
    return content


def sweep_partials(folder: Path) -> None:
    """Remove what killed processes left half-written; files that a living process has locked stay."""
    for pattern in (f".*{SUFFIX}", f"*/.*{SUFFIX}", ".*.lock"):
        for path in folder.glob(pattern):
            sweep(path)
    for record in folder.glob("[!.]*/run.json"):
        with suppress(OSError):
            (folder / f".{record.parent.name}.checkpoint").unlink(missing_ok=True)  # it has arrived


@contextmanager
def claim(folder: Path, run: Run) -> Iterator[bool]:
    """Claim a run for this process: True where it may work on it, False where another process does.

    The claim ends with the block or with the process, however that ends. Another may have finished the run
    just before: ask `is_finished` inside. Raises UnwritableFolder where the folder has no locks.
    """
    path = folder / f".{run.name}.lock"
    opened = _locked_file(path)
    try:
        yield opened is not None
    finally:
        if opened is not None:
            with suppress(OSError):  # the folder may have gone, or have become read-only
                path.unlink(missing_ok=True)  # while it is locked: who waits for it sees that its name is gone
            os.close(opened)


def _locked_file(path: Path) -> int | None:
    """The open lock file, locked; None where another process has it."""
    tries = 2
    with refusals_explained(path.parent):
        while tries:
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            try:
                locked = lock(opened)
            except NoLocks as error:
                os.close(opened)
                raise UnwritableFolder(
                    f"{printable(path.parent)} cannot be worked on: {error.strerror}, so two commands could train one "
                    f"run (mount it with flock, or choose another with --out)"
                ) from None
            if locked and is_at(opened, path):
                return opened
            os.close(opened)
            if not locked:  # where it was locked but its name is gone, its last holder has just finished
                tries -= 1
                time.sleep(PATIENCE)
    return None


def _foreign(folder: Path) -> str:
    """The name of a foreign file; empty where the folder is ours or empty."""
    strange = ""
    for path in _inside(folder):
        inside = _inside(path) if path.is_dir() else []
        if _matches(path, TRACES + BEGUN) or any(_matches(p, TRACES) for p in inside):
            return ""
        if not (path.name.startswith(".") or path.suffix in HARMLESS or (path.is_dir() and not inside)):
            strange = strange or path.name
    return strange


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except PermissionError:
        return []


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(path.match(pattern) for pattern in patterns)


def failure_path(folder: Path, run: Run) -> Path:
    """File of the record of a failure."""
    return folder / f"{run.name}.failed.json"


def checkpoint_path(folder: Path, run: Run) -> Path:
    """File of the checkpoint, removed when the run has finished."""
    return folder / f".{run.name}.checkpoint"


def write_failure(folder: Path, run: Run, reason: str, kind: str, log: str, seconds: float) -> Path:
    """Record a failure: a sentence, one of FAILURES, the traceback, seconds it took. Attempts are counted."""
    if kind not in FAILURES:
        raise ValueError(f"a failure is one of {', '.join(FAILURES)}, not {kind!r}")
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
    content = load_record(path, FAILURE_SHAPE)
    if (content["name"], content["identity"]) != (run.name, run.identity) or content["kind"] not in FAILURES:
        raise damage(path, "it is not about this run")
    return content


def forget_failure(folder: Path, run: Run) -> None:
    """Remove the failure of a run, if it has one."""
    path = failure_path(folder, run)
    with refusals_explained(folder):
        if path.exists():
            path.unlink(missing_ok=True)
            flush_names(folder)
