"""Score a model: rows of a stream in, right and wrong answers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import SequenceModel
from recall_tasks import IGNORE, Batch, Stream, Task, bounds

from ..config.run import Run
from ..statistics import cluster_interval

Places = NDArray[np.int32]

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


def device_of(model: torch.nn.Module) -> torch.device:
    """Where the model's weights are: its tokens go there too. The CPU for a model without weights."""
    return next((weights.device for weights in model.parameters()), torch.device("cpu"))


TOKENS = 2**22
"""Tokens drawn at once, at most."""

STATE_FLOATS = 2**26
"""Numbers that states carry at once, at most: 256 MiB, and a copy while they grow."""


@torch.no_grad()
def predict(model: SequenceModel, batch: Batch, piece: int = PIECE) -> NDArray[np.int32]:
    """The model's answers as token ids, [B, Q]; IGNORE for spare questions.

    Rows are read in pieces of about `piece` tokens in all, each continuing the state of the last.
    """
    B, T = batch.tokens.shape
    step = max(1, piece // B)
    device = device_of(model)
    tokens = torch.from_numpy(batch.tokens).to(device)
    rows, positions = (index.to(device) for index in places(batch))
    answers = torch.empty(len(rows), dtype=torch.int64, device=device)
    states, told = None, origins(batch).to(device) if model.uses_oracle else None
    for start in range(0, T, step):
        here = (positions >= start) & (positions < start + step)
        now = None if told is None else told[:, start : start + step]
        logits, states = model(tokens[:, start : start + step], (rows[here], positions[here] - start), states, now)
        answers[here] = logits.argmax(-1) + model.answers.start
    said = np.full_like(batch.answers, IGNORE)
    said[batch.asking] = answers.cpu().numpy()
    return said


@dataclass(frozen=True)
class Scored:
    """Every question of a test, each field [sequences, Q]; IGNORE where a question is spare.

    queries, origins     positions where it is asked and where its answer was written, in tokens
    answers, predicted   token ids
    """

    queries: Places
    origins: Places
    answers: Places
    predicted: Places

    @property
    def asking(self) -> NDArray[np.bool_]:
        """Which questions are asked, not spare."""
        return np.asarray(self.answers != IGNORE)

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.asking & (self.predicted == self.answers))

    @property
    def distances(self) -> Places:
        """Tokens from an answer to its question."""
        return np.asarray(self.queries - self.origins)

    @property
    def accuracy(self) -> float:
        """Share of the questions asked that were answered rightly."""
        return float(self.right.sum() / self.asking.sum())

    @staticmethod
    def joined(parts: Sequence[Scored]) -> Scored:
        """Rows of several, one after the other."""
        names = [field.name for field in fields(Scored)]
        return Scored(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def outputs(scored: Scored, key: str) -> dict[str, Tensor]:
    """What is kept of every question, so that any score can be worked out again: int32 tensors `key/queries`, ..."""
    kept = {field.name: getattr(scored, field.name) for field in fields(Scored)}
    return {f"{key}/{name}": torch.from_numpy(values.astype(np.int32)) for name, values in kept.items()}


def rows_at_once(model: SequenceModel, length: int) -> int:
    """Rows read side by side: 64, fewer where they are so long, or their states so large, that memory would run out."""
    return max(1, min(64, TOKENS // length, STATE_FLOATS // max(1, model.state_floats(length))))


def score(
    model: SequenceModel, stream: Stream, rows: int, batch: int = 0, heard: Callable[[int], None] = lambda rows: None
) -> Scored:
    """Ask `rows` rows of the stream. The model is left in evaluation mode.

    batch   rows read side by side; 0: as many as `rows_at_once` says
    heard   is told, after every batch, how many rows are done
    """
    model.eval()
    parts = []
    for read in stream.batches(batch or rows_at_once(model, stream.length), 0, rows):
        parts.append(Scored(read.asked, read.origins, read.answers, predict(model, read)))
        heard(sum(len(part.predicted) for part in parts))
    return Scored.joined(parts)


@lru_cache(maxsize=256)
def task_bounds(task: Task, length: int) -> dict[str, float]:
    """Floors and payload of a task at a length: the same for every model, so worked out once."""
    return bounds.floors(task, length) | {"payload_bits": task.payload_bits(length)}


def score_record(run: Run, model: SequenceModel, scored: Scored, task: Task, length: int) -> dict[str, Any]:
    """One tidy row: accuracy with its interval between the floors and the ceiling, and what it cost."""
    rows, questions = scored.right.shape
    right, asked = scored.right.sum(1), scored.asking.sum(1)
    accuracy, (low, high) = scored.accuracy, cluster_interval(right, asked)
    state_bytes = 4 * model.state_floats(length)
    return {
        "length": length,
        "load": getattr(task, task.load),
        "train_length": run.task.length,
        "num_sequences": rows,
        "num_questions": questions,
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "exact": float((right == asked).mean()),
        **task_bounds(task, length),
        "ceiling": bounds.ceiling(8 * state_bytes, task, length),
        "recalled_bits": bounds.recalled_bits(accuracy, task, length),
        "state_bytes": state_bytes,
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def sequence_records(scored: Scored, length: int) -> list[dict[str, Any]]:
    """Right answers of each test row, from which intervals over seeds are drawn."""
    return [
        {"length": length, "sequence": row, "num_correct": int(right), "num_questions": int(asked)}
        for row, (right, asked) in enumerate(zip(scored.right.sum(1), scored.asking.sum(1), strict=True))
    ]
