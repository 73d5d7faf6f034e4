"""Which cache holds an answer, whether the gate looks there, and what would be won by looking.

A model whose memory weighs caches can miss an answer in two ways: its gate reads other memories, or the right one has
lost it.

    accuracy                of the model as it is
    oracle                  the gate of a layer is told where the answer was written, and reads that memory alone
    routing error           oracle - accuracy: what a perfect router would win
    compression error       1 - oracle: what no router wins, as what it would read has lost the answer

Together they are all that is missed, 1 - accuracy. A routing error can be negative: a softmax gate reads a mixture,
which a model may have learned to use, and a layer may keep an answer elsewhere than where it was written. Rows are
read by the model as it is; gates are told only when items are asked for.

The right memory is that of the segment in which an item was written. With checkpoints all later ones hold it too:
right is then the first, to which the fewest tokens were added since, and `holding` counts them all.

Memory Caching: arXiv 2602.24281 (2026). Shapes: n rows, m tokens to ask with, H heads, N caches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import entr
from torch import Tensor

from models import SequenceModel, State
from models.caching.memory import CachingMemory
from models.memories.caching import Residual
from models.memories.controls import with_oracle_gate

from ..evaluation.evaluate import PIECE, device_of, origins, sequences_at_once
from ..statistics import wilson
from .behaviour import logits_at
from .templates import Asking, Drawn, Question

Layers = dict[int, CachingMemory]
"""Memories that weigh caches, by layer, from 1."""


class Answered(NamedTuple):
    """One item, asked for at a place of the row.

    weights   of each layer: [n, H, 1 + N], the open memory first
    right     [1 + layers + 1, n]: of the model as it is, with each layer told, with all told
    """

    item: int
    place: int
    weights: dict[int, Tensor]
    right: NDArray[np.bool_]


def routing(model: SequenceModel, question: Question, rows: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Tidy rows: for each item and layer, where its answer is, what the gate makes of that, and what it costs.

    layer         from 1; 0 is all layers told, and says accuracies alone
    segment       memory the answer is in: 0 for the oldest cache, N for the open memory
    num_memories  1 + N; `even` is 1 over it
    weight        of the right memory, the mean over rows and heads
    holding       of all memories that hold the answer, the same mean
    right         share of rows and heads whose largest weight is on the right memory; of k equals, 1 / k
    entropy       of the weights, in bits, the mean over rows and heads
    accuracy      of the model as it is: `low`, `high`
    oracle        of the model whose gate is told: `oracle_low`, `oracle_high`; bounds are Wilson's, of 95 %

    The model is left in evaluation mode. Raises ValueError where no layer weighs caches, and where the task asks for
    no item by itself.
    """
    layers = weighing(model)
    told = [informed(model, [layer]) for layer in layers] + [informed(model, list(layers))]
    drawn = question.draw(rows, rng)
    step = sequences_at_once(model, drawn.tokens.shape[1])
    pieces = [Drawn(drawn.tokens[i : i + step], drawn.labels[i : i + step]) for i in range(0, rows, step)]
    answers = [ask([model, *told], layers, question, piece) for piece in pieces]
    if not answers[0]:
        raise ValueError(f"{question.task.name} asks for no item by itself: who looks where for it cannot be said")
    table = []
    for parts in zip(*answers, strict=True):
        item, place = parts[0].item, parts[0].place
        right = np.concatenate([part.right for part in parts], axis=1)
        common = {"item": item, "age": int(question.ages(question.end)[item]), "num_sequences": rows}
        common |= share(right[0], "accuracy", "")
        table.append({"layer": 0} | common | UNSAID | share(right[-1], "oracle", "oracle_"))
        for number, (layer, memory) in enumerate(layers.items(), 1):
            weights = torch.cat([part.weights[layer] for part in parts])
            looked = look(memory, weights, int(question.positions[item]), place)
            table.append({"layer": layer} | common | looked | share(right[number], "oracle", "oracle_"))
    return table


def weighing(model: SequenceModel) -> Layers:
    """Raises ValueError where no layer weighs caches."""
    memories = [block.memory for block in model.blocks]
    found = {n: m for n, m in enumerate(memories, 1) if isinstance(m, CachingMemory) and not isinstance(m, Residual)}
    if not found:
        raise ValueError(f"{type(memories[0]).__name__} weighs no caches: take average, grm, soup, ssc or oracle")
    return found


def informed(model: SequenceModel, layers: list[int]) -> SequenceModel:
    """A copy of the model in which the gates of these layers are told where answers were written."""
    copied = copy.deepcopy(model)
    for layer, memory in weighing(copied).items():
        if layer in layers:
            copied.blocks[layer - 1].memory = with_oracle_gate(memory)
    return copied


@torch.no_grad()
def ask(models: list[SequenceModel], layers: Layers, question: Question, drawn: Drawn) -> list[Answered]:
    """Every item that can be asked for, of each model; the first reads the rows, and `layers` are its memories."""
    states, found = read(models[0], question, drawn), []
    for asking in question.asking(drawn):
        with watched(layers) as weights:
            said = [answer(model, states, question, asking) for model in models]
        for q, (item, place) in enumerate(zip(asking.items.tolist(), asking.places.tolist(), strict=True)):
            right = np.stack([own[:, q] == drawn.labels[:, item] for own in said])
            found.append(Answered(item, question.end + place, {n: w[:, :, place] for n, w in weights.items()}, right))
    return found


@contextmanager
def watched(layers: Layers) -> Iterator[dict[int, Tensor]]:
    """The weights each layer last read with, whoever calls it."""
    weights: dict[int, Tensor] = {}

    def watch(layer: int) -> Callable[[Any, Any], None]:
        return lambda memory, inputs: weights.update({layer: memory.routing(*inputs)})

    hooks = [memory.register_forward_pre_hook(watch(layer)) for layer, memory in layers.items()]
    try:
        yield weights
    finally:
        for hook in hooks:
            hook.remove()


def read(model: SequenceModel, question: Question, drawn: Drawn) -> list[State]:
    """The states with which items are asked for: rows are read as `evaluate.predict` reads them."""
    model.eval()
    device, n = device_of(model), len(drawn.tokens)
    nowhere = torch.empty(0, dtype=torch.int64, device=device)
    tokens = torch.from_numpy(drawn.tokens[:, : question.end]).to(device)
    told = origins(question.template)[:, : question.end].expand(n, -1).to(device)
    states: list[State] = []
    step = max(1, PIECE // n)
    for start in range(0, question.end, step):
        now = slice(start, start + step)
        _, states = model(
            tokens[:, now], (nowhere, nowhere), states or None, told[:, now] if model.uses_oracle else None
        )
    return states


def answer(model: SequenceModel, states: list[State], question: Question, asking: Asking) -> NDArray[np.int64]:
    """[n, q]: which value the model says at every place that asks, from 0; memories that are told are told where."""
    model.eval()
    logits = logits_at(model, states, asking.tokens, asking.places, question.positions[asking.items])
    said = logits.argmax(-1) + model.answers.start - question.task.alphabet.start
    return np.asarray(said.cpu().numpy())


UNSAID = dict.fromkeys(("segment", "num_memories", "even", "weight", "holding", "right", "entropy"), np.nan)


def look(memory: CachingMemory, weights: Tensor, position: int, place: int) -> dict[str, Any]:
    """What a gate makes of an answer written at `position`, by its weights [n, H, 1 + N] at `place`."""
    N = memory.segments.closed(place)
    segment = int(memory.cache_of(torch.tensor(position)))
    w = weights[:, :, : 1 + N].double().cpu().numpy()
    w = np.roll(w, -1, axis=2)  # oldest first, the open memory last
    best = w == w.max(axis=2, keepdims=True)
    return {
        "segment": segment,
        "num_memories": 1 + N,
        "even": 1 / (1 + N),
        "weight": float(w[..., segment].mean()),
        "holding": float(w[..., segment:].sum(2).mean()) if memory.goes_on else float(w[..., segment].mean()),
        "right": float((best / best.sum(2, keepdims=True))[..., segment].mean()),
        "entropy": float(entr(w).sum(2).mean() / np.log(2)),
    }


def share(right: NDArray[np.bool_], name: str, prefix: str) -> dict[str, float]:
    low, high = wilson(int(right.sum()), len(right))
    return {name: float(right.mean()), f"{prefix}low": float(low), f"{prefix}high": float(high)}
