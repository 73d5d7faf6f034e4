"""Locks of the kernel on open files: freed when their process dies, however it dies."""

from __future__ import annotations

import errno
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NONE = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF, errno.EINVAL)
"""How file systems say that they have no locks; a network file system has none on directories (EBADF)."""


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
        if error.errno in NONE:
            raise NoLocks(error.errno, "its file system has no locks") from None
        raise
    return True


def is_at(opened: int, path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        there, ours = os.stat(path, follow_symlinks=False), os.fstat(opened)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
