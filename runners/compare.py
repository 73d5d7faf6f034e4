"""Run a study: train what is missing, test it on the ladder, probe it, keep everything.

From Python, in a script or a notebook:

    compare([MQAR(num_pairs=16)], {"mine": Mine, "gru": "gru"}, seeds=3).report("mine")
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from models import Memory
from recall_tasks import Task

from . import store
from .bring import IMPORTING, adopt
from .comparison import comparison_table
from .engine import Event, Job, cores, execute
from .experiment import ModelSetting, Run, TaskSetting, Training
from .jobs import fulfil, missing
from .results import Results, collect
from .study import Study


def carry_out(study: Study, folder: Path, workers: int | None = None, command: str = "") -> Iterator[Event]:
    """Execute what the study still misses in `folder`; where a `command` is named, keep it with the study.

    Raises store.CorruptRun or store.UnwritableFolder before anything starts.
    """
    store.open_folder(folder)
    jobs = [
        Job(run.name, fulfil, (run.to_json(), str(folder), study.request(run)))
        for run in study.runs
        if not complete(study, folder, run)
    ]
    began = time.time()
    try:
        yield from execute(jobs, workers)
    finally:
        if command:
            record_study(study, folder, time.time() - began if jobs else 0.0, workers, command)


def complete(study: Study, folder: Path, run: Run) -> bool:
    """Whether nothing is left to do for this run."""
    return store.is_finished(folder, run) and not missing(folder / run.name, study.request(run))


def record_study(study: Study, folder: Path, seconds: float, workers: int | None, command: str) -> None:
    """Keep what was asked for, where and how long it took; time adds up over resumptions."""
    path = folder / "study.json"
    before = store.unsealed(path)["seconds"] if path.is_file() else 0.0
    content = {
        "name": study.name,
        "runs": [run.name for run in study.runs],
        "command": command,
        "seconds": before + seconds,
        "workers": cores() if workers is None else workers,
    }
    store.write_whole(path, store.sealed(content))


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
    study = Study.grid("comparison", settings, models, training or Training(), seeds, ladder=tuple(ladder))
    place = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="recall-"))
    for event in carry_out(study, place, workers=0, command="compare(...)"):
        if event.kind == "failed":
            raise RuntimeError(f"{event.job}: {event.content}\n{event.log}")
    return Comparison(collect([place], [run.name for run in study.runs]), place)
