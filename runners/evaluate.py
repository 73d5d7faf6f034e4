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
from recall_tasks import IGNORE, Batch, Stream, Task, bounds

from .experiment import Run
from .statistics import cluster_interval, wilson

PIECE = 2**15
"""Tokens a forward pass takes at once; longer rows go through the state in pieces, in constant memory."""


def places(batch: Batch) -> tuple[Tensor, Tensor]:
    """The asked places of a batch as indices (row, position), each [questions], row after row."""
    rows, column = batch.asking.nonzero()
    return torch.from_numpy(rows), torch.from_numpy(batch.asked[rows, column]).long()


def origins(batch: Batch) -> Tensor:
    """Where the answer of each token was written, -1 where it asks nothing: [B, T], for a memory that is told."""
    dense = np.full(batch.tokens.shape, -1, dtype=np.int64)
    rows, column = batch.asking.nonzero()
    dense[rows, batch.asked[rows, column]] = batch.origins[rows, column]
    return torch.from_numpy(dense)


@torch.no_grad()
def predict(model: SequenceModel, batch: Batch, piece: int = PIECE) -> NDArray[np.int32]:
    """The model's answers as token ids, [B, Q]; IGNORE for spare questions.

    Rows are read in pieces of about `piece` tokens in all, each continuing the state of the last.
    """
    B, T = batch.tokens.shape
    step = max(1, piece // B)
    tokens = torch.from_numpy(batch.tokens)
    rows, positions = places(batch)
    answers = torch.empty(len(rows), dtype=torch.int64)
    states, told = None, origins(batch) if model.told else None
    for start in range(0, T, step):
        here = (positions >= start) & (positions < start + step)
        now = None if told is None else told[:, start : start + step]
        logits, states = model(tokens[:, start : start + step], (rows[here], positions[here] - start), states, now)
        answers[here] = logits.argmax(-1) + model.answers.start
    said = np.full_like(batch.answers, IGNORE)
    said[batch.asking] = answers.numpy()
    return said


@dataclass(frozen=True)
class Scored:
    """Of every question: was it asked or spare, was it answered rightly, and its distance; each [rows, Q]."""

    asking: NDArray[np.bool_]
    right: NDArray[np.bool_]
    distances: NDArray[np.int32]

    @property
    def accuracy(self) -> float:
        """Share of the questions asked that were answered rightly."""
        return float(self.right.sum() / self.asking.sum())


def score(model: SequenceModel, stream: Stream, rows: int, batch: int = 64) -> Scored:
    """Ask `rows` rows of the stream. The model is left in evaluation mode."""
    model.eval()
    parts = []
    for start in range(0, rows, batch):
        asked = stream.rows(start, min(batch, rows - start))
        right = asked.asking & (predict(model, asked) == asked.answers)
        parts.append((asked.asking, right, asked.distances))
    return Scored(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


@lru_cache(maxsize=256)
def task_bounds(task: Task, length: int) -> dict[str, float]:
    """Floors and payload of a task at a length: the same for every model, so worked out once."""
    return bounds.floors(task, length) | {"payload_bits": task.payload_bits(length)}


def score_row(run: Run, model: SequenceModel, scored: Scored, task: Task, length: int) -> dict[str, Any]:
    """One tidy row: accuracy with its interval between the floors and the ceiling, and what it cost."""
    rows, questions = scored.right.shape
    right, asked = scored.right.sum(1), scored.asking.sum(1)
    accuracy = scored.accuracy
    if questions == 1:
        low, high = (float(bound) for bound in wilson(int(right.sum()), rows))
    else:
        low, high = cluster_interval(right, asked, seed=0)
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
        "exact": float((right == asked).mean()),
        **task_bounds(task, length),
        "ceiling": bounds.ceiling(8 * state_bytes, task, length),
        "recalled_bits": bounds.recalled_bits(accuracy, task, length),
        "state_bytes": state_bytes,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def sequence_rows(scored: Scored, length: int) -> list[dict[str, Any]]:
    """Right answers of each test row, from which intervals over seeds are drawn."""
    return [
        {"length": length, "row": row, "right": int(right), "asked": int(asked)}
        for row, (right, asked) in enumerate(zip(scored.right.sum(1), scored.asking.sum(1), strict=True))
    ]


def distance_rows(scored: Scored, length: int) -> list[dict[str, Any]]:
    """Accuracy by distance, in bins whose width doubles: 1, 2-3, 4-7, ..."""
    bins = np.floor(np.log2(np.maximum(scored.distances, 1))).astype(int)
    table = []
    for b in range(bins.min(), bins.max() + 1):
        inside = scored.asking & (bins == b)
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
