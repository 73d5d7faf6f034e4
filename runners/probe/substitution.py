"""Other tensors in place of those that a memory's state holds: what interventions on states are made of.

A state is a NamedTuple, perhaps of NamedTuples, of tensors and counters, and `memory.contents(state)` names those very
tensors. So a state is rebuilt around others of the same shapes, with its counters as they are; no tensor is changed.

    contents = memory.contents(state)
    other = replaced(state, contents, restored(eraser.transform(flattened(contents)), contents))
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.memory import State


def replaced(state: State, contents: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> State:
    """The state with the tensors that `new` names in place of its own.

    contents  memory.contents(state): all of them, as some states hold one tensor under two names

    Raises ValueError for names that are not among the contents, for other shapes, and for contents that are no
    tensors of the state itself.
    """
    waiting: dict[int, list[str]] = {}
    for name, tensor in contents.items():
        waiting.setdefault(id(tensor), []).append(name)
    for name, tensor in new.items():
        if name not in contents:
            raise ValueError(f"this state has no {name!r} to replace: it has {', '.join(contents)}")
        if tensor.shape != contents[name].shape:
            raise ValueError(f"{name} is {list(contents[name].shape)}, so {list(tensor.shape)} cannot take its place")

    def rebuilt(part: State) -> State:
        if isinstance(part, Tensor):
            names = waiting.get(id(part))  # in the order of the state, where one tensor has two names
            return new.get(names.pop(0), part) if names else part
        if isinstance(part, tuple | list):
            parts = [rebuilt(one) for one in part]
            return type(part)(*parts) if hasattr(part, "_fields") else type(part)(parts)
        return part

    after = rebuilt(state)
    if absent := [name for names in waiting.values() for name in names if name in new]:
        raise ValueError(
            f"{absent[0]} is a view or a copy of what the state holds, and cannot be replaced: "
            "return the state's own tensors from contents()"
        )
    return after


def flattened(contents: Mapping[str, Tensor]) -> NDArray[np.float32]:
    """All contents side by side: [B, F]."""
    flat = torch.cat([tensor.flatten(1).float() for tensor in contents.values()], dim=1)
    return np.asarray(flat.cpu().numpy())


def restored(flat: NDArray[np.floating], contents: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """[B, F] as tensors of the shapes, types and device of `contents`. Raises ValueError for another F."""
    sizes = [tensor[0].numel() for tensor in contents.values()]
    if flat.shape[1] != sum(sizes):
        raise ValueError(f"these contents are {sum(sizes):,} numbers a row, not {flat.shape[1]:,}")
    parts = np.split(flat, np.cumsum(sizes)[:-1], axis=1)
    return {
        name: torch.from_numpy(np.ascontiguousarray(part)).to(tensor).view(len(flat), *tensor.shape[1:])
        for (name, tensor), part in zip(contents.items(), parts, strict=True)
    }


def exchanged(contents: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each row has those of the row before it, the first those of the last."""
    return {name: tensor.roll(1, 0) for name, tensor in contents.items()}
