"""Write so that a reader finds the old file or the new one, never a part, even after the power failed.

What cannot be written is one sentence that names the folder and the mend.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .partials import partial_file
from .records import printed

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UnwritableFolder(ValueError):
    """A folder that cannot be made or written into."""


class FullDisk(UnwritableFolder):
    """A folder that has no room left: what follows will fail too, until some is freed."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say what the system refuses in the words of this project: raises FullDisk or UnwritableFolder for OSError."""
    try:
        yield
    except OSError as error:
        raise _refusal(folder, error) from None


def _refusal(folder: Path, error: OSError) -> UnwritableFolder:
    why = (error.strerror or str(error)).lower()
    if error.errno in FULL:
        return FullDisk(
            f"no room is left in {printed(folder)} ({why}): free some and give the same command again; "
            f"finished runs are kept"
        )
    if error.errno == errno.EIO:
        return UnwritableFolder(
            f"the disk of {printed(folder)} fails ({why}): finished runs are kept; choose another with --out"
        )
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY) and error.filename:
        target = os.fsdecode(error.filename2 or error.filename)
        while not os.path.lexists(target) and target != os.path.dirname(target):
            target = os.path.dirname(target)
        return UnwritableFolder(
            f"cannot write to {printed(folder)}: {printed(target)} is in the way ({why}): "
            f"move it away or choose another with --out"
        )
    return UnwritableFolder(f"cannot write to {printed(folder)}: {why} (choose another with --out)")


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path`, flushed to disk with its name. Raises UnwritableFolder; the old file then stays."""
    with writing(path.parent):
        with partial_file(path.parent) as (file, partial):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(partial, path)
        flush_names(path.parent)


def flush_names(folder: Path) -> None:
    """Flush the names in a folder to disk: a rename is lasting only when they are."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that keep names without being asked
            raise
    finally:
        os.close(opened)
