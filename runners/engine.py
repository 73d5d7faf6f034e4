"""Where jobs execute: side by side, one process per core, one thread each.

The matrix products of small models are too small to share: two processes of one thread finish twice the
runs of one process with two. Workers are spawned, so they inherit nothing; a worker that dies takes its
own job with it and no other. Workers leave interrupts to the parent and end when the parent does.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """`function(*arguments, watch)` under a name; `watch` sends anything picklable back while it runs."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Event:
    """What became of a job: `started`, `progress` with what it sent, `finished` with its result, or `failed`.

    A failure's content is a sentence; `log` holds the traceback, where there was one.
    """

    job: str
    kind: Literal["started", "progress", "finished", "failed"]
    content: Any = None
    log: str = ""


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def execute(jobs: Sequence[Job], workers: int | None = None) -> Iterator[Event]:
    """Run every job, in order, on `workers` processes (0: in this process), and tell what happens.

    Closing the iterator, or an exception in its consumer, stops the workers.
    """
    if workers == 0:
        yield from _execute_here(jobs)
        return
    context = mp.get_context("spawn")
    waiting = list(reversed(jobs))
    busy: dict[Connection, tuple[Any, Job | None]] = {}
    try:
        for _ in range(min(workers or cores(), len(jobs))):
            busy |= _hire(context)
        for pipe in list(busy):
            yield from _give(pipe, busy, waiting)
        while any(job for _, job in busy.values()):
            for ready in wait([pipe for pipe, (_, job) in busy.items() if job]):
                pipe = next(p for p in busy if p is ready)
                process, job = busy[pipe]
                if job is None:
                    continue
                try:
                    event = pipe.recv()
                except (EOFError, OSError):
                    process.join()
                    del busy[pipe]
                    yield Event(job.name, "failed", f"its process ended with status {process.exitcode}")
                    if waiting:
                        hired = _hire(context)
                        busy |= hired
                        yield from _give(next(iter(hired)), busy, waiting)
                    continue
                yield event
                if event.kind in ("finished", "failed"):
                    yield from _give(pipe, busy, waiting)
    finally:
        for process, _ in busy.values():
            process.terminate()
        for process, _ in busy.values():
            process.join()


def _hire(context: Any) -> dict[Connection, tuple[Any, Job | None]]:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    with _as_a_worker():
        process.start()
    theirs.close()
    return {ours: (process, None)}


@contextmanager
def _as_a_worker() -> Iterator[None]:
    """What a process spawned here inherits: one thread for each numerical library, and no interrupts."""
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


def _give(pipe: Connection, busy: dict[Connection, tuple[Any, Job | None]], waiting: list[Job]) -> Iterator[Event]:
    job = waiting.pop() if waiting else None
    busy[pipe] = (busy[pipe][0], job)
    if job:
        yield Event(job.name, "started")
        pipe.send(job)


def _work(pipe: Connection) -> None:
    """A worker: take jobs from the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    try:
        while True:
            job = pipe.recv()
            for event in _events(job, pipe.send):
                pipe.send(event)
    except (EOFError, OSError):
        return  # the parent is gone


def _events(job: Job, send: Callable[[Event], None]) -> Iterator[Event]:
    try:
        result = job.function(*job.arguments, lambda content: send(Event(job.name, "progress", content)))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        yield Event(job.name, "failed", f"{type(error).__name__}: {error}", traceback.format_exc())
    except Exception as error:
        yield Event(job.name, "failed", f"{type(error).__name__}: {error}", traceback.format_exc())
    else:
        yield Event(job.name, "finished", result)


def _execute_here(jobs: Sequence[Job]) -> Iterator[Event]:
    """In this process, for memories that live in a notebook: progress is gathered and told at the end of a job."""
    for job in jobs:
        yield Event(job.name, "started")
        told: list[Event] = []
        for event in _events(job, told.append):
            yield from told
            yield event
