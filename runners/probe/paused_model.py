"""A model paused in the middle of sequences: its answers when it goes on, from its states or from changed ones.

A state is a NamedTuple, perhaps of NamedTuples, of tensors and counters, and `memory.contents(state)` names those very
tensors. So a state is rebuilt around others of the same shapes, with its counters as they are; no tensor is changed.

    (paused,) = pause(model, tokens)
    answers(model, [paused], queries, Part(), patch_from_previous)

Shapes: n sequences, b of them side by side, F numbers of a state, q queries, V values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models import SequenceModel
from models.memory import State

from ..evaluation.evaluate import PIECE, device_of
from .capture import PausedModule, at_once, flatten, groups_of, states_at
from .state_store import Floats, Labels, States
from .templates import Queries, Question, Samples, Tokens

Contents = Mapping[str, Tensor]
Change = Callable[[Contents], Contents]
"""From the contents of a part to others by the same names."""


class Part(NamedTuple):
    """A part of the states: of a layer counted from 1, or of all (0); all of it ("state") or one content by name."""

    layer: int = 0
    content: str = "state"

    def select(self, paused: PausedModule) -> dict[str, Tensor]:
        """Contents of this part by names such as layer1/keys."""
        return {
            f"layer{layer}/{name}": tensor
            for layer, contents in enumerate(paused.contents, 1)
            for name, tensor in contents.items()
            if self.layer in (0, layer) and self.content in ("state", name)
        }


WHOLE = Part()


def pause(model: SequenceModel, tokens: Tokens) -> list[PausedModule]:
    """The model after tokens [n, T], n >= 2: groups of at least 2 sequences, so that each has another's state beside.

    The model is left in evaluation mode; one with oracle positions reads none.
    """
    n, T = tokens.shape
    groups = np.array_split(np.arange(n), max(1, n // max(2, at_once(model, T))))
    return list(states_at(model, tokens, [T], groups))


def flat(paused: Iterable[PausedModule], part: Part) -> States:
    """Contents of a part side by side: [n, F]."""
    return np.concatenate([flatten(*part.select(some).values()) for some in paused])


@torch.no_grad()
def logits_at(
    model: SequenceModel, states: list[Any], tokens: Tokens, positions: Labels, origins: Labels | None = None
) -> Tensor:
    """Logits at positions [q] of tokens [B, m] that follow the states: [B, q, V].

    origins [q], where the answers were written, reaches memories with oracle positions; without, they read none.
    """
    device, (B, q) = device_of(model), (len(tokens), len(positions))
    asking = torch.arange(B).repeat_interleave(q).to(device), torch.from_numpy(positions).repeat(B).to(device)
    oracle = torch.full(tokens.shape, -1, dtype=torch.int64, device=device)
    if origins is not None:
        oracle[:, positions] = torch.from_numpy(origins).to(device)
    following = torch.from_numpy(np.ascontiguousarray(tokens)).to(device)
    logits: Tensor = model(following, asking, states, oracle if model.uses_oracle else None)[0]
    return logits.view(B, q, -1)


@torch.no_grad()
def answers(
    model: SequenceModel,
    paused: Sequence[PausedModule],
    queries: Queries,
    part: Part = WHOLE,
    change: Change | None = None,
) -> Labels:
    """Answers to queries as values from 0, [n, q], with `part` of the states changed where a change is given."""
    pieces = []
    for some in paused:
        states = some.states if change is None else changed_states(some, change(part.select(some)))
        logits = logits_at(model, states, queries.tokens[some.sequences], queries.positions)
        pieces.append(logits.argmax(-1).cpu().numpy())
    return np.concatenate(pieces)


def answer_log_proba(model: SequenceModel, question: Question, samples: Samples) -> tuple[Floats, Labels]:
    """Natural log-probabilities [n, q, V] of the model's answers to q items, and these items, [q].

    Every item is asked for after the same `question.end` tokens. q is 0 where items cannot be asked for one by one.
    Raises ValueError for a model with oracle positions: it answers nothing by itself.
    """
    if model.uses_oracle:
        raise ValueError("a model with oracle positions does not show what it remembers: take its base memory")
    queries, n = list(question.queries(samples)), len(samples.tokens)
    if not queries:
        return np.zeros((n, 0, question.num_values)), np.zeros(0, np.int64)
    pieces = []
    for paused in states_at(model, samples.tokens, [question.end], groups_of(n, max(1, PIECE // question.length))):
        logits = [logits_at(model, paused.states, q.tokens[paused.sequences], q.positions) for q in queries]
        pieces.append(torch.cat([F.log_softmax(x.double(), dim=-1) for x in logits], dim=1).cpu().numpy())
    return np.concatenate(pieces), np.concatenate([some.items for some in queries])


def changed_states(paused: PausedModule, new: Contents) -> list[Any]:
    """The state of each layer with new contents in place of those that they are named after."""
    states = []
    for i, (state, contents) in enumerate(zip(paused.states, paused.contents, strict=True), 1):
        changed = {name: new[f"layer{i}/{name}"] for name in contents if f"layer{i}/{name}" in new}
        states.append(replace_contents(state, contents, changed))
    return states


def replace_contents(state: State, contents: Contents, new: Contents) -> State:
    """The state with the tensors that `new` names in place of its own.

    contents  memory.contents(state): all of them, as some states hold one tensor under two names

    Raises ValueError for names that are not among the contents, for other shapes, and for contents that are not
    tensors of the state itself.
    """
    waiting = defaultdict[int, list[str]](list)
    for name, tensor in contents.items():
        waiting[id(tensor)].append(name)
    for name, tensor in new.items():
        if name not in contents:
            raise ValueError(f"this state has no {name!r} to replace: it has {', '.join(contents)}")
        if tensor.shape != contents[name].shape:
            raise ValueError(f"{name} is {list(contents[name].shape)}, so {list(tensor.shape)} cannot take its place")

    def rebuild(part: State) -> State:
        if isinstance(part, Tensor):
            names = waiting[id(part)]  # in the order of the state, where one tensor has two names
            return new.get(names.pop(0), part) if names else part
        if isinstance(part, tuple | list):
            parts = [rebuild(one) for one in part]
            return type(part)(*parts) if hasattr(part, "_fields") else type(part)(parts)
        return part

    after = rebuild(state)
    if absent := [name for names in waiting.values() for name in names if name in new]:
        raise ValueError(
            f"{absent[0]} is a view or a copy of what the state holds, and cannot be replaced: "
            "return the state's own tensors from contents()"
        )
    return after


def patch_from_previous(contents: Contents) -> dict[str, Tensor]:
    """Activation patching: each sequence gets the contents of the one before it, the first those of the last."""
    return {name: tensor.roll(1, 0) for name, tensor in contents.items()}


def unflatten(numbers: NDArray[np.floating], contents: Contents) -> dict[str, Tensor]:
    """[b, F] as tensors of the shapes, types and device of `contents`. Raises ValueError for another F."""
    sizes = [tensor[0].numel() for tensor in contents.values()]
    if numbers.shape[1] != sum(sizes):
        raise ValueError(f"these contents are {sum(sizes):,} numbers a sequence, not {numbers.shape[1]:,}")
    pieces = np.split(numbers, np.cumsum(sizes)[:-1], axis=1)
    return {
        name: torch.from_numpy(np.ascontiguousarray(piece)).to(tensor).view(len(numbers), *tensor.shape[1:])
        for (name, tensor), piece in zip(contents.items(), pieces, strict=True)
    }
