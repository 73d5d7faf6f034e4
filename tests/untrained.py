"""Finished runs without training: models as they are initialised, tested, kept whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recall_tasks import Stream
from runners import storage
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.evaluation import evaluate
from runners.evaluation.breakdown import breakdown_records, distance_records
from runners.execution.provenance import environment

ROWS = 24
ENVIRONMENT = environment()
OUTCOME = {
    "stopped": "updates", "solved": False, "updates": 0, "tokens": 0, "seconds": 0.5, "updates_to_half": None,
    "updates_to_solve": None, "seconds_to_solve": None, "validation": 0.25,
}  # fmt: skip


def a_run(memory: str = "linear", seed: int = 0, pairs: int = 2, **options: Any) -> Run:
    task = TaskSetting("mqar", 16, {"num_pairs": pairs, "num_keys": 8, "num_values": 8})
    return Run(task, ModelSetting(memory, options, width=8, layers=1), seed=seed)


def keep(folder: Path, run: Run, ladder: tuple[int, ...] = ()) -> Path:
    """The directory of a finished run, asked at multiples of its length too."""
    model = run.build()
    result, answers = tested(run, model, run.task.length, "test")
    point = {"update": 10, "tokens": 160, "seconds": 0.1, "stage": 1, "stages": 1, "stage_length": 16}
    result |= {
        "outcome": OUTCOME, "curve": [point | {"stage_load": 2, "loss": 2.0, "accuracy": 0.1}],
        "checksum": Stream(run.task.task, run.task.length, "test").checksum(), "environment": ENVIRONMENT,
    }  # fmt: skip
    place = storage.write_run(folder, run, result, dict(model.state_dict()), answers)
    if ladder:
        record: dict[str, Any] = {"done": [], "scores": [], "distances": [], "breakdown": [], "sequences": []}
        kept = {}
        for multiple in ladder:
            rows, answers = tested(run, model, multiple * run.task.length, str(multiple))
            record = {table: record[table] + rows.get(table, []) for table in record}
            kept |= answers
        record |= {"length": run.task.length, "identity": run.identity}
        record["outputs"] = [{"name": "outputs-ladder", "digest": storage.write_tensors(place, "outputs-ladder", kept)}]
        storage.write_record(place / "extrapolation.json", record)
    return place


def tested(run: Run, model: Any, length: int, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables of one test, and its answers under a key."""
    stream = Stream(run.task.task, length, "test")
    scored = evaluate.score(model, stream, ROWS)
    tables = {
        "scores": [evaluate.score_record(run, model, scored, stream.task, length)],
        "distances": distance_records(scored, length),
        "breakdown": breakdown_records(scored, length),
        "sequences": evaluate.sequence_records(scored, length),
    }
    return tables, evaluate.outputs(scored, key)
