"""States of a frozen model at chosen times, by layer and by name.

`states_at` is the one place that reads sequences up to a time and stops there; whatever looks at states, answers from
them or changes them goes on from what it yields. `capture` keeps the states as tables.

Any module that keeps to the contract of a memory can be read: a whole `SequenceModel` that reads tokens, or one
`Memory` that reads vectors. Names in the store are `TIME/layerL/NAME`, each [n, floats]: what `contents` names, and
`TIME/layerL views/NAME` what `views` adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import Memory, SequenceModel

from ..evaluation.evaluate import PIECE, STATE_FLOATS, device_of
from .state_store import Columns, Joint, Labels, States, StateStore

Module = SequenceModel | Memory
Inputs = NDArray[np.integer] | NDArray[np.floating]

LONGEST = 2 * PIECE
"""Tokens of one forward pass, over all its sequences; longer ones are read piece by piece."""


@dataclass(frozen=True)
class PausedModule:
    """A module stopped after `time` inputs of some sequences [b]: the state of each layer there."""

    module: Module
    sequences: Labels
    time: int
    states: list[Any]

    @cached_property
    def contents(self) -> list[dict[str, Tensor]]:
        """`contents(state)` of each layer, every tensor [b, ...].

        Raises ValueError for a memory that names none, and for what is no such tensor.
        """
        pairs = zip(memories(self.module), self.states, strict=True)
        with torch.no_grad():
            return [named_contents(memory, state, len(self.sequences)) for memory, state in pairs]


def memories(module: object) -> list[Memory]:
    """The memory of each layer. Raises ValueError for another kind of module."""
    if not isinstance(module, SequenceModel | Memory):
        name = type(module).__name__
        raise ValueError(f"{name} is no memory (models.Memory) or SequenceModel: give its states to probe() instead")
    return [module] if isinstance(module, Memory) else [block.memory for block in module.blocks]


def layers_of(module: Module) -> list[int]:
    """Layers that are read: 0, all together, then each from 1; only 0 where there is a single one."""
    count = len(memories(module))
    return list(range(count + 1)) if count > 1 else [0]


@torch.no_grad()
def states_at(
    module: Module,
    inputs: Inputs,
    times: Sequence[int],
    groups: Sequence[Labels] | None = None,
    origins: Tensor | None = None,
) -> Iterator[PausedModule]:
    """The module after each of `times` inputs, in order, of one group of sequences after the other.

    inputs   [n, T] tokens of a model, [n, T, D] vectors of a memory
    groups   sequences that are read side by side (default: as many as memory allows)
    origins  [1, T], where answers were written, for models with oracle positions; without, such a model reads none

    The module is left in evaluation mode.
    """
    module.eval()
    groups = groups_of(len(inputs), at_once(module, times[-1])) if groups is None else groups
    device = device_of(module)
    for group in groups:
        tokens = torch.from_numpy(np.ascontiguousarray(inputs[group, : times[-1]])).to(device)
        step = max(1, LONGEST // len(group))
        states, start = None, 0
        for time in times:
            for begin in range(start, time, step):
                piece = slice(begin, min(time, begin + step))
                states = _read_on(module, tokens[:, piece], states, None if origins is None else origins[:, piece])
            start = time
            yield PausedModule(module, group, time, states or [])


def _read_on(module: Module, piece: Tensor, states: list[Any] | None, origins: Tensor | None) -> list[Any]:
    """The state of each layer after one more piece."""
    if not isinstance(module, SequenceModel):
        return [module(piece, states[0] if states else None)[1]]
    nowhere = torch.empty(0, dtype=torch.int64, device=piece.device)
    told = torch.full_like(piece, -1) if origins is None else origins.to(piece.device).expand(len(piece), -1)
    return list(module(piece, (nowhere, nowhere), states, told if module.uses_oracle else None)[1])


def at_once(module: Module, length: int) -> int:
    """Sequences of this length that are read side by side."""
    floats = sum(memory.state_floats(length) for memory in memories(module))
    return max(1, min(PIECE // length, STATE_FLOATS // max(1, floats)))


def groups_of(count: int, size: int) -> list[Labels]:
    """Sequences 0 to count - 1 in groups of `size`, the last one smaller."""
    return [np.arange(start, min(count, start + size)) for start in range(0, count, size)]


def named_contents(memory: Memory, state: Any, count: int) -> dict[str, Tensor]:
    """`contents(state)`, each [count, ...]. Raises ValueError for none, and for what is no such tensor."""
    contents, kind = memory.contents(state), type(memory).__name__
    if not isinstance(contents, Mapping) or not contents:
        raise ValueError(f"{kind} names no contents to be probed: return its state's tensors by name from contents()")
    for name, part in contents.items():
        if not isinstance(part, Tensor) or part.dim() < 1 or len(part) != count:
            got = list(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise ValueError(f"{kind}: content {name!r} must be a tensor [{count}, ...], not {got}")
    return dict(contents)


def check_contents(module: Module, inputs: Inputs) -> None:
    """Raises ValueError for memories whose states have no names to be probed by.

    A module that does not run passes: its run fails by itself, and says why.
    """
    try:
        paused = next(states_at(module, inputs, [inputs.shape[1]], [np.arange(len(inputs))]))
    except Exception:
        return
    _ = paused.contents


def flatten(*tensors: Tensor) -> States:
    """Tensors [B, ...] side by side: [B, floats]."""
    return np.asarray(torch.cat([tensor.detach().flatten(1).float() for tensor in tensors], dim=1).cpu().numpy())


@torch.no_grad()
def capture(module: Module, inputs: Inputs, times: Sequence[int], store: StateStore, views: int = 0) -> None:
    """Put the states after each of `times` inputs into the store; views are taken at the time `views` alone.

    Raises ValueError for times beyond the inputs, for memories that name no contents and for states not finite.
    """
    times = sorted(set(times))
    if not times or times[0] < 1 or times[-1] > inputs.shape[1]:
        raise ValueError(f"states are taken after 1 to {inputs.shape[1]} inputs, not after {times}")
    block: dict[str, States] = {}
    for paused in states_at(module, inputs, times):
        layers = zip(memories(module), paused.states, paused.contents, strict=True)
        for layer, (memory, state, contents) in enumerate(layers, 1):
            head, more = f"{paused.time}/layer{layer}", memory.views(state) if paused.time == views else {}
            block |= {f"{head}/{name}": flatten(part) for name, part in contents.items()}
            block |= {f"{head} views/{name}": flatten(part) for name, part in more.items()}
        if paused.time == times[-1]:
            for name, part in block.items():
                if not np.isfinite(part).all():
                    raise ValueError(f"state {name} holds numbers that are not finite: the model cannot be probed")
            store.add(block)
            block = {}


def full_state(store: StateStore, time: int, layer: int = 0) -> Columns:
    """The whole state of a layer at a time, or for 0 of all layers together: every content, no view."""
    start = f"{time}/layer{layer}/" if layer else f"{time}/layer"
    return Joint([store[name] for name in store.widths if name.startswith(start) and " views/" not in name])


def parts(store: StateStore, time: int, layer: int) -> dict[str, Columns]:
    """Contents and views of a layer at a time, by name; those that hold nothing yet are left out."""
    heads = f"{time}/layer{layer}/", f"{time}/layer{layer} views/"
    return {
        name.removeprefix(head): store[name]
        for head in heads
        for name, width in store.widths.items()
        if name.startswith(head) and width
    }
