"""Engines that execute jobs: this process, workers on this machine, or a Ray cluster.

Jobs, their events and their results are the same everywhere. Nothing here imports torch, so that workers can be
hired before the parent has imported it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .job import Event, Execute, Job, Limits, choose_device, cores, execute_here
from .local import Crew
from .ray import cluster

__all__ = ["ENGINES", "Crew", "Event", "Execute", "Job", "Limits", "choose_device", "cores", "execute", "open_engine"]

ENGINES = ("local", "ray")


@contextmanager
def open_engine(
    engine: str = "local",
    workers: int | None = None,
    address: str | None = None,
    limits: Limits | None = None,
    folder: Path | None = None,
    imports: Sequence[str] = (),
) -> Iterator[Execute]:
    """An engine that executes jobs as often as it is called; its workers end with the block.

    workers   jobs at the same time, at most; 0: in this process; by default one a core, or all cores of a cluster
    address   of a Ray cluster: HOST:PORT, "auto" for the one of this machine, "local" for one that ends with us
    folder    what jobs write into: every machine of a cluster must see it
    imports   modules that workers import before their first job; one worker starts at once

    Raises ValueError for what the engine cannot do, such as limits that no machine of the cluster meets.
    """
    limits = limits or Limits()
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}: choose one of {', '.join(ENGINES)}")
    if engine == "ray":
        with cluster(address or "auto", workers, limits, folder) as execute:
            yield execute
    elif address is not None:
        raise ValueError(f"the local engine has no address, such as {address!r}: that names a cluster of --engine ray")
    elif workers == 0:
        if limits != Limits():
            raise ValueError("limits need worker processes: workers=0 has none")
        yield execute_here
    else:
        crew = Crew(workers, limits, imports)
        try:
            crew.hire(1 if imports else 0)  # more would compete with this process for the cores
            yield crew.execute
        finally:
            crew.close()


def execute(
    jobs: Sequence[Job],
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    limits: Limits | None = None,
) -> Iterator[Event]:
    """Run every job, in order, and yield its events; arguments as for `open_engine`.

    Closing the iterator, or an exception in its consumer, stops the workers.
    """
    with open_engine(engine, workers, address, limits) as chosen:
        yield from chosen(jobs)
