"""The local engine: worker processes on this machine, one per core, one thread each.

The matrix products of small models are too small to share: two processes of one thread finish twice the
runs of one process with two. A worker that dies, or that is ended because its job takes more than it may,
takes its own job with it and no other; another is hired in its place.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait

from .job import Event, Job, Limits, cores
from .worker import Worker, peak_memory

TICK = 0.2
"""Seconds between two checks of the workers' limits."""


class Crew:
    """Workers that stay from one call to the next, `size` at most; `imports` as for a `Worker`.

    Under a limit of memory every job has a new worker: what an earlier one left is not charged to it.
    Raises ValueError for limits that cannot be held here.
    """

    def __init__(self, size: int | None = None, limits: Limits | None = None, imports: Sequence[str] = ()) -> None:
        self.size, self.limits, self.imports = size or cores(), limits or Limits(), imports
        if (self.limits.cpus, self.limits.gpus) != (1, 0):
            raise ValueError("workers of the local engine have one core each: --cpus and --gpus need --engine ray")
        if self.limits.memory_mb is not None and not peak_memory(os.getpid()):
            raise ValueError("this system has no /proc with the memory of processes: memory cannot be limited here")
        self.workers: list[Worker] = []

    def hire(self, count: int) -> None:
        """Start workers until there are `count`, or as many as the crew may have."""
        while len(self.workers) < min(count, self.size):
            self.workers.append(Worker(self.imports))

    def execute(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Run every job, in order, and yield its events. Closing the iterator ends the workers that are busy."""
        waiting = deque(jobs)
        self.hire(len(jobs))
        try:
            for worker in list(self.workers):
                self._give_next(worker, waiting)
            while busy := {worker.pipe: worker for worker in self.workers if worker.job}:
                ready = wait(list(busy), TICK)
                for pipe, worker in busy.items():
                    yield from self._look(worker, pipe in ready, waiting)
        finally:
            for worker in [worker for worker in self.workers if worker.job]:
                self._dismiss(worker)

    def _look(self, worker: Worker, ready: bool, waiting: deque[Job]) -> Iterator[Event]:
        """Pass on a worker's event; at the end of its job give it, or a replacement, the next."""
        event = worker.hear() if ready else None
        if event and event.kind in ("started", "progress"):
            yield event
            event = None
        event = event or worker.breach(self.limits)
        if event is None:
            return
        if worker.began is None:  # it died before
            yield Event(worker.name, "started")
        worker.job = None
        if event.why in ("died", "time", "memory") or self.limits.memory_mb is not None:
            self._dismiss(worker)
        yield event
        self._give_next(worker, waiting)

    def _give_next(self, worker: Worker, waiting: deque[Job]) -> None:
        if not waiting:
            return
        if not worker.process.is_alive():
            self._dismiss(worker)
            worker = Worker(self.imports)
            self.workers.append(worker)
        worker.give(waiting.popleft())

    def _dismiss(self, worker: Worker) -> None:
        worker.end()
        if worker in self.workers:
            self.workers.remove(worker)

    def close(self) -> None:
        """End every worker."""
        for worker in list(self.workers):
            self._dismiss(worker)
