"""Commands on a folder of many finished runs beside reading its records as JSON: `x reading` is processor time over
that of `json.loads` on the same bytes. Runs are copies of two under other seeds, with 32 points on their curves."""

import contextlib
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from runners.cli.main import main
from runners.config.run import ModelSetting, TaskSetting, Training
from runners.execution.engines import execute
from runners.execution.sweep import carry_out
from runners.storage.records import read_record, record_bytes, write_record
from runners.studies.study import Ask, Study

from .tables import Columns, Line

RUNS = 1000
LINE = Columns({"command": "<8", "runs": ">7", "seconds": ">9.2f", "x reading": ">11.1f"})
GRID = partial(
    Study.grid,
    "folders",
    [TaskSetting("mqar", 16, {"num_pairs": 2, "num_keys": 8, "num_values": 8})],
    [ModelSetting("linear", width=8), ModelSetting("window", {"window": 4}, width=8)],
    Training(updates=20, tokens=512),
    asks=[Ask("extrapolation", {"ladder": [1, 2, 4], "rows": 24})],
)


def make_folder(folder: Path, runs: int) -> Path:
    """A finished study of so many runs, half of each memory: one seed is trained, the others are its copies."""
    for event in carry_out(GRID(seeds=1), folder, partial(execute, workers=0)):
        if event.kind == "failed":
            raise RuntimeError(event.log)
    study = GRID(seeds=runs // 2)
    first = {run.label: folder / run.name for run in study.runs if run.seed == 0}
    for place in first.values():
        result = read_record(place / "result.json")
        result["curve"] = [point | {"update": i + 1} for i, point in enumerate((result["curve"] * 32)[:32])]
        write_record(place / "result.json", result)
    for run in study.runs:
        place = folder / run.name
        if run.seed:
            shutil.copytree(first[run.label], place)
            for path in place.glob("*.json"):
                new = {"name": run.name, "identity": run.identity, "seed": run.seed}
                content = read_record(path)
                new = {key: value for key, value in new.items() if key in content}
                path.write_bytes(record_bytes(content | new))
    names = [run.name for run in study.runs]
    content = {"name": study.name, "runs": names, "command": "recall sweep", "seconds": 1.0, "study": study.to_json()}
    write_record(folder / "study.json", content)
    return folder


def commands(folder: Path) -> dict[str, list[str]]:
    """The words of each command."""
    return {
        "query": ["query", "select count(*) from scores", str(folder)],
        "plan": ["sweep", str(folder), "--dry-run"],
        "report": ["report", str(folder)],
    }


def run(words: list[str]) -> None:
    """Run a command. Raises RuntimeError where it does not end well, for its time says nothing then."""
    if status := main(words):
        raise RuntimeError(f"`recall {' '.join(words)}` ended with status {status}")


def spent(work: Callable[[], object]) -> float:
    """Processor time of work, in seconds."""
    began = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        work()
    return time.process_time() - began


def table(runs: int = RUNS) -> Iterator[Line]:
    """A record for each command, and one for reading alone."""
    yield LINE
    with tempfile.TemporaryDirectory(prefix="recall-") as name:
        small, large = (make_folder(Path(name) / str(count), count) for count in (4, runs))
        for words in commands(small).values():
            spent(partial(run, words))  # imports do not count
        paths = sorted(large.rglob("*.json"))
        reading = spent(lambda: [json.loads(path.read_bytes()) for path in paths])
        yield "reading", runs, reading, 1.0
        for command, words in commands(large).items():
            seconds = spent(partial(run, words))
            yield command, runs, seconds, seconds / reading
