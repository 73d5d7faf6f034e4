"""States of a frozen model at chosen times, by layer and by name.

Anything that keeps to the contract of a memory can be captured: a whole `SequenceModel` that reads tokens, or one
`Memory` that reads vectors. States are read on in pieces between the times, so nothing is read twice.

Names on the shelf are `TIME/layerL/NAME`, each [n, floats]: what `contents` names, and `TIME/layerL views/NAME` what
`views` adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import Memory, SequenceModel

from ..evaluation.evaluate import PIECE, STATE_FLOATS, device_of
from .columns import Columns, Joint
from .state_store import Shelf, States

Inputs = NDArray[np.integer] | NDArray[np.floating]


def memories(module: object) -> list[Memory]:
    """One for each layer. Raises ValueError for another kind of module."""
    if not isinstance(module, SequenceModel | Memory):
        kind = type(module).__name__
        raise ValueError(
            f"{kind} is no memory (models.Memory) and no SequenceModel: give its states to probe() instead"
        )
    return [module] if isinstance(module, Memory) else [block.memory for block in module.blocks]


def layers_of(module: SequenceModel | Memory) -> list[int]:
    """0, all together, and each; where there is one, it alone is all."""
    count = len(memories(module))
    return list(range(count + 1)) if count > 1 else [0]


@torch.no_grad()
def read_on(module: SequenceModel | Memory, piece: Tensor, states: list[Any] | None) -> list[Any]:
    """The state of each layer after one more piece: tokens [B, t] of a model, or inputs [B, t, D] of a memory."""
    if not isinstance(module, SequenceModel):
        return [module(piece, states[0] if states else None)[1]]
    nowhere = torch.empty(0, dtype=torch.int64, device=piece.device)
    untold = torch.full_like(piece, -1) if module.uses_oracle else None
    return list(module(piece, (nowhere, nowhere), states, untold)[1])


def named(memory: Memory, state: Any, rows: int) -> dict[str, Tensor]:
    """`contents(state)`, each [rows, ...]. Raises ValueError for none, and for what is no such tensor."""
    found = memory.contents(state)
    if not isinstance(found, Mapping) or not found:
        kind = type(memory).__name__
        raise ValueError(f"{kind} names no contents to be probed: return its state's tensors by name from contents()")
    for name, part in found.items():
        if not isinstance(part, Tensor) or part.dim() < 1 or len(part) != rows:
            got = list(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise ValueError(
                f"{type(memory).__name__}: content {name!r} is a tensor [{rows}, ...] of its rows, not {got}"
            )
    return dict(found)


def flat(tensor: Tensor) -> States:
    """[B, ...] as [B, floats]."""
    return np.asarray(tensor.detach().flatten(1).float().cpu().numpy())


def capture(module: SequenceModel | Memory, inputs: Inputs, times: Sequence[int], shelf: Shelf, views: int = 0) -> None:
    """Put the states after each of `times` inputs onto the shelf; `views` is the time at which those are taken too.

    inputs [n, T] are tokens of a model, [n, T, D] what a memory reads. The module is left in evaluation mode.
    Raises ValueError for times beyond the inputs and for memories that name no contents.
    """
    times = sorted(set(times))
    if not times or times[0] < 1 or times[-1] > inputs.shape[1]:
        raise ValueError(f"states are taken after 1 to {inputs.shape[1]} inputs, not after {times}")
    module.eval()
    layers = memories(module)
    floats = sum(memory.state_floats(times[-1]) for memory in layers)
    step = max(1, min(PIECE // times[-1], STATE_FLOATS // max(1, floats)))
    device = device_of(module)
    for start in range(0, len(inputs), step):
        rows = torch.from_numpy(np.ascontiguousarray(inputs[start : start + step])).to(device)
        states, block, before = None, dict[str, States](), 0
        for time in times:
            states, before = read_on(module, rows[:, before:time], states), time
            for layer, (memory, state) in enumerate(zip(layers, states, strict=True), 1):
                block |= {
                    f"{time}/layer{layer}/{name}": flat(part) for name, part in named(memory, state, len(rows)).items()
                }
                more = memory.views(state) if time == views else {}
                block |= {f"{time}/layer{layer} views/{name}": flat(part) for name, part in more.items()}
        for name, part in block.items():
            if not np.isfinite(part).all():
                raise ValueError(f"state {name} holds numbers that are not finite: the model cannot be probed")
        shelf.add(block)


def whole(shelf: Shelf, time: int, layer: int = 0) -> Columns:
    """All that a layer carries at a time, or for 0 all layers together: every content, no view."""
    own = f"{time}/layer{layer}/" if layer else f"{time}/layer"
    return Joint([shelf[name] for name in shelf.widths if name.startswith(own) and " views/" not in name])


def parts(shelf: Shelf, time: int, layer: int) -> dict[str, Columns]:
    """Contents and views of a layer at a time, by name; those that hold nothing yet are left out."""
    heads = f"{time}/layer{layer}/", f"{time}/layer{layer} views/"
    return {
        name.removeprefix(head): shelf[name]
        for head in heads
        for name, width in shelf.widths.items()
        if name.startswith(head) and width
    }
