"""Locks of the kernel on open files, and partial files that such a lock protects while they are written.

A lock is freed when its process dies, however it dies. A file or directory that is being written is called
`.<word>.partial` and locked by its writer: a partial without a lock was left by a killed process and can be removed.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

UNSUPPORTED = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF, errno.EINVAL)
"""Errors of file systems without locks; a network file system has none on directories (EBADF)."""
SUFFIX = ".partial"
STALE = 3600
"""Seconds after which a partial is removed on a file system without locks."""


class NoLocks(OSError):
    """A file system, or a system, that has no locks."""


def lock(opened: int, wait: bool = False) -> bool:
    """Lock an open file for this process alone; False where another process has it. Raises NoLocks, OSError."""
    if fcntl is None:
        raise NoLocks(errno.ENOSYS, "this system has no flock")
    try:
        fcntl.flock(opened, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in UNSUPPORTED:
            raise NoLocks(error.errno, "its file system has no locks") from None
        raise
    return True


def is_at(opened: int, path: Path) -> bool:
    """True while the open file still has that name."""
    try:
        there, ours = os.stat(path, follow_symlinks=False), os.fstat(opened)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


@contextmanager
def partial_file(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file to write and rename into place; gone afterwards if it was not."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    with _partial(folder, flags) as (opened, path), os.fdopen(opened, "wb", closefd=False) as file:
        yield file, path


@contextmanager
def partial_directory(folder: Path) -> Iterator[Path]:
    """A new directory to fill and rename into place; gone afterwards if it was not."""
    with _partial(folder, os.O_RDONLY | os.O_DIRECTORY) as (_, path):
        yield path


@contextmanager
def _partial(folder: Path, flags: int) -> Iterator[tuple[int, Path]]:
    """A new file or directory, opened and locked."""
    while True:
        path = folder / f".{secrets.token_hex(8)}{SUFFIX}"
        if flags & os.O_DIRECTORY:
            path.mkdir()
        try:
            opened = os.open(path, flags | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            if flags & os.O_DIRECTORY:  # swept before it could be opened
                continue
            raise
        with suppress(NoLocks):  # then age tells
            lock(opened, wait=True)
        if is_at(opened, path):
            break
        os.close(opened)  # swept before it could be locked
    try:
        yield opened, path
    finally:
        _remove(path)
        os.close(opened)


def sweep(path: Path) -> None:
    """Remove a partial or a lock file, unless a living process has it locked."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR  # network file systems lock no file that is only read
    try:
        opened = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # swept by another, or not ours
        return
    try:
        with suppress(OSError):
            if _abandoned(opened) and is_at(opened, path):
                _remove(path)
    finally:
        os.close(opened)


def _abandoned(opened: int) -> bool:
    try:
        return lock(opened)
    except NoLocks:
        return time.time() - os.fstat(opened).st_mtime > STALE


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
