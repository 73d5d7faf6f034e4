"""The Ray engine: the cluster decides where and when a job runs; a worker like the local ones runs it.

Ray starts a supervisor: it hires a `Worker` on its machine, sends it jobs and forwards its events, so limits,
deaths and results are those of the local engine. The supervisor unpacks neither jobs nor results, and imports no
torch. Jobs write into a folder that every machine sees under the same path.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

from .job import MEGABYTE, Event, Execute, Job, Limits, cores
from .local import Crew
from .worker import environment_variables

OWN_CLUSTER = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Settings that make Ray use the loopback address alone; Ray reads them when it is imported."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
STORE = 80 * MEGABYTE
"""Bytes for Ray's object store, near its least: events are small."""
PATIENCE = 60
"""Seconds in which a machine must answer before anything starts."""
GRACE = 5
"""Seconds in which a supervisor that is interrupted ends."""


@contextmanager
def cluster(address: str, workers: int | None, limits: Limits, folder: Path | None) -> Iterator[Execute]:
    """An engine on the cluster; see `engines.open_engine`. A cluster that we started ends with it.

    Raises ValueError where Ray or the cluster is missing, where no machine meets `limits`, and where a machine
    does not see `folder`.
    """
    settings = QUIET | (OWN_CLUSTER if address == "local" else {})
    with environment_variables({name: value for name, value in settings.items() if name not in os.environ}):
        try:
            import ray  # an optional extra, slow to load
        except ModuleNotFoundError:
            raise ValueError("the engine ray needs Ray, an optional extra: pip install 'recall-tasks[ray]'") from None
        ours = not ray.is_initialized()  # a connection made before stays
        if ours:
            _connect(address, workers)
        try:
            machines = _machines(limits)
            if folder is not None:
                _check_folder(folder.resolve(), machines)
            yield partial(_execute, workers, limits)
        finally:
            if ours:
                ray.shutdown()


def _connect(address: str, workers: int | None) -> None:
    import ray  # an optional extra, slow to load

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address == "local":
        quiet |= {"include_dashboard": False, "object_store_memory": STORE}
        try:
            ray.init("local", num_cpus=workers or cores(), **quiet)
        except OSError as error:  # a socket's path takes 107 bytes
            mend = "set RAY_TMPDIR to a folder with a short path, such as /tmp"
            raise ValueError(f"a Ray cluster of one's own cannot start: {error} ({mend})") from None
        return
    if address != "auto":
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or "/" in host:
            raise ValueError(f"an address of a Ray cluster is HOST:PORT, auto or local, not {address!r}")
        try:  # Ray itself tries for a minute
            socket.create_connection((host.strip("[]"), int(port)), 5).close()
        except (OSError, OverflowError) as error:
            raise ValueError(f"no Ray cluster answers at {address}: {error} (start one: ray start --head)") from None
    try:
        ray.init(address, **quiet)
    except ConnectionError:
        mend = "start one with `ray start --head`, name one with --address HOST:PORT, or take --address local"
        raise ValueError(f"no Ray cluster runs on this machine: {mend}") from None
    except RuntimeError as error:
        raise ValueError(f"the Ray cluster at {address} cannot be used: {' '.join(str(error).split())}") from None


def _machines(limits: Limits) -> list[dict[str, Any]]:
    """The machines of the cluster that can run a job. Raises ValueError where there is none."""
    import ray  # an optional extra, slow to load

    resources = {"CPU": limits.cpus, "GPU": limits.gpus, "memory": (limits.memory_mb or 0) * MEGABYTE}
    alive = [node for node in ray.nodes() if node["Alive"]]
    able = [node for node in alive if all(node["Resources"].get(k, 0) >= amount for k, amount in resources.items())]
    if not able:
        most = {name: max(node["Resources"].get(name, 0) for node in alive) for name in resources}
        form = "{CPU:g} CPU, {GPU:g} GPU, {MB:,.0f} MB"
        needs, has = (form.format(**amounts, MB=amounts["memory"] / MEGABYTE) for amounts in (resources, most))
        raise ValueError(
            f"no machine of the Ray cluster can ever run a job that needs {needs}: the most that one has are {has}"
        )
    return able


def _check_folder(folder: Path, machines: list[dict[str, Any]]) -> None:
    """Raises ValueError where a machine does not see the folder, or cannot import this package."""
    import ray  # an optional extra, slow to load
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    word = uuid4().hex
    probe = folder / f".{word}.probe"
    probe.write_text(word)
    try:
        check = ray.remote(_sees)
        there = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in machines]
        answers = [
            check.options(num_cpus=0, max_retries=0, scheduling_strategy=place).remote(str(probe), word)
            for place in there
        ]
        for where, answer in zip((node["NodeManagerAddress"] for node in machines), answers, strict=True):
            try:
                visible = ray.get(answer, timeout=PATIENCE)
            except ray.exceptions.RayError as error:
                reason = str(error).strip().splitlines()[-1]
                raise ValueError(
                    f"machine {where} of the Ray cluster cannot import recall_tasks, which must be installed "
                    f"there as it is here: {reason}"
                ) from None
            if not visible:
                raise ValueError(
                    f"machine {where} of the Ray cluster does not see {folder}: --out must be on a file system "
                    "that all machines share, under the same path"
                )
    finally:
        probe.unlink(missing_ok=True)


def _sees(probe: str, word: str) -> bool:
    path = Path(probe)
    return path.is_file() and path.read_text() == word


def _execute(workers: int | None, limits: Limits, jobs: Sequence[Job]) -> Iterator[Event]:
    import ray  # an optional extra, slow to load

    own = replace(limits, cpus=1, gpus=0)
    memory = int((limits.memory_mb or 0) * MEGABYTE) or None
    # No retries: a person decides whether a run is tried again (--retry).
    options = {"num_cpus": limits.cpus, "num_gpus": limits.gpus, "memory": memory, "max_retries": 0}
    task = ray.remote(_supervise).options(num_returns="streaming", **options)
    waiting = deque(jobs)
    running: dict[Any, Job] = {}
    begun: set[Any] = set()
    try:
        while waiting or running:
            while waiting and (workers is None or len(running) < workers):
                job = waiting.popleft()
                packed = Job(job.name, _unpacked, (pickle.dumps((job.function, job.arguments)),))
                running[task.remote(packed, own)] = job
            ray.wait(list(running), num_returns=1)
            ready, _ = ray.wait(list(running), num_returns=len(running), timeout=0)
            for stream in ready:
                event = _next(stream, running[stream].name)
                if stream not in begun and event.kind != "started":
                    yield Event(event.job, "started")
                begun.add(stream)
                if event.kind in ("finished", "failed"):
                    del running[stream]
                yield event
    finally:
        _cancel(set(running))


def _cancel(streams: set[Any]) -> None:
    """Interrupt the supervisors, which end their workers and all that those have started; then kill the rest."""
    import ray  # an optional extra, slow to load

    for stream in streams:
        ray.cancel(stream)
    until = time.monotonic() + GRACE
    while streams and (left := until - time.monotonic()) > 0:
        for stream in ray.wait(list(streams), num_returns=1, timeout=left)[0]:
            try:
                ray.get(next(stream))
            except (ray.exceptions.RayError, StopIteration):
                streams.remove(stream)
    for stream in streams:
        ray.cancel(stream, force=True)


def _next(stream: Any, name: str) -> Event:
    """The next event of a supervisor; a failure as Ray reports it where the supervisor is gone."""
    import ray  # an optional extra, slow to load

    try:
        event: Event = ray.get(next(stream))
    except ray.exceptions.OutOfMemoryError:
        return Event(name, "failed", "ended by Ray, as its machine had no memory left (--memory-limit)", why="memory")
    except ray.exceptions.RayTaskError as error:
        return Event(name, "failed", str(error).strip().splitlines()[-1], str(error), "error")
    except (ray.exceptions.RayError, StopIteration) as error:
        reason = f"its worker or the machine it was on is gone ({type(error).__name__})"
        return Event(name, "failed", reason, str(error), "died")
    if event.kind in ("progress", "finished"):
        return replace(event, content=pickle.loads(event.content))
    return event


_crews: dict[tuple[Limits, str | None], Crew] = {}
"""In a Ray worker: the one worker hired there, for as long as limits and GPUs are the same."""


def _supervise(job: Job, limits: Limits) -> Iterator[Event]:
    """Run a job in a worker of this machine; called in a Ray worker."""
    key = limits, os.environ.get("CUDA_VISIBLE_DEVICES")
    if key not in _crews:
        for crew in _crews.values():
            crew.close()
        _crews.clear()
        _crews[key] = Crew(1, limits)
    with _no_program():
        _crews[key].hire(1)
    yield from _crews[key].execute([job])


@contextmanager
def _no_program() -> Iterator[None]:
    """Keep a process spawned here from importing the program of the Ray worker."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _unpacked(packed: bytes, watch: Callable[[bytes], None]) -> bytes:
    """In the worker: run the job; progress and result are packed again, for the supervisor to forward."""
    function, arguments = pickle.loads(packed)
    return pickle.dumps(function(*arguments, lambda content: watch(pickle.dumps(content))))
