"""Routing and compression errors: which cache holds an answer, and whether the gate looks there.

A model whose memory weighs caches can miss an answer in two ways: its gate reads other memories, or the right one has
lost it. Both together are all that is missed, 1 - accuracy.

    routing error      oracle - accuracy, with `oracle` that of a gate that is given the answer's position and reads
                       that memory alone: what a perfect router would gain
    compression error  1 - oracle: what no router gains

A routing error can be negative: a softmax gate reads a mixture, which a model may have learned to use, and a layer may
keep an answer elsewhere than where it was written. Gates are given positions only when items are asked for. The right
memory is that of the segment in which an item was written; of checkpoints, which all hold it from then on, the first.

Memory Caching: arXiv 2602.24281 (2026). Shapes: n sequences, m tokens to ask with, H heads, N caches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import entr
from torch import Tensor

from models import SequenceModel
from models.caching.memory import CachingMemory
from models.memories.caching import Residual
from models.memories.controls import with_oracle_gate
from models.parallel import Parallel

from ..evaluation.evaluate import origins, sequences_at_once
from .capture import PausedModule, groups_of, memories, states_at
from .paused_model import logits_at
from .reading import rate
from .state_store import Labels
from .templates import Queries, Question, Samples

Layers = dict[int, CachingMemory]
"""Memories that weigh caches, by layer, from 1."""
UNSAID = dict.fromkeys(("segment", "num_memories", "even", "weight", "holding", "right", "entropy"), np.nan)


class ItemAnswers(NamedTuple):
    """Answers to one item, asked for at a position of the sequence.

    weights   of each layer: [n, H, 1 + N], the open memory first
    correct   [1 + layers + 1, n]: of the model as it is, with an oracle gate in each layer, and in all
    """

    item: int
    position: int
    weights: dict[int, Tensor]
    correct: NDArray[np.bool_]


def routing(model: SequenceModel, question: Question, count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Records of each item and layer: where its answer is, the gate's weights there, and what they cost.

    The columns are those of `ROUTING` in measures/probe.py. Weights and their entropy are means over sequences and
    heads; of k equal largest weights each counts 1 / k as `right`. Records of layer 0, oracle gates in all layers,
    hold accuracies alone. The model is left in evaluation mode.

    Raises ValueError where no layer weighs caches, and where the task asks for no item by itself.
    """
    layers = gated_memories(model)
    if not layers:
        kinds = " + ".join(dict.fromkeys(type(memory).__name__ for memory in memories(model)))
        raise ValueError(f"{kinds} weighs no caches: take average, grm, soup, ssc or oracle")
    models = [model, *(with_oracle_gates(model, [layer]) for layer in layers), with_oracle_gates(model, list(layers))]
    samples = question.sample(count, rng)
    groups = groups_of(count, sequences_at_once(model, samples.tokens.shape[1]))
    positions = origins(question.template)[:, : question.end]
    answers = [
        ask(models, layers, question, samples, paused)
        for paused in states_at(model, samples.tokens, [question.end], groups, positions)
    ]
    if not answers[0]:
        raise ValueError(f"{question.task.name} asks for no item by itself, so routing of its items cannot be measured")
    records = []
    for pieces in zip(*answers, strict=True):
        item, position = pieces[0].item, pieces[0].position
        correct = np.concatenate([piece.correct for piece in pieces], axis=1)
        common = {"item": item, "age": int(question.ages(question.end)[item]), "num_sequences": count}
        common |= rate(correct[0])
        records.append({"layer": 0} | common | UNSAID | rate(correct[-1], "oracle", "oracle_"))
        for number, (layer, memory) in enumerate(layers.items(), 1):
            weights = torch.cat([piece.weights[layer] for piece in pieces])
            gate = gate_record(memory, weights, int(question.positions[item]), position)
            records.append({"layer": layer} | common | gate | rate(correct[number], "oracle", "oracle_"))
    return records


def gated_memories(model: SequenceModel) -> Layers:
    """Memories of the model that weigh caches, by layer, of several side by side the first."""
    found: Layers = {}
    for layer, memory in enumerate(memories(model), 1):
        for part in memory.memories if isinstance(memory, Parallel) else [memory]:
            if isinstance(part, CachingMemory) and not isinstance(part, Residual):
                found.setdefault(layer, part)
    return found


def with_oracle_gates(model: SequenceModel, layers: list[int]) -> SequenceModel:
    """A copy of the model in which the gates of these layers are given the positions of answers."""
    copied = copy.deepcopy(model)
    for layer, memory in gated_memories(copied).items():
        block = copied.blocks[layer - 1]
        if layer not in layers:
            continue
        if isinstance(block.memory, Parallel):
            block.memory = block.memory.with_others({memory: with_oracle_gate(memory)})
        else:
            block.memory = with_oracle_gate(memory)
    return copied


@torch.no_grad()
def ask(
    models: Sequence[SequenceModel], layers: Layers, question: Question, samples: Samples, paused: PausedModule
) -> list[ItemAnswers]:
    """Answers of each model to every item that can be asked for; the first has read the sequences."""
    some = Samples(samples.tokens[paused.sequences], samples.labels[paused.sequences])
    answers = []
    for queries in question.queries(some):
        with record_weights(layers) as weights:
            values = [answer_values(model, paused.states, question, queries) for model in models]
        for q, (item, position) in enumerate(zip(queries.items.tolist(), queries.positions.tolist(), strict=True)):
            correct = np.stack([value[:, q] == some.labels[:, item] for value in values])
            here = {n: w[:, :, position] for n, w in weights.items()}
            answers.append(ItemAnswers(item, question.end + position, here, correct))
    return answers


@contextmanager
def record_weights(layers: Layers) -> Iterator[dict[int, Tensor]]:
    """The weights that each layer last read with, whoever calls it."""
    weights: dict[int, Tensor] = {}

    def watch(layer: int) -> Callable[[Any, Any], None]:
        return lambda memory, inputs: weights.update({layer: memory.routing(*inputs)})

    hooks = [memory.register_forward_pre_hook(watch(layer)) for layer, memory in layers.items()]
    try:
        yield weights
    finally:
        for hook in hooks:
            hook.remove()


def answer_values(model: SequenceModel, states: list[Any], question: Question, queries: Queries) -> Labels:
    """Values [n, q] that the model answers, from 0; oracle gates are given the positions of the items."""
    model.eval()
    logits = logits_at(model, states, queries.tokens, queries.positions, question.positions[queries.items])
    values = logits.argmax(-1) + model.answers.start - question.task.alphabet.start
    return np.asarray(values.cpu().numpy())


def gate_record(memory: CachingMemory, weights: Tensor, written: int, position: int) -> dict[str, Any]:
    """The weights [n, H, 1 + N] of a gate at `position`, beside where the answer was written."""
    N = memory.segments.closed(position)
    segment = int(memory.cache_of(torch.tensor(written)))
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
