"""What runs, what is told of it, and how much it may take: plain data that every engine shares."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

MEGABYTE = 10**6


@dataclass(frozen=True)
class Job:
    """`function(*arguments, watch)` under a name; `watch` sends anything picklable back while it runs."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Event:
    """What became of a job: `started`, `progress` with what it sent, `finished` with its result, or `failed`.

    A failure's content is a sentence; `log` holds the traceback, where there was one. `why` it failed: it
    raised an `error`, its process `died`, or it took more than its `time` or `memory`.
    """

    job: str
    kind: Literal["started", "progress", "finished", "failed"]
    content: Any = None
    log: str = ""
    why: Literal["", "error", "died", "time", "memory"] = ""


LEAST_MB = 300
"""Below it no run can begin."""


@dataclass(frozen=True)
class Limits:
    """What one job may take. Raises ValueError for what no machine has.

    seconds      by the clock, from when its worker begins it
    memory_mb    resident memory of its worker's process in millions of bytes, Python and torch (some 250) included
    cpus, gpus   what a cluster keeps free for it; parts of one are fine
    """

    seconds: float | None = None
    memory_mb: float | None = None
    cpus: float = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        for name, unit in (("seconds", "seconds"), ("memory_mb", "MB"), ("cpus", "CPUs")):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"a run needs more than 0 {unit}, not {value}")
        if self.memory_mb is not None and self.memory_mb < LEAST_MB:
            raise ValueError(f"a run needs {LEAST_MB} MB at least, most of it Python and torch, not {self.memory_mb:g}")
        if not (self.gpus >= 0 and math.isfinite(self.gpus)):
            raise ValueError(f"a run takes 0 GPUs or more, not {self.gpus}")
        for name in ("cpus", "gpus"):
            value = getattr(self, name)
            if value > 1 and value != int(value):
                raise ValueError(f"more than one of {name} are whole ones, not {value}")


Execute = Callable[[Sequence[Job]], Iterator[Event]]
"""Runs every job and tells what happens. Closing the iterator, or an exception in its consumer, stops the jobs."""


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
