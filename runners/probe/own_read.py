"""The memory's own read: a frozen state is asked with a key, and what it answers is decoded, not the state.

Readers of whole states are given rows of one template: each item has its place and its key. Here keys and places
change from row to row, as in training, so no reader could know where to look; the memory is shown the key of an
item, as a question would show it, and a decoder shared by all items (`readers.Shared`) says which value came out. A
layer's answer y is taken before the residual, for x + y holds the key itself.

A decoder that knows the key might say a value of its own for each. The control task of Hewitt and Liang 2019 (arXiv
1909.03368) is that task: each key has a value drawn once and for all. What a decoder scores on what was stored,
above what it scores on this, is its selectivity.

Shapes: n rows, T tokens, K items, D model width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models import SequenceModel
from models.sequence_model import norm
from recall_tasks import Stream, Task

from ..evaluation.evaluate import PIECE, STATE_FLOATS, device_of
from .capture import read_on
from .templates import Question, probed

Labels = NDArray[np.int64]
States = NDArray[np.float32]


class Bindings(NamedTuple):
    """Rows of the task's own: keys, places and values are all fresh.

    tokens     [n, T] up to where the first row asks for its items, less questions before
    keys       [n, K] tokens; those of a row are distinct
    labels     [n, K] which value each has, from 0
    positions  [n, K] where it was written, in order
    """

    tokens: NDArray[np.int32]
    keys: Labels
    labels: Labels
    positions: Labels

    @property
    def ages(self) -> Labels:
        """Tokens read since each item was written, the mean over rows: [K]."""
        mean: Labels = (self.tokens.shape[1] - 1 - self.positions).mean(0).round().astype(np.int64)
        return mean


def bindings(task: Task, length: int, rows: int, seed: int = 0) -> Bindings:
    """The first rows of the probe split. Raises ValueError as `probed` does, and for tasks whose items are not asked
    for by a key of their own."""
    if not probed(task, length).keyed:
        raise ValueError(f"{task.name}: items are not asked for by a key alone; read its states item by item")
    drawn = Stream(task, length, "probe", seed).rows(0, rows)
    stored = drawn.stored
    asking = [Question(task, drawn[i]) for i in range(rows)]
    end = min(question.end for question in asking)
    if stored.positions.max() >= end:
        raise ValueError(
            f"{task.name}: some rows ask by token {end} for what others write later; read its states item by item"
        )
    tokens = np.stack([question.row[:end] for question in asking])
    keys, values, positions = (a.astype(np.int64) for a in (stored.keys, stored.values, stored.positions))
    return Bindings(tokens, keys, values - task.alphabet.start, positions)


@torch.no_grad()
def asked(model: SequenceModel, rows: Bindings) -> list[States]:
    """What each layer answers to the key of each item once the rows were read: [n, K D], item after item."""
    model.eval()
    end = rows.tokens.shape[1]
    step = max(1, min(PIECE // end, STATE_FLOATS // max(1, model.state_floats(end))))
    parts: list[list[States]] = [[] for _ in model.blocks]
    for start in range(0, len(rows.tokens), step):
        tokens, keys, positions = (
            torch.from_numpy(a[start : start + step]).to(device_of(model))
            for a in (rows.tokens, rows.keys, rows.positions)
        )
        for part, y in zip(parts, own_reads(model, read_on(model, tokens, None), keys, positions), strict=True):
            part.append(y.flatten(1).float().cpu().numpy())
    return [np.concatenate(part) for part in parts]


@torch.no_grad()
def own_reads(model: SequenceModel, states: Sequence[Any], keys: Tensor, origins: Tensor | None = None) -> list[Tensor]:
    """What each layer's memory answers to each of the keys [B, K], one alone after the states: [B, K, D] a layer.

    A layer above the first is asked by what the layers below made of the key. origins [B, K], where the answers were
    written, reaches the memories that are `told`.
    """
    answers: list[list[Tensor]] = [[] for _ in model.blocks]
    for item in range(keys.shape[1]):
        x = F.embedding(keys[:, item : item + 1], model.embedding)
        told = None if origins is None else origins[:, item : item + 1]
        for block, state, found in zip(model.blocks, states, answers, strict=True):
            said = (told,) if getattr(block.memory, "told", False) else ()
            y, _ = block.memory(norm(x), state, *said)
            found.append(y[:, 0])
            x = block.think(x + y)
    return [torch.stack(found, dim=1) for found in answers]


def control_labels(keys: Labels, num_values: int, rng: np.random.Generator) -> Labels:
    """The control task: a value for each key that occurs, drawn once and for all: [n, K] like `keys`.

    Values are given to as many keys each as can be, so a guess scores no more than on the task itself, unless there
    are fewer keys than values.
    """
    found, which = np.unique(keys, return_inverse=True)
    value_of: Labels = rng.permutation(np.arange(len(found)) % num_values)
    return value_of[which].reshape(keys.shape)
