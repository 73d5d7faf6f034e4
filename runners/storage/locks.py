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
    while True:
        path = folder / f".{secrets.token_hex(8)}{SUFFIX}"
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb")
        if _lock_new(file.fileno(), path):
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
        except FileNotFoundError:  # swept before it could be locked
            continue
        if _lock_new(opened, path):
            break
        os.close(opened)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(opened)


def sweep_partial(path: Path) -> None:
    """Remove a partial, unless a living process has it locked."""
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


def _lock_new(opened: int, path: Path) -> bool:
    """Lock a new partial; False where a sweep was faster and removed it."""
    with suppress(NoLocks):  # then age tells
        lock(opened, wait=True)
    return is_at(opened, path)


def _abandoned(opened: int) -> bool:
    try:
        return lock(opened)
    except NoLocks:
        return time.time() - os.fstat(opened).st_mtime > STALE
