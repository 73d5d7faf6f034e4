"""The memory's own read, and a bilinear reader: states asked by a key, where keys change from sequence to sequence.

Keys and positions change from sequence to sequence, as in training, so no reader could know where to look. `own` shows
the memory the key of an item, as a question would, and a decoder shared by all items reads its answer; a layer's answer
y is taken before the residual, for x + y holds the key itself. `bilinear` reads the whole state together with the key.

A decoder that knows the key might give each a value of its own. The control task (Hewitt and Liang 2019, arXiv
1909.03368) is that: each key has a value chosen once and for all.

Shapes: n sequences, T tokens, K items, D model width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models import SequenceModel
from models.sequence_model import norm
from recall_tasks import Stream, Task

from ..evaluation.evaluate import device_of
from .capture import flatten, layers_of, states_at
from .context import Items, ProbeContext, Record, prior_of, probe_records, with_selectivity
from .factorise import factorise
from .readers.bilinear import Bilinear
from .readers.reader import Reader, SharedDecoder
from .readers.ridge import Ridge
from .reading import read, score_records
from .splits import Index, split
from .state_store import Labels, States, Table
from .templates import Question, first_question

PAIRS = 2048
"""Pairs of a state and a key that the bilinear reader is fitted to."""


class Bindings(NamedTuple):
    """Sequences of the task itself, with fresh keys, positions and values.

    tokens     [n, T] up to where the first sequence asks for its items, questions before that blanked
    keys       [n, K] tokens; those of a sequence are distinct
    labels     [n, K] the value of each, from 0
    positions  [n, K] where it was written, in order
    """

    tokens: NDArray[np.int32]
    keys: Labels
    labels: Labels
    positions: Labels

    @property
    def ages(self) -> Labels:
        """Tokens read since each item was written, the mean over sequences: [K]."""
        return rounded_mean(self.tokens.shape[1] - 1 - self.positions)


KeyedStates = tuple[NDArray[np.floating], Record]
"""What a reader is given for each sequence [n, F], and the layer, features and rank of its record."""


def bindings(task: Task, length: int, count: int, seed: int = 0) -> Bindings:
    """The first sequences of the probe split.

    Raises ValueError as `first_question` does, and for tasks whose items are not asked for by a key of their own.
    """
    if not first_question(task, length).keyed:
        raise ValueError(f"{task.name}: items are not asked for by a key alone; read its states item by item")
    batch = Stream(task, length, "probe", seed).rows(0, count)
    stored = batch.stored
    templates = [Question(task, batch[i]) for i in range(count)]
    end = min(question.end for question in templates)
    if stored.positions.max() >= end:
        raise ValueError(
            f"{task.name}: some sequences ask by token {end} for what others write later; read its states item by item"
        )
    tokens = np.stack([question.tokens[:end] for question in templates])
    keys, values, positions = (a.astype(np.int64) for a in (stored.keys, stored.values, stored.positions))
    return Bindings(tokens, keys, values - task.alphabet.start, positions)


def own_read(context: ProbeContext) -> list[Record]:
    """Records of each layer's own answer to a key, and of all together, decoded by one ridge regression."""
    if context.model.uses_oracle or not is_keyed(context):
        return []
    context.watch("probing: the memory's own read")

    def states(bound: Bindings, train: Index) -> Iterator[KeyedStates]:
        reads, (n, K) = answers_to_keys(context.model, bound), bound.labels.shape
        joined = np.concatenate([read.reshape(n, K, -1) for read in reads], axis=2).reshape(n, -1)
        for layer in layers_of(context.model):
            X = [joined, *reads][layer]
            yield X, {"layer": layer, "features": X.shape[1] // K, "rank": factorise(Table(X), train).rank}

    return keyed_records(context, "own", SharedDecoder(Ridge(context.run.task.task.num_answers)), states)


def bilinear(context: ProbeContext) -> list[Record]:
    """Records of the whole state of each layer, and of all, read together with the key."""
    if not is_keyed(context):
        return []

    def states(bound: Bindings, train: Index) -> Iterator[KeyedStates]:
        for layer, factors in context.full_states(bound.tokens, train, "bilinear"):
            X = np.concatenate([factors.coordinates, bound.keys], axis=1)
            yield X, {"layer": layer, "features": factors.features, "rank": factors.rank}

    V, vectors = context.run.task.task.num_answers, context.model.embedding.detach().double().cpu().numpy()
    reader = Bilinear(V, orthogonal=True, vectors=vectors, pairs=PAIRS, random_state=context.run.seed)
    return keyed_records(context, "bilinear", reader, states)


def is_keyed(context: ProbeContext) -> bool:
    """True for tasks whose items are asked for by a key alone."""
    return first_question(context.run.task.task, context.run.task.length).keyed


def keyed_records(
    context: ProbeContext, part: str, reader: Reader, states: Callable[[Bindings, Index], Iterator[KeyedStates]]
) -> list[Record]:
    """Records of what was stored and of the control task. Ages and positions are means, as they vary.

    states  reads sequences, and turns the states onto axes of the training ones where it needs any
    """
    task, length, seed = context.run.task.task, context.run.task.length, context.run.seed
    bound = bindings(task, length, context.num_sequences, seed)
    parts, time, K = split(np.arange(len(bound.labels)), seed), bound.tokens.shape[1], bound.labels.shape[1]
    items = Items(np.arange(K), bound.ages, rounded_mean(bound.positions), K, time, True)
    control_task = key_control_labels(bound.keys, task.num_answers, context.rng(8))
    records: list[Record] = []
    for X, place in states(bound, parts.train):
        for control, labels in (("none", bound.labels), ("control", control_task)):
            scores = score_records(read(reader, X, labels, parts, prior_of(task, labels, parts)))
            records += probe_records(part, items, scores, control=control, **place)
    return with_selectivity(records)


def rounded_mean(numbers: Labels) -> Labels:
    """The mean over sequences, to the nearest integer: [n, K] -> [K]."""
    return np.asarray(numbers.mean(0).round(), np.int64)


def key_control_labels(keys: Labels, num_values: int, rng: np.random.Generator) -> Labels:
    """Labels of the control task: a value for each key that occurs, chosen once and for all, [n, K] like `keys`.

    Values go to as many keys each as possible, so that a guess scores no more than on the task itself, unless there
    are fewer keys than values.
    """
    every, index = np.unique(keys, return_inverse=True)
    value_of: Labels = rng.permutation(np.arange(len(every)) % num_values)
    return value_of[index].reshape(keys.shape)


def answers_to_keys(model: SequenceModel, bound: Bindings) -> list[States]:
    """Each layer's answers to the keys of all items once the sequences were read: [n, K D], item after item."""
    pieces: list[list[States]] = [[] for _ in model.blocks]
    for paused in states_at(model, bound.tokens, [bound.tokens.shape[1]]):
        keys, positions = (
            torch.from_numpy(a[paused.sequences]).to(device_of(model)) for a in (bound.keys, bound.positions)
        )
        for piece, y in zip(pieces, own_reads(model, paused.states, keys, positions), strict=True):
            piece.append(flatten(y))
    return [np.concatenate(piece) for piece in pieces]


@torch.no_grad()
def own_reads(model: SequenceModel, states: Sequence[Any], keys: Tensor, origins: Tensor | None = None) -> list[Tensor]:
    """Answers of each layer's memory to each of the keys [B, K], one alone after the states: [B, K, D] a layer.

    A layer above the first is asked by what the layers below made of the key. origins [B, K], where the answers were
    written, reaches memories with oracle positions.
    """
    answers: list[list[Tensor]] = [[] for _ in model.blocks]
    for item in range(keys.shape[1]):
        x = F.embedding(keys[:, item : item + 1], model.embedding)
        positions = None if origins is None else origins[:, item : item + 1]
        for block, state, answer in zip(model.blocks, states, answers, strict=True):
            oracle = (positions,) if getattr(block.memory, "uses_oracle", False) else ()
            y, _ = block.memory(norm(x), state, *oracle)
            answer.append(y[:, 0])
            x = block.think(x + y)
    return [torch.stack(answer, dim=1) for answer in answers]
