"""The folder of a study: opened only if it is ours or empty, cleared of leftovers, one process at a time per run.

Claims hold on one machine, and on several that share a file system with locks.
"""

from __future__ import annotations

import errno
import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .locks import SUFFIX, NoLocks, is_at, lock, sweep
from .records import Shape, UnwritableFolder, damage, flush_names, load_record, printable, refusals_explained

if TYPE_CHECKING:
    from ..config.run import Run

STUDY = "study.json"
TRACES = (STUDY, "run.json", "result.json")
"""Files by which a folder, or one inside it, is known as ours."""
BEGUN = ("report.html", "*-s*-*.failed.json", ".*-s*-*.lock", ".*-s*-*.checkpoint", f".*{SUFFIX}")
"""Files by which a folder without a finished run is."""
HARMLESS = (".log", ".txt", ".md")
"""What a person may leave in any folder: logs and notes."""
STUDY_SHAPE: Shape = {"name": str, "runs": list, "command": str, "seconds": (int, float)}
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
            raise UnwritableFolder(
                f"{printable(folder)} holds no runs but other things ({printable(foreign)}): nothing is written into "
                f"it, choose another with --out"
            )
        with tempfile.TemporaryFile(dir=folder):
            pass
    sweep_partials(folder)


def load_study(folder: Path) -> dict[str, Any] | None:
    """The content of `study.json`; None where there is none. Raises CorruptRun for a damaged one."""
    path = folder / STUDY
    if not os.path.lexists(path):
        return None
    content = load_record(path, STUDY_SHAPE)
    if not all(type(name) is str for name in content["runs"]):
        raise damage(path, "'runs' are not names")
    if not (math.isfinite(content["seconds"]) and content["seconds"] >= 0):
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
        inside = _inside(path)
        if _matches(path, TRACES + BEGUN) or any(_matches(p, TRACES) for p in inside):
            return ""
        if not (path.name.startswith(".") or path.suffix in HARMLESS or (path.is_dir() and not inside)):
            strange = strange or path.name
    return strange


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (NotADirectoryError, PermissionError):
        return []


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(path.match(pattern) for pattern in patterns)
