"""A job, its events, its limits and its device: plain data that every engine shares; and a job run in this process."""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

MEGABYTE = 10**6
DEVICES = ("auto", "cpu", "cuda", "mps")
"""A device is no part of what a run is, but of its record: weights and sequences are the same on all, and sums are
added in another order, so that last digits differ."""


@dataclass(frozen=True)
class Job:
    """`function(*arguments, watch)` under a name; `watch` sends anything picklable back while it runs."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


Why = Literal["", "error", "died", "time", "memory"]
"""A failed job raised an error, its process died, or it took more than its time or memory."""


@dataclass(frozen=True)
class Event:
    """News of a job: `started`, `progress` with what it sent, `finished` with its result, or `failed`.

    A failure's content is a sentence; `log` holds the traceback, where there was one.
    """

    job: str
    kind: Literal["started", "progress", "finished", "failed"]
    content: Any = None
    log: str = ""
    why: Why = ""


LEAST_MB = 300
"""Below it no run can begin."""


@dataclass(frozen=True)
class Limits:
    """Limits of one job. Raises ValueError for limits that no machine can meet.

    seconds      by the clock, from when its worker begins it
    memory_mb    resident memory of its worker's process in millions of bytes, Python and torch (some 250) included
    cpus, gpus   reserved for it on a cluster; fractions are fine
    """

    seconds: float | None = None
    memory_mb: float | None = None
    cpus: float = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        for value, unit in ((self.seconds, "seconds"), (self.memory_mb, "MB"), (self.cpus, "CPUs")):
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"a run needs more than 0 {unit}, not {value}")
        if self.memory_mb is not None and self.memory_mb < LEAST_MB:
            raise ValueError(f"a run needs {LEAST_MB} MB at least, most of it Python and torch, not {self.memory_mb:g}")
        if not 0 <= self.gpus < math.inf:
            raise ValueError(f"a run takes 0 GPUs or more, not {self.gpus}")
        for name, value in (("cpus", self.cpus), ("gpus", self.gpus)):
            if value > 1 and value != int(value):
                raise ValueError(f"{name} above 1 must be integers, not {value}")


Execute = Callable[[Sequence[Job]], Iterator[Event]]
"""A function that runs jobs and yields their events; closing the iterator stops them."""


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_device(word: str) -> str:
    """The device that a word names here; `auto` takes a GPU if there is one.

    Raises ValueError for another word, and for a device that torch does not see on this machine.
    """
    if word not in DEVICES:
        raise ValueError(f"unknown device {word!r}: choose one of {', '.join(DEVICES)}")
    if word == "cpu":
        return word
    import torch  # which a mistyped flag does not wait for

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if word == "auto":
        return next((name for name, found in there.items() if found), "cpu")
    if not there[word]:
        raise ValueError(f"torch {torch.__version__} sees no {word} device on this machine: take --device cpu, or auto")
    return word


def run_job(job: Job, send: Callable[[Event], None]) -> Iterator[Event]:
    """Run a job in this process; `send` receives its progress, a failure is its last event."""
    yield Event(job.name, "started")
    try:
        result: Any = job.function(*job.arguments, lambda content: send(Event(job.name, "progress", content)))
    except BrokenPipeError:
        raise  # the parent is gone
    except TimeoutError as error:  # the run's own guard
        yield Event(job.name, "failed", str(error), why="time")
    except Exception as error:
        yield Event(job.name, "failed", f"{type(error).__name__}: {error}", traceback.format_exc(), "error")
    else:
        yield Event(job.name, "finished", result)


def execute_here(jobs: Sequence[Job]) -> Iterator[Event]:
    """Run jobs in this process, for memories that live in a notebook; progress comes at the end of a job."""
    for job in jobs:
        progress: list[Event] = []
        for event in run_job(job, progress.append):
            yield from progress
            yield event
