"""A sweep of four tiny runs, and what an undisturbed one leaves behind."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from runners import storage
from runners.config.run import ModelSetting, TaskSetting, Training
from runners.execution import run_job
from runners.execution.engines import execute
from runners.execution.sweep import carry_out
from runners.studies.study import Ask, Study

STUDY = Study.grid(
    "faults",
    [TaskSetting("mqar", 12, {"num_pairs": 2, "num_keys": 4, "num_values": 4})],
    [ModelSetting("linear", width=8, layers=1), ModelSetting("gru", width=8, layers=1)],
    Training(updates=4, tokens=96, curriculum=1, warmup=1),
    seeds=2,
    asks=[Ask("extrapolation", {"ladder": [2], "rows": 16})],
)
RUN_FILES = ("run.json", "result.json", "weights.safetensors", "outputs.safetensors")
TIMES = ("seconds", "environment", "warning")
"""Keys, or parts of keys, that tell how a run came about; a damaged checkpoint is a warning in its result."""


class Broken(Exception):
    """A promise that was not kept."""


def carry_through(folder: Path, arming: Callable[[], None] | None = None, trained: Path | None = None) -> int:
    """The sweep as a command carries it out, in this process: what went wrong on stderr, and the exit status.

    Every update is checkpointed. `arming` prepares what is to go wrong; the names of runs that are trained
    are added to the file `trained`.
    """
    if arming:
        arming()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    train = partial(run_job.train, every=0.0)

    def told(run: Any, *arguments: Any, **named: Any) -> Any:
        if trained:
            with trained.open("a") as file:
                file.write(f"{run.name}\n")
        return train(run, *arguments, **named)

    run_job.train = told
    failed = 0
    try:
        for event in carry_out(STUDY, folder, partial(execute, workers=0), command="sweep", retry=True):
            if event.kind == "failed":
                failed += 1
                print(f"failed: {event.job}: {event.content}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except ValueError as error:
        print(f"recall: {error}", file=sys.stderr)
        return 2
    return 1 if failed else 0


def contents(folder: Path) -> dict[str, Any]:
    """All that the runs of a folder hold and that a repetition must hold too. Raises ValueError for damage."""
    held: dict[str, Any] = {}
    for place in storage.find_runs([folder]):
        storage.load_run(place)
        storage.load_result(place)
        for path in sorted(place.iterdir()):
            timeless = path.suffix == ".json"
            name = f"{place.name}/{path.name}"
            held[name] = _timeless(storage.read_record(path)) if timeless else path.read_bytes()
    return held


def finished(folder: Path) -> dict[str, Any]:
    """For each finished run, file by file, which file it is, when it was written, and its bytes."""
    seen = {}
    for record in sorted(folder.glob("[!.]*/result.json")):
        files = {name: record.parent / name for name in RUN_FILES}
        seen[record.parent.name] = {
            name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for name, path in files.items()
        }
    return seen


def check_kept(folder: Path, before: dict[str, Any], why: str) -> dict[str, Any]:
    """What is finished now. Raises Broken where something finished before is not, or is another file."""
    now = finished(folder)
    for name, files in before.items():
        if now.get(name) != files:
            raise Broken(f"{why}: the finished run {name} was {'rewritten' if name in now else 'lost'}")
    for name in now:
        try:
            storage.load_run(folder / name)
        except ValueError as error:
            raise Broken(f"{why}: {name} is there and damaged: {error}") from None
    return now


def check_whole(folder: Path, reference: dict[str, Any], why: str) -> None:
    """Raises Broken unless the sweep is complete, as an undisturbed one, and nothing else is left."""
    held = contents(folder)
    if held.keys() != reference.keys():
        raise Broken(f"{why}: these files are too many or missing: {sorted(held.keys() ^ reference.keys())}")
    for name, content in reference.items():
        if held[name] != content:
            raise Broken(f"{why}: {name} is not as in an undisturbed sweep: {_first_difference(content, held[name])}")
    left = sorted(path.name for path in folder.iterdir() if path.name not in {run.name for run in STUDY.runs})
    if left != ["study.json"]:
        raise Broken(f"{why}: left behind: {', '.join(left)}")
    if (asked := storage.load_study(folder)) is None or asked["runs"] != [run.name for run in STUDY.runs]:
        raise Broken(f"{why}: study.json does not say what was asked for")


def check_told(err: str, why: str, *needed: str) -> None:
    """Raises Broken for a traceback, and where no line of stderr has all that is needed."""
    if "Traceback" in err:
        raise Broken(f"{why}: a traceback on stderr:\n{err}")
    if not any(all(word in line for word in needed) for line in err.splitlines() or [""]):
        raise Broken(f"{why}: no line says {' and '.join(needed)}: {err!r}")


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {k: _timeless(v) for k, v in content.items() if not any(time in k for time in TIMES)}
    return [_timeless(value) for value in content] if isinstance(content, list) else content


def _first_difference(a: Any, b: Any) -> str:
    if isinstance(a, bytes):
        return f"{len(a)} and {len(b)} bytes"
    first, second = (json.dumps(value, sort_keys=True) for value in (a, b))
    at = next((i for i, (x, y) in enumerate(zip(first, second, strict=False)) if x != y), 0)
    return f"{first[max(0, at - 60) : at + 40]!r} and {second[max(0, at - 60) : at + 40]!r}"
