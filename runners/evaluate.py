"""Score a model: rows of a stream in, right and wrong answers out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import SequenceModel
from recall_tasks import Batch, Stream, Task, bounds

from .experiment import Run
from .statistics import cluster_interval, wilson

PIECE = 2**15
"""Tokens a forward pass takes at once; longer rows go through the state in pieces, in constant memory."""


def places(batch: Batch) -> tuple[Tensor, Tensor]:
    """The asked places of a batch as indices (row, position), each [B * Q]."""
    rows = torch.arange(len(batch)).repeat_interleave(batch.asked.shape[1])
    return rows, torch.from_numpy(batch.asked).reshape(-1).long()


@torch.no_grad()
def predict(model: SequenceModel, batch: Batch, piece: int = PIECE) -> NDArray[np.int32]:
    """The model's answers as token ids, [B, Q].

    Rows are read in pieces of about `piece` tokens in all, each continuing the state of the last.
    """
    B, T = batch.tokens.shape
    step = max(1, piece // B)
    tokens = torch.from_numpy(batch.tokens)
    rows, positions = places(batch)
    answers = torch.empty(len(rows), dtype=torch.int64)
    states = None
    for start in range(0, T, step):
        here = (positions >= start) & (positions < start + step)
        logits, states = model(tokens[:, start : start + step], (rows[here], positions[here] - start), states)
        answers[here] = logits.argmax(-1) + model.answers.start
    return answers.view(B, -1).numpy().astype(np.int32)


@dataclass(frozen=True)
class Scored:
    """right [rows, Q] and distance [rows, Q] of every question asked."""

    right: NDArray[np.bool_]
    distances: NDArray[np.int32]


def score(model: SequenceModel, stream: Stream, rows: int, batch: int = 64) -> Scored:
    """Ask `rows` rows of the stream. The model is left in evaluation mode."""
    model.eval()
    right, distances = [], []
    for start in range(0, rows, batch):
        asked = stream.rows(start, min(batch, rows - start))
        right.append(predict(model, asked) == asked.answers)
        distances.append(asked.distances)
    return Scored(np.concatenate(right), np.concatenate(distances))


@lru_cache(maxsize=256)
def task_bounds(task: Task, length: int) -> dict[str, float]:
    """Floors and payload of a task at a length: the same for every model, so worked out once."""
    return bounds.floors(task, length) | {"payload_bits": task.payload_bits(length)}


def score_row(run: Run, model: SequenceModel, scored: Scored, task: Task, length: int) -> dict[str, Any]:
    """One tidy row: accuracy with its interval between the floors and the ceiling, and what it cost."""
    rows, questions = scored.right.shape
    right = scored.right.sum(1)
    accuracy = float(scored.right.mean())
    if questions == 1:
        low, high = (float(bound) for bound in wilson(int(right.sum()), rows))
    else:
        low, high = cluster_interval(right, np.full(rows, questions), seed=0)
    state_bytes = 4 * model.state_floats(length)
    return {
        "length": length,
        "load": getattr(task, task.load),
        "train_length": run.task.length,
        "num_rows": rows,
        "num_questions": questions,
        "accuracy": accuracy,
        "low": float(low),
        "high": float(high),
        "exact": float((right == questions).mean()),
        **task_bounds(task, length),
        "ceiling": bounds.ceiling(8 * state_bytes, task, length),
        "recalled_bits": bounds.recalled_bits(accuracy, task, length),
        "state_bytes": state_bytes,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def sequence_rows(scored: Scored, length: int) -> list[dict[str, Any]]:
    """Right answers of each test row, from which intervals over seeds are drawn."""
    asked = scored.right.shape[1]
    return [
        {"length": length, "row": row, "right": int(right), "asked": asked}
        for row, right in enumerate(scored.right.sum(1))
    ]


def distance_rows(scored: Scored, length: int) -> list[dict[str, Any]]:
    """Accuracy by distance, in bins whose width doubles: 1, 2-3, 4-7, ..."""
    bins = np.floor(np.log2(scored.distances)).astype(int)
    table = []
    for b in range(bins.min(), bins.max() + 1):
        inside = bins == b
        asked = inside.sum(1)
        if asked.sum() == 0:
            continue
        right = (scored.right & inside).sum(1)
        some = asked > 0
        low, high = cluster_interval(right[some], asked[some], seed=0)
        table.append(
            {
                "length": length,
                "distance_low": 2**b,
                "distance_high": 2 ** (b + 1) - 1,
                "num_questions": int(asked.sum()),
                "accuracy": float(right.sum() / asked.sum()),
                "low": float(low),
                "high": float(high),
            }
        )
    return table
