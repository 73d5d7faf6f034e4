"""Points inside the write path: every call that changes a folder is one, and something happens at the n-th."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = ("open", "fsync", "replace", "rename", "mkdir", "unlink")
FREEING = ("unlink",)
"""Calls that succeed on a full disk."""


def arm(act: Callable[[str, bool], None]) -> None:
    """Have `act(call, after)` called before and after every call; in a process that is given up for it."""
    for name in CALLS:
        setattr(os, name, _armed(name, getattr(os, name), act))


def _armed(name: str, real: Callable[..., Any], act: Callable[[str, bool], None]) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        if name == "open" and not arguments[1] & os.O_CREAT:
            return real(*arguments, **named)
        act(name, False)
        result = real(*arguments, **named)
        act(name, True)
        return result

    return call


def count(told: Path) -> None:
    """Add a byte to `told` at every point, two for each call."""
    file = told.open("ab", buffering=0)
    arm(lambda name, after: file.write(b".") and None)


def strike(at: int, blow: int) -> None:
    """Send a signal to this process at the point `at`, counted from 0."""
    seen = 0

    def act(name: str, after: bool) -> None:
        nonlocal seen
        if seen == at:
            os.killpg(0, blow) if blow == signal.SIGKILL else signal.raise_signal(blow)
        seen += 1

    arm(act)


def refuse(at: int, number: int, forever: bool) -> None:
    """Let the system refuse the call at the point `at`, or all from there on, with this error number."""
    seen = 0

    def act(name: str, after: bool) -> None:
        nonlocal seen
        possible = name not in FREEING or number not in (errno.ENOSPC, errno.EDQUOT)
        if not after and possible and seen >= at and (forever or seen < at + 2):
            seen += 2
            raise OSError(number, os.strerror(number))
        seen += 1

    arm(act)
