"""A worker process: one thread, one job at a time; its own side and that of its parent.

It is spawned, so it inherits nothing. It leads a process group of its own, so that processes its job starts end
with it, and it ends when its parent does, whatever it is doing. Interrupts are left to the parent.
"""

from __future__ import annotations

import importlib
import multiprocessing as mp
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from .job import MEGABYTE, Event, Job, Limits, run_job

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SPAWN = mp.get_context("spawn")


class Worker:
    """The parent's side of a worker: send it a job, receive its events, enforce its limits.

    `imports` names modules that it imports at once, while the parent still does other things.
    """

    def __init__(self, imports: Sequence[str] = ()) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_work, args=(theirs, tuple(imports)), daemon=True)
        with _as_a_worker():
            self.process.start()
        theirs.close()
        self.job: Job | None = None
        self.began: float | None = None
        self.out_of_memory = 0

    def give(self, job: Job) -> None:
        """Send it a job; if its process is gone, `hear` says so."""
        self.job, self.began, self.out_of_memory = job, None, _times_out_of_memory()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(job)

    def hear(self, name: str) -> Event:
        """Its next event of the job of this name; a failure where its process died."""
        try:
            event: Event = self.pipe.recv()
        except (EOFError, OSError):
            return self.death(name)
        if event.kind == "started":
            self.began = time.monotonic()
        return event

    def breach(self, name: str, limits: Limits) -> Event | None:
        """The failure of the job of this name, where its process is gone or exceeded a limit."""
        if not self.process.is_alive() and not self.pipe.poll():
            return self.death(name)
        spent = time.monotonic() - self.began if self.began is not None else 0.0
        if limits.seconds is not None and spent > limits.seconds:
            reason = f"stopped after {limits.seconds:g} s, the limit of a run (--time-limit)"
            return Event(name, "failed", reason, why="time")
        if limits.memory_mb is not None and (peak := peak_memory(self.process.pid)) > limits.memory_mb * MEGABYTE:
            reason = f"took {peak / MEGABYTE:,.0f} MB, more than the limit of a run, {limits.memory_mb:g} MB"
            return Event(name, "failed", f"{reason} (--memory-limit)", why="memory")
        return None

    def death(self, name: str) -> Event:
        self.end()
        status = self.process.exitcode or 0
        if status >= 0:
            return Event(name, "failed", f"its process ended with status {status}", why="died")
        if status == -signal.SIGKILL and _times_out_of_memory() > self.out_of_memory:
            reason = "ended by the kernel, which had no memory left (fewer --workers, or a --memory-limit)"
            return Event(name, "failed", reason, why="memory")
        reason = f"its process was ended by {signal.Signals(-status).name}"
        likely = "; where nobody did that, want of memory is the likely cause" if status == -signal.SIGKILL else ""
        return Event(name, "failed", reason + likely, why="died")

    def end(self) -> None:
        """End it now, with all that its job has started."""
        if self.pipe.closed:
            return
        self.process.kill()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.join()
        self.pipe.close()


def peak_memory(pid: int | None) -> int:
    """Peak resident memory of a process in bytes; 0 where the system does not say."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 0


def _times_out_of_memory() -> int:
    """Count of processes that the kernel has killed for want of memory since the machine started."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


@contextmanager
def _as_a_worker() -> Iterator[None]:
    """Environment for a process spawned here: one thread for each numerical library, and no interrupts."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    main = threading.current_thread() is threading.main_thread()
    # A process started while an interrupt is ignored ignores it from its first instruction on.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(pipe: Connection, imports: tuple[str, ...]) -> None:
    """In the worker: take jobs from the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgid(0, 0)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        for name in imports:
            with suppress(Exception):  # the job that needs it raises it again
                importlib.import_module(name)
        while True:
            job = pipe.recv()
            for event in run_job(job, pipe.send):
                pipe.send(event)
    except (EOFError, OSError):
        return  # the parent is gone


def _end_with_parent() -> None:
    parent = mp.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os.killpg(0, signal.SIGKILL)
