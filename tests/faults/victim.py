"""A process to disturb: forked, so that it need not import anything, and a session of its own."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

TRACEBACK = 70


@dataclass(frozen=True)
class Ended:
    """`status` as a shell counts it, negative for the signal that killed it; all of stderr; seconds it took."""

    status: int
    err: str
    seconds: float


def begin(act: Callable[[], int]) -> tuple[int, int]:
    """Start `act` in a process of its own: its id, and its stderr."""
    err, name = tempfile.mkstemp()
    os.unlink(name)
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid, err
    status = TRACEBACK
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(err, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        status = act()
    except KeyboardInterrupt:  # before or after the sweep itself
        status = 130
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def end(pid: int, err: int, began: float) -> Ended:
    _, status = os.waitpid(pid, 0)
    os.lseek(err, 0, os.SEEK_SET)
    with os.fdopen(err) as file:
        return Ended(os.waitstatus_to_exitcode(status), file.read(), time.monotonic() - began)


def suffer(act: Callable[[], int], after: float | None = None, blow: int = signal.SIGKILL) -> Ended:
    """Let `act` run to its end, or send it a signal `after` so many seconds."""
    began = time.monotonic()
    pid, err = begin(act)
    if after is not None:
        time.sleep(after)
        os.killpg(pid, blow) if blow == signal.SIGKILL else os.kill(pid, blow)
    return end(pid, err, began)
