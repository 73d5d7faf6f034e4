"""One process works on a run at a time, on one machine or on several that share a file system with locks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..config.run import Run
from .locks import NoLocks, is_at, lock
from .records import printed
from .writing import UnwritableFolder, writing

PATIENCE = 0.05
"""Seconds until a lock is tried once more: a sweep may hold it for a moment."""


@contextmanager
def claimed(folder: Path, run: Run) -> Iterator[bool]:
    """Work on a run alone: True for the one process that may, False where another does.

    The claim ends with the block or with the process, however that ends. Another may have finished the run
    just before: ask `is_finished` inside. Raises UnwritableFolder where the folder has no locks.
    """
    path = lock_path(folder, run)
    opened = _claim(path)
    try:
        yield opened is not None
    finally:
        if opened is not None:
            with suppress(OSError):  # the folder may have gone, or have become read-only
                path.unlink(missing_ok=True)  # while it is held: who waits for it sees that its name is gone
            os.close(opened)


def lock_path(folder: Path, run: Run) -> Path:
    return folder / f".{run.name}.lock"


def _claim(path: Path) -> int | None:
    """The open lock file, held; None where another process holds it."""
    tries = 2
    with writing(path.parent):
        while tries:
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            try:
                held = lock(opened)
            except NoLocks as error:
                os.close(opened)
                raise UnwritableFolder(
                    f"{printed(path.parent)} cannot be worked on: {error.strerror}, so two commands could train one "
                    f"run (mount it with flock, or choose another with --out)"
                ) from None
            if held and is_at(opened, path):
                return opened
            os.close(opened)
            if not held:  # where it was held but its name is gone, its last holder has just finished
                tries -= 1
                time.sleep(PATIENCE)
    return None


def sweep_lock(path: Path) -> None:
    """Remove the lock file of a process that died."""
    try:
        opened = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        with suppress(OSError):
            if lock(opened) and is_at(opened, path):
                path.unlink(missing_ok=True)
    finally:
        os.close(opened)
