"""Scores of a model: sequences of a stream in, predictions and accuracies out."""

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
from models.contract import check_state
from recall_tasks import IGNORE, Batch, Stream, Task, bounds

from ..config.run import Run
from ..statistics import cluster_interval

Places = NDArray[np.int32]

PIECE = 2**15
"""Tokens of one forward pass; longer sequences continue the state piece by piece, in constant memory."""


def places(batch: Batch) -> tuple[Tensor, Tensor]:
    """Queries of a batch as indices (sequence, position), each [questions], one sequence after the other."""
    sequences, column = batch.asking.nonzero()
    return torch.from_numpy(sequences), torch.from_numpy(batch.asked[sequences, column]).long()


def origins(batch: Batch) -> Tensor:
    """Positions of the written answers at queries, -1 elsewhere: [B, T], for a memory with an oracle."""
    dense = np.full(batch.tokens.shape, -1, dtype=np.int64)
    sequences, column = batch.asking.nonzero()
    dense[sequences, batch.asked[sequences, column]] = batch.origins[sequences, column]
    return torch.from_numpy(dense)


def device_of(model: torch.nn.Module) -> torch.device:
    """Device of the model's weights, and so of its tokens. The CPU for a model without weights."""
    return next((weights.device for weights in model.parameters()), torch.device("cpu"))


TOKENS = 2**22
"""Most tokens sampled at once."""

STATE_FLOATS = 2**26
"""Most numbers in states at once: 256 MiB, and a copy while they grow."""


@torch.no_grad()
def predict(model: SequenceModel, batch: Batch, piece: int = PIECE) -> NDArray[np.int32]:
    """The model's answers as token ids, [B, Q]; IGNORE for spare questions.

    Sequences are read in pieces of about `piece` tokens in all, each continuing the state of the last; at once where
    a memory reads nothing else. Raises BrokenContract where the last state is not as large as the memory says.
    """
    B, T = batch.tokens.shape
    step = T if getattr(model, "reads_whole", False) else max(1, piece // B)
    device = device_of(model)
    tokens = torch.from_numpy(batch.tokens).to(device)
    sequences, positions = (index.to(device) for index in places(batch))
    answers = torch.empty(len(sequences), dtype=torch.int64, device=device)
    states, oracle = None, origins(batch).to(device) if model.uses_oracle else None
    for start in range(0, T, step):
        here = (positions >= start) & (positions < start + step)
        now = None if oracle is None else oracle[:, start : start + step]
        logits, states = model(tokens[:, start : start + step], (sequences[here], positions[here] - start), states, now)
        answers[here] = logits.argmax(-1) + model.answers.start
    if states:  # what a memory says of its size decides its ceiling
        for block, state in zip(model.blocks, states, strict=True):
            check_state(block.memory, state, T, B, model.embedding.dtype)
    predicted = np.full_like(batch.answers, IGNORE)
    predicted[batch.asking] = answers.cpu().numpy()
    return predicted


@dataclass(frozen=True)
class Predictions:
    """Answers to every question of a test, each field [sequences, Q]; IGNORE where a question is spare.

    queries, origins     positions of the query and of its written answer, in tokens
    answers, predicted   token ids
    """

    queries: Places
    origins: Places
    answers: Places
    predicted: Places

    @property
    def asking(self) -> NDArray[np.bool_]:
        """True for questions that are asked, False for spare ones."""
        return np.asarray(self.answers != IGNORE)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """True for questions answered correctly."""
        return np.asarray(self.asking & (self.predicted == self.answers))

    @property
    def distances(self) -> Places:
        """Tokens from a written answer to its query."""
        return np.asarray(self.queries - self.origins)

    @property
    def accuracy(self) -> float:
        """Fraction of the asked questions that were answered correctly."""
        return float(self.correct.sum() / self.asking.sum())

    @staticmethod
    def concatenate(parts: Sequence[Predictions]) -> Predictions:
        """Predictions of several batches, one after the other."""
        names = [field.name for field in fields(Predictions)]
        return Predictions(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def outputs(scored: Predictions, key: str) -> dict[str, Tensor]:
    """Tensors to be saved, from which any score can be recomputed: int32, named `key/queries`, ..."""
    columns = {field.name: getattr(scored, field.name) for field in fields(Predictions)}
    return {f"{key}/{name}": torch.from_numpy(values.astype(np.int32)) for name, values in columns.items()}


def sequences_at_once(model: SequenceModel, length: int) -> int:
    """Sequences of a batch: 64, or fewer if their length or the size of their states would exhaust the memory."""
    return max(1, min(64, TOKENS // length, STATE_FLOATS // max(1, model.state_floats(length))))


def score(
    model: SequenceModel,
    stream: Stream,
    sequences: int,
    batch: int = 0,
    watch: Callable[[int], None] = lambda count: None,
) -> Predictions:
    """Test the model on the first sequences of the stream, and leave it in evaluation mode.

    batch   sequences read side by side; 0: `sequences_at_once`
    watch   receives the number of finished sequences after every batch
    """
    model.eval()
    parts = []
    for read in stream.batches(batch or sequences_at_once(model, stream.length), 0, sequences):
        parts.append(Predictions(read.asked, read.origins, read.answers, predict(model, read)))
        watch(sum(len(part.predicted) for part in parts))
    return Predictions.concatenate(parts)


@lru_cache(maxsize=256)
def task_bounds(task: Task, length: int) -> dict[str, float]:
    """Floors and payload of a task at a length: the same for every model, so computed once."""
    return bounds.floors(task, length) | {"payload_bits": task.payload_bits(length)}


def score_record(run: Run, model: SequenceModel, scored: Predictions, task: Task, length: int) -> dict[str, Any]:
    """One tidy record: accuracy with its interval, floors, ceiling, and size of the state.

    The ceiling is that of the fullest state, which no question is answered from more than: the last may be far smaller.
    """
    sequences, questions = scored.correct.shape
    correct, asked = scored.correct.sum(1), scored.asking.sum(1)
    accuracy, (low, high) = scored.accuracy, cluster_interval(correct, asked)
    size = run.model.item_size
    state_bytes = size * model.fullest_floats(length)
    return {
        "length": length,
        "load": getattr(task, task.load),
        "train_length": run.task.length,
        "num_sequences": sequences,
        "num_questions": questions,
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "exact": float((correct == asked).mean()),
        **task_bounds(task, length),
        "ceiling": bounds.ceiling(8 * state_bytes, task, length),
        "recalled_bits": bounds.recalled_bits(accuracy, task, length),
        "state_bytes": state_bytes,
        "state_bytes_at_end": size * model.state_floats(length),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def sequence_records(scored: Predictions, length: int) -> list[dict[str, Any]]:
    """Correct answers to each test sequence, from which intervals over seeds are computed."""
    return [
        {"length": length, "sequence": index, "num_correct": int(correct), "num_questions": int(asked)}
        for index, (correct, asked) in enumerate(zip(scored.correct.sum(1), scored.asking.sum(1), strict=True))
    ]
