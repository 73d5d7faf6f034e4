"""Run a study: train what is missing, ask what is asked, keep everything.

From Python, in a script or a notebook:

    compare([MQAR(num_pairs=16)], {"mine": Mine, "gru": "gru"}, seeds=3).report("mine")
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from models import Memory
from recall_tasks import Task

from . import storage
from .config.custom_code import IMPORTING, adopt
from .config.run import ModelSetting, Run, TaskSetting, Training
from .execution.engines import Event, Job, cores, execute
from .execution.jobs import ELSEWHERE, fulfil
from .measures.extrapolation import ROWS
from .measures.requests import Request, check, remaining
from .studies import Ask, Study
from .studies.learning_rates import asked_runs
from .studies.matching import check_matched

if TYPE_CHECKING:
    from .results.tables import Results  # pandas takes half a second to import; a sweep does without

Execute = Callable[[Sequence[Job]], Iterator[Event]]
PATIENCE = 1.0
"""Seconds between two looks at a run that another process holds."""
NEVER = 10**9


def carry_out(
    study: Study,
    folder: Path,
    execution: Execute | None = None,
    command: str = "",
    retry: bool = False,
    limit: int = NEVER,
    device: str = "cpu",
) -> Iterator[Event]:
    """Execute what the study still misses in `folder`; where a `command` is named, keep it with the study.

    execution   how jobs run: `engine.execute`, or a part of it with its workers, engine and limits
    retry       whether runs that failed before are tried again; without it they are told as failed
    limit       so many jobs at most, for testing
    device      where models are: "cuda" where the engine gives each job a GPU

    A run that another process works on is left to it and waited for. A grid of learning rates is trained
    first; what the study asks for is then asked of the chosen rate. Raises storage.CorruptRun or
    storage.UnwritableFolder before anything starts, ValueError where models are not matched as the study says.
    """
    check_study(study)
    storage.open_folder(folder)
    storage.load_study(folder)  # refused now rather than when all is trained
    if command:
        record_study(study, folder, 0.0, command)  # a killed sweep says what it was
    began, failed, done = time.time(), set[str](), 0
    given: dict[str, Request] = {}
    runs = {run.name: run for run in study.runs}
    try:
        while True:
            wanted = requests(study, folder)
            todo = [run for run in study.runs if run.name not in failed and lacks(folder, run, wanted[run.name])]
            for name in runs.keys() - {run.name for run in todo} - failed:
                storage.forget_failure(folder, runs[name])  # it failed when all of it was written
            for run in todo if not retry else ():
                if (before := storage.load_failure(folder, run)) is not None:
                    failed.add(run.name)
                    yield Event(run.name, "failed", f"{before['reason']} (it failed before: --retry tries it again)")
            jobs = [
                Job(run.name, fulfil, (run.to_json(), str(folder), wanted[run.name], device))
                for run in todo
                if run.name not in failed and given.get(run.name) != wanted[run.name]  # once for each request
            ][: max(0, limit - done)]
            if not jobs:
                return
            done += len(jobs)
            for event in settled((execution or execute)(jobs), {run.name: run for run in todo}, folder, wanted):
                if event.kind == "failed":
                    failed.add(event.job)
                elif event.kind == "finished":
                    given[event.job] = wanted[event.job]
                yield event
    finally:
        if command and done:
            record_study(study, folder, time.time() - began, command)


def check_study(study: Study) -> None:
    """Raises ValueError where a run cannot be asked what the study asks, or models are not matched as it says."""
    for run in study.runs:
        check(run, study.request(run))
    check_matched(study)


def requests(study: Study, folder: Path) -> dict[str, Request]:
    """What is asked of each run now: nothing but training while its learning rate is not chosen."""
    asked = asked_runs(study, folder)
    return {run.name: study.request(run) if run.name in asked else {} for run in study.runs}


def lacks(folder: Path, run: Run, request: Request) -> bool:
    """Whether anything is left to do for this run."""
    return not storage.is_finished(folder, run) or bool(remaining(folder / run.name, request))


def missing(study: Study, folder: Path) -> list[Run]:
    """The runs for which anything is left to do, in the order of the study."""
    wanted = requests(study, folder)
    return [run for run in study.runs if lacks(folder, run, wanted[run.name])]


def settled(
    events: Iterator[Event], runs: Mapping[str, Run], folder: Path, wanted: Mapping[str, Request]
) -> Iterator[Event]:
    """The events; failures are kept beside the runs, and what another process works on is waited for."""
    started: dict[str, float] = {}
    elsewhere: list[str] = []
    for event in events:
        if event.kind == "started":
            started[event.job] = time.time()
        elif event.kind == "failed":
            if str(event.content).startswith(storage.FullDisk.__name__):  # no run's fault, and every one would fail
                raise storage.FullDisk(str(event.content).partition(": ")[2])
            seconds = time.time() - started.get(event.job, time.time())
            storage.write_failure(folder, runs[event.job], str(event.content), event.why, event.log, seconds)
        elif event.kind == "finished":
            if event.content == ELSEWHERE:
                elsewhere.append(event.job)
                continue
            storage.forget_failure(folder, runs[event.job])
        yield event
    for name in elsewhere:
        yield Event(name, "progress", ELSEWHERE)
        while not released(folder, runs[name]):
            time.sleep(PATIENCE)
        if not lacks(folder, runs[name], wanted[name]):
            yield Event(name, "finished", name)


def released(folder: Path, run: Run) -> bool:
    """Whether no process works on the run just now."""
    with storage.claim(folder, run) as free:
        return free


def record_study(study: Study, folder: Path, seconds: float, command: str) -> None:
    """Keep what was asked for and how long it took; time adds up over resumptions."""
    path = folder / "study.json"
    before = kept["seconds"] if (kept := storage.load_study(folder)) else 0.0
    content = {
        "name": study.name,
        "runs": [run.name for run in study.runs],
        "study": study.to_json(),
        "command": command,
        "seconds": before + seconds,
        "workers": cores(),
    }
    storage.write_record(path, content)


@dataclass(frozen=True, repr=False)
class Comparison:
    """A finished comparison: `results` as tidy DataFrames, `folder` with every run, a table as its repr."""

    results: Results
    folder: Path

    def report(self, folder: str | Path | None = None) -> Path:
        """Write report.html, figures and tables into `folder`, else beside the runs; its path."""
        from .report import write_report  # matplotlib takes a second to import; only a report needs it

        return write_report(self.results, Path(folder) if folder else self.folder)

    def __repr__(self) -> str:
        from .analysis.comparison import comparison_table

        return comparison_table(self.results).replace("\n", "; ", regex=True).to_string()


def compare(
    tasks: Sequence[Task],
    memories: Mapping[str, str | type[Memory]] | Sequence[str],
    length: int = 64,
    seeds: int = 3,
    folder: str | Path | None = None,
    ladder: Sequence[int] = (1, 2, 4),
    training: Training | None = None,
) -> Comparison:
    """Train every memory on every task, one after the other in this process, and test on longer rows.

    `memories` are names, or classes of one's own under the name they should have. Runs are kept in
    `folder` (a new temporary one by default): the same call with the same folder repeats no finished run.
    Raises ValueError for settings that cannot be, RuntimeError where a run failed.
    """
    if IMPORTING:
        raise RuntimeError(f"{IMPORTING[-1]} compares while it is imported: put that under if __name__ == '__main__'")
    if isinstance(memories, str) or isinstance(tasks, Task):
        raise ValueError("tasks and memories are lists (memories may be a dict of names): put them in brackets")
    if any(type(m) is not int or m < 1 for m in ladder):
        raise ValueError(f"ladder takes whole multiples of at least 1 of the length, not {list(ladder)}")
    named = memories if isinstance(memories, Mapping) else {name: name for name in memories}
    models = [ModelSetting(m if isinstance(m, str) else adopt(m), label=label) for label, m in named.items()]
    settings = [TaskSetting(task.name, length, asdict(task)) for task in tasks]
    asks = (Ask("extrapolation", {"ladder": list(ladder), "rows": ROWS}),)
    study = Study.grid("comparison", settings, models, training or Training(), seeds, asks=asks)
    place = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="recall-"))
    for event in carry_out(study, place, partial(execute, workers=0), command="compare(...)", retry=True):
        if event.kind == "failed":
            raise RuntimeError(f"{event.job}: {event.content}\n{event.log}")
    from .results.tables import collect

    return Comparison(collect([place], [run.name for run in study.runs]), place)
