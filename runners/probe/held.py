"""A model stopped in the middle of rows: what it holds there, and what it answers when it goes on, from that or from
what is put in its place.

Shapes: n rows, F features, q questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import SequenceModel

from ..evaluation.evaluate import PIECE, STATE_FLOATS, device_of
from .behaviour import logits_at
from .capture import named, read_on
from .substitution import flattened, replaced
from .templates import Asking, Labels, Tokens

Contents = Mapping[str, Tensor]
Change = Callable[[Contents], Contents]
"""From what a part holds to what is put in its place, by the same names."""


class Held(NamedTuple):
    """Of these rows [b], the state of each layer, and all contents by names such as layer1/keys."""

    rows: Labels
    states: list[Any]
    contents: list[dict[str, Tensor]]


class Part(NamedTuple):
    """Some of what is held: of a layer counted from 1, or of all (0); all of it ("state") or one content by name."""

    layer: int = 0
    content: str = "state"

    def of(self, held: Held) -> dict[str, Tensor]:
        return {
            f"layer{layer}/{name}": tensor
            for layer, contents in enumerate(held.contents, 1)
            for name, tensor in contents.items()
            if self.layer in (0, layer) and self.content in ("state", name)
        }


@torch.no_grad()
def hold(model: SequenceModel, tokens: Tokens) -> list[Held]:
    """After tokens [n, T], n >= 2: some rows after the other, at least 2 at once.

    The model is left in evaluation mode; one that is told where answers are is told nothing. Raises ValueError for
    memories that name no contents.
    """
    model.eval()
    n, T = tokens.shape
    device = device_of(model)
    at_once = min(PIECE // T, STATE_FLOATS // max(1, model.state_floats(T)))
    found = []
    for rows in np.array_split(np.arange(n), max(1, n // max(2, at_once))):
        states = read_on(model, torch.from_numpy(tokens[rows]).to(device), None)
        contents = [named(block.memory, state, len(rows)) for block, state in zip(model.blocks, states, strict=True)]
        found.append(Held(rows, states, contents))
    return found


def flat(held: Iterable[Held], part: Part) -> NDArray[np.float32]:
    """[n, F]."""
    return np.concatenate([flattened(part.of(some)) for some in held])


def put(held: Held, new: Contents) -> list[Any]:
    """The state of each layer with new contents in place of those that they are named after."""
    return [
        replaced(state, own, {name: new[f"layer{i}/{name}"] for name in own if f"layer{i}/{name}" in new})
        for i, (state, own) in enumerate(zip(held.states, held.contents, strict=True), 1)
    ]


@torch.no_grad()
def answers(
    model: SequenceModel, held: Sequence[Held], asking: Asking, part: Part | None = None, change: Change | None = None
) -> Labels:
    """What is said when items are asked for, values from 0: [n, q]; with `part` changed, if one is given."""
    said = []
    for some in held:
        states = some.states if part is None or change is None else put(some, change(part.of(some)))
        said.append(logits_at(model, states, asking.tokens[some.rows], asking.places).argmax(-1).cpu().numpy())
    return np.concatenate(said)
