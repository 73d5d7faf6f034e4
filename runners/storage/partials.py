"""What is being written, under a name that nothing reads: `.<word>.partial`.

Its writer holds a lock on it (flock), which the kernel frees when the writer dies, however it dies. So what
nobody holds is what a killed process left, and can be swept at once.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .locks import NoLocks, is_at, lock

SUFFIX = ".partial"
STALE = 3600
"""Seconds after which a partial is swept where the file system has no locks to tell by."""


@contextmanager
def partial_file(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file to write and rename into place; gone afterwards if it was not."""
    while True:
        path = folder / f".{secrets.token_hex(8)}{SUFFIX}"
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb")
        if _hold(file.fileno(), path):
            break
        file.close()
    try:
        with file:
            yield file, path
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def partial_directory(folder: Path) -> Iterator[Path]:
    """A new directory to fill and rename into place; gone afterwards if it was not."""
    while True:
        path = folder / f".{secrets.token_hex(8)}{SUFFIX}"
        path.mkdir()
        try:
            opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # swept before it could be held
            continue
        if _hold(opened, path):
            break
        os.close(opened)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(opened)


def sweep(path: Path) -> None:
    """Remove a partial, unless a living process holds it."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # swept by another, or not ours to read
        return
    try:
        if _abandoned(opened):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
    finally:
        os.close(opened)


def _hold(opened: int, path: Path) -> bool:
    """Hold a new partial; False where a sweep was faster and removed it."""
    with suppress(NoLocks):  # then age tells
        lock(opened, wait=True)
    return is_at(opened, path)


def _abandoned(opened: int) -> bool:
    try:
        return lock(opened)
    except NoLocks:
        return time.time() - os.fstat(opened).st_mtime > STALE
