"""Cost of running beside training. Per update: `train` in a worker, with its rows, learning curve and news,
over the bare steps of the same run. Startup: seconds of `recall --help` and until a sweep's
first run has begun, beside Python alone. Runs a minute: equal runs on one worker and on two."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.execution.engines import Event, Job, open_engine
from runners.training.loop import step, train

from .tables import Columns, Line

TASK = TaskSetting("mqar", 64, {"num_pairs": 16, "num_keys": 64, "num_values": 64})
ROOT = Path(__file__).parent.parent


def run(updates: int, memory: str = "linear") -> Run:
    """A run that takes all its updates, each of the same size. Its curve has a point every ten."""
    training = Training(updates=updates, tokens=4096, policy="fixed", solve_at=1.0)
    return Run(TASK, ModelSetting(memory), training)


def timed_updates(memory: str, updates: int, repeats: int, watch: Callable[[Any], None]) -> list[tuple[float, float]]:
    """Seconds an update of `train`, and of them in its bare steps: the job of a worker, the first run left out."""
    one, times = run(updates, memory), []
    for _ in range(repeats + 1):
        spent = 0.0

        def timed_step(*given: Any) -> tuple[float, float]:
            nonlocal spent
            began = time.perf_counter()
            lost = step(*given)
            spent += time.perf_counter() - began
            return lost

        with patch("runners.training.loop.step", timed_step):
            curve = train(one, watch)[2]
        times.append((curve[-1]["seconds"] / curve[-1]["update"], spent / updates))
    return times[1:]


def train_once(updates: int, watch: Callable[[Any], None]) -> int:
    return int(train(run(updates), watch)[1].updates)


def contents_of(events: Iterable[Event]) -> list[Any]:
    """What jobs returned. Raises RuntimeError where one failed."""
    ended = [event for event in events if event.kind in ("finished", "failed")]
    if failed := [event for event in ended if event.kind == "failed"]:
        raise RuntimeError(failed[0].log or failed[0].content)
    return [event.content for event in ended]


def command_seconds(*words: str) -> float:
    """Seconds that Python takes for a command."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - began


def seconds_to_first_run() -> float:
    """Seconds from `recall sweep` until a worker has claimed its first run, a moment before its first update."""
    model = {"memory": "linear", "width": 8}
    study = {"tasks": [{"name": "mqar", "length": 12, "fields": {"num_pairs": 2}}], "models": [model], "seeds": 1}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "one.json")
        path.write_text(json.dumps(study | {"training": {"updates": 10, "tokens": 128}}))
        words = [sys.executable, "-m", "runners", "sweep", str(path), "--out", f"{place}/runs"]
        began = time.perf_counter()
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as sweep:
            while not list(Path(place).glob("runs/.*.lock")) and sweep.poll() is None:
                time.sleep(0.005)
            return time.perf_counter() - began


def runs_a_minute(workers: int, updates: int, runs: int) -> float:
    """Equal runs on so many workers that have train_once before."""
    with open_engine(workers=workers) as execute:
        contents_of(execute([Job(str(i), train_once, (5,)) for i in range(workers)]))
        began = time.perf_counter()
        contents_of(execute([Job(str(i), train_once, (updates,)) for i in range(runs)]))
        return 60 * runs / (time.perf_counter() - began)


def table(updates: int = 100, repeats: int = 5, runs: int = 8) -> Iterator[Line]:
    yield Columns({"memory": "<12", "ms/update": ">11.2f", "bare step": ">11.2f", "overhead": ">10.1%"})
    with open_engine(workers=1) as execute:
        for memory in ("attention", "linear", "gru"):
            (times,) = contents_of(execute([Job(memory, timed_updates, (memory, updates, repeats))]))
            ours, bare = (median(column) for column in zip(*times, strict=True))
            yield memory, 1e3 * ours, 1e3 * bare, ours / bare - 1
    ways: dict[str, Callable[[], float]] = {
        "python -c pass": lambda: command_seconds("-c", "pass"),
        "recall --help": lambda: command_seconds("-m", "runners", "--help"),
        "python -c 'import torch'": lambda: command_seconds("-c", "import torch"),
        "recall sweep, first run": seconds_to_first_run,
    }
    yield Columns({"startup": "<28", "seconds": ">9.2f"})
    for name, way in ways.items():
        yield name, median(way() for _ in range(repeats))
    yield Columns({"workers": "<10", "runs/minute": ">12.1f", "of one": ">9.2f"})
    rates = [(one, runs_a_minute(one, updates, runs)) for _ in range(min(3, repeats)) for one in (1, 2)]
    one, two = (median(rate for workers, rate in rates if workers == number) for number in (1, 2))
    yield 1, one, 1.0
    yield 2, two, two / one
    yield f"on {os.cpu_count()} cores"
