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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from .job import MEGABYTE, Event, Job, Limits, Why, run_job

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SPAWN = mp.get_context("spawn")


class Worker:
    """The parent's side of a worker: send it a job, receive its events, enforce its limits.

    `imports` names modules that it imports at once.
    """

    def __init__(self, imports: Sequence[str] = ()) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_work, args=(theirs, tuple(imports)), daemon=True)
        with _as_a_worker():
            self.process.start()
        theirs.close()
        self.job: Job | None = None  # None while it waits for one
        self.name = ""
        self.began: float | None = None
        self.out_of_memory = 0

    def give(self, job: Job) -> None:
        """Send it a job; if its process is gone, `hear` says so."""
        self.job, self.name, self.began, self.out_of_memory = job, job.name, None, _times_out_of_memory()
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(job)

    def hear(self) -> Event:
        """The next event of its job; a failure where its process died."""
        try:
            event: Event = self.pipe.recv()
        except (EOFError, OSError):
            return self.death()
        if event.kind == "started":
            self.began = time.monotonic()
        return event

    def breach(self, limits: Limits) -> Event | None:
        """The failure of its job, where its process is gone or exceeded a limit."""
        if not self.process.is_alive() and not self.pipe.poll():
            return self.death()
        spent = time.monotonic() - self.began if self.began is not None else 0.0
        if limits.seconds is not None and spent > limits.seconds:
            return self._failure("time", f"stopped after {limits.seconds:g} s, the limit of a run (--time-limit)")
        if limits.memory_mb is not None and (peak := peak_memory(self.process.pid)) > limits.memory_mb * MEGABYTE:
            reason = f"took {peak / MEGABYTE:,.0f} MB, more than the limit of a run, {limits.memory_mb:g} MB"
            return self._failure("memory", f"{reason} (--memory-limit)")
        return None

    def death(self) -> Event:
        self.end()
        status = self.process.exitcode or 0
        if status >= 0:
            return self._failure("died", f"its process ended with status {status}")
        if status == -signal.SIGKILL and _times_out_of_memory() > self.out_of_memory:
            mend = "fewer --workers, or a --memory-limit"
            return self._failure("memory", f"ended by the kernel, which had no memory left ({mend})")
        likely = "; where nobody did that, want of memory is the likely cause" if status == -signal.SIGKILL else ""
        return self._failure("died", f"its process was ended by {signal.Signals(-status).name}{likely}")

    def _failure(self, why: Why, reason: str) -> Event:
        return Event(self.name, "failed", reason, why=why)

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
    return 1024 * _number_in(f"/proc/{pid}/status", "VmHWM:")


def _times_out_of_memory() -> int:
    """Count of processes that the kernel has killed for want of memory since the machine started."""
    return _number_in("/proc/vmstat", "oom_kill ")


def _number_in(path: str, key: str) -> int:
    with suppress(OSError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    return 0


@contextmanager
def environment_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment, for the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _as_a_worker() -> Iterator[None]:
    """Environment for a process spawned here: one thread for each numerical library, and no interrupts."""
    main = threading.current_thread() is threading.main_thread()
    # A process started while an interrupt is ignored ignores it from its first instruction on.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        with environment_variables(dict.fromkeys(THREADS, "1")):
            yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)


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
