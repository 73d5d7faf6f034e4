"""Disks that are full, that fail, or that cannot be written."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from . import points
from .stage import Stage, finish
from .sweep import STUDY, Broken, carry_through, check_kept, check_told, finished
from .victim import Ended, suffer


def refusals(stage: Stage, number: int) -> Iterator[str]:
    """The disk refuses: full, failing, read-only, from a random point on or once."""
    numbers = [errno.ENOSPC, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS]
    for _ in range(number):
        folder = stage.empty()
        at, why_not = 2 * stage.random.randrange(stage.points // 2), stage.random.choice(numbers)
        forever = stage.random.random() < 0.7
        why = f"{errno.errorcode[why_not]} {'from' if forever else 'at'} point {at}{' on' if forever else ''}"
        ended = suffer(partial(carry_through, folder, partial(points.refuse, at, why_not, forever)))
        yield _starved(stage, folder, ended, why)


def full_disks(stage: Stage, number: int) -> Iterator[str]:
    """A real disk with too little room, where one may be mounted; else files that may not grow."""
    for _ in range(number):
        folder, room = stage.empty(), stage.random.randrange(4, 480) * 1024
        folder.mkdir()
        if mounted := mounted_at(folder, f"size={room}"):
            try:
                why = f"a disk of {room // 1024} KiB"
                ended = suffer(partial(carry_through, folder))
                before = finished(folder)
                quietly("mount", "-o", "remount,size=64m", str(folder))
                yield _starved(stage, folder, ended, why, before)
            finally:
                quietly("umount", str(folder))
        limit = room // 16
        if not mounted:
            why = f"files of {limit} bytes at most"
            ended = suffer(
                partial(carry_through, folder, partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
            )
            yield _starved(stage, folder, ended, why)


def _starved(stage: Stage, folder: Path, ended: Ended, why: str, before: dict[str, Any] | None = None) -> str:
    before = finished(folder) if before is None else before
    if ended.status not in (0, 1, 2):
        raise Broken(f"{why}: it ended with {ended.status}: {ended.err}")
    if ended.status:
        check_told(ended.err, why, str(folder), "--out" if "--out" in ended.err else "free some")
    check_kept(folder, before, why)
    if folder.is_dir() and (left := list(folder.glob("**/.*.partial"))) and "EROFS" not in why and "EIO" not in why:
        raise Broken(f"{why}: half-written files were left: {left}")
    finish(stage, folder, before, why)
    return f"{why}: ended with {ended.status}, {len(before)} of {len(STUDY.runs)} runs finished, all kept"


def mounted_at(folder: Path, options: str) -> bool:
    return os.geteuid() == 0 and quietly("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))


def quietly(*words: str) -> bool:
    pid = os.posix_spawnp(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, 2)])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
