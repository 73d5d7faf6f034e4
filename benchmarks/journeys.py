"""Journeys through the code: how many files a reader enters to follow one piece of work from end to end.

    study     a study of one small run -> its finished directory, in this process
    score     a stream -> its scored sequences
    probe     a finished run -> its record of a probe
    report    finished runs and their probe records -> the page with all figures

A file counts where a function of it is called; what runs when modules are imported does not count."""

import inspect
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from recall_tasks import Stream
from runners.config.run import ModelSetting, TaskSetting, Training
from runners.evaluation.evaluate import score
from runners.execution.engines import execute
from runners.execution.run_job import measure_run
from runners.execution.sweep import carry_out
from runners.report import write_report
from runners.results.tables import collect
from runners.studies.study import Ask, Study

from .tables import Columns, Line

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("runners", "models", "recall_tasks")

STUDY = Study.grid(
    "journey",
    [TaskSetting("mqar", 16, {"num_pairs": 2, "num_keys": 8, "num_values": 8})],
    [ModelSetting("linear", width=8)],
    Training(updates=20, tokens=512),
    seeds=1,
    asks=[Ask("extrapolation", {"ladder": [1, 2], "rows": 8})],
)
PROBE = {"probe": {"readers": ["ridge"], "rows": 256}}


def entered(work: Callable[[], Any]) -> list[str]:
    """Files of the project in which a function was called during `work`, sorted, relative to the checkout."""
    files = set[str]()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        # Bodies of modules and classes are code without CO_OPTIMIZED: they run on import.
        if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            files.add(frame.f_code.co_filename)

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    inside = [Path(file).relative_to(ROOT) for file in files if Path(file).is_relative_to(ROOT)]
    return sorted(str(file) for file in inside if file.parts[0] in PACKAGES)


def journeys() -> dict[str, list[str]]:
    """Files entered on each journey, each walked once before it is counted, so that imports do not count."""

    def study() -> Path:
        folder = Path(tempfile.mkdtemp(prefix="recall-"))
        for event in carry_out(STUDY, folder, partial(execute, workers=0)):
            if event.kind == "failed":
                raise RuntimeError(event.log)
        return folder

    def ask(place: Path) -> None:
        measure_run(str(place), PROBE, lambda message: None)

    run = STUDY.runs[0]
    stream, model = Stream(run.task.task, run.task.length, "test"), run.build()
    first, second = study() / run.name, study() / run.name
    score(model, stream, 8)
    ask(first)
    write_report(collect([first.parent]), first.parent)
    return {
        "study": entered(study),
        "score": entered(lambda: score(model, stream, 8)),
        "probe": entered(lambda: ask(second)),
        "report": entered(lambda: write_report(collect([first.parent]), first.parent)),
    }


def table() -> Iterator[Line]:
    """A record for each journey: files in all, and by package."""
    yield Columns({"journey": "<10", "files": ">7", **dict.fromkeys(PACKAGES, ">14")})
    for name, files in journeys().items():
        yield name, len(files), *(sum(file.startswith(f"{package}/") for file in files) for package in PACKAGES)
