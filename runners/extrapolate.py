"""A finished run, asked at lengths it never trained on, with the load it trained with."""

from __future__ import annotations

from typing import Any

from models import SequenceModel
from recall_tasks import Stream

from .evaluate import distance_rows, score, score_row, sequence_rows
from .experiment import Run

LADDER = (1, 2, 4, 8, 16)
ROWS = 256


def extrapolate(run: Run, model: SequenceModel, ladder: tuple[int, ...] = LADDER, rows: int = ROWS) -> dict[str, Any]:
    """Scores at each multiple of the training length: {"done", "scores", "distances", "sequences"}.

    The test rows of a length are the same for every model and seed, so comparisons are paired. Rows are
    read in pieces through the state: memory does not grow with length, save what the state itself holds.
    """
    record: dict[str, Any] = {"done": [[multiple, rows] for multiple in ladder]}
    record |= {"scores": [], "distances": [], "sequences": []}
    task = run.task.task
    for multiple in ladder:
        length = multiple * run.task.length
        scored = score(model, Stream(task, length, "test"), rows)
        record["scores"].append(score_row(run, model, scored, task, length))
        record["distances"] += distance_rows(scored, length)
        record["sequences"] += sequence_rows(scored, length)
    return record
