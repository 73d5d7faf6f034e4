"""Where an interrupted run goes on: everything that decides its future, in one file that is whole or not used.

A checkpoint is a safetensors file: the weights, the optimiser's state by the name of the weights, and in
its metadata, as JSON, which run it is, the version of torch, how far training is, and a digest of all of
it. It is written beside its place and renamed, so a process that is killed while it writes leaves the one
before. Reading it runs no code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from ..config.run import Run
from ..storage import CorruptRun, digest, write_whole
from ..storage.records import read_plain
from .adamw import AdamW

WEIGHTS, OPTIMISER = "weights/", "optimiser/"


class UnusableCheckpoint(ValueError):
    """A checkpoint that is damaged, or that other versions wrote: its run starts from the beginning."""


class ForeignCheckpoint(ValueError):
    """A checkpoint of another run: whoever put it there has to say what is meant."""


@dataclass(frozen=True)
class Checkpoint:
    """`tensors` by name, and `progress` as it was given to `save`."""

    tensors: dict[str, Tensor]
    progress: dict[str, Any]


def save(path: Path, run: Run, model: nn.Module, optimiser: AdamW, progress: dict[str, Any]) -> None:
    """Write a checkpoint over the one before. Raises UnwritableFolder where the disk does not take it."""
    tensors = {WEIGHTS + name: _kept(weights) for name, weights in model.state_dict().items()}
    for name, weights in model.named_parameters():
        for key, value in optimiser.state.get(weights, {}).items():
            tensors[f"{OPTIMISER}{key}/{name}"] = _kept(value)
    body = json.dumps({"identity": run.identity, "torch": torch.__version__, "progress": progress}, allow_nan=False)
    facts = {"content": body, "digest": _digest(body, tensors)}
    write_whole(path, tensors_to_bytes(tensors, facts))


def load(path: Path, run: Run) -> Checkpoint | None:
    """The checkpoint at `path`, None where there is none.

    Raises UnusableCheckpoint for one that is damaged or that another version of torch wrote, which would
    not go on with the same numbers, and ForeignCheckpoint for one of another run.
    """
    if not path.exists():
        return None
    try:
        content = read_plain(path)
    except CorruptRun as error:
        raise UnusableCheckpoint(str(error)) from None
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        facts, tensors = header["__metadata__"], tensors_from_bytes(content)
        whole = facts["digest"] == _digest(facts["content"], tensors)
        held = json.loads(facts["content"]) if whole else {}
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise UnusableCheckpoint(f"the checkpoint {path} is damaged and was not used")
    if held["identity"] != run.identity:
        raise ForeignCheckpoint(f"{path} is the checkpoint of another run (delete it to train from the beginning)")
    if held["torch"] != torch.__version__:
        raise UnusableCheckpoint(
            f"the checkpoint {path} was written by torch {held['torch']}, this is {torch.__version__}: it was not used"
        )
    return Checkpoint(tensors, held["progress"])


def restore(held: Checkpoint, model: nn.Module, optimiser: AdamW) -> None:
    """Put weights and optimiser where they were. Raises UnusableCheckpoint, and changes nothing, where they differ."""
    weights = {name.removeprefix(WEIGHTS): w for name, w in held.tensors.items() if name.startswith(WEIGHTS)}
    shapes = {name: w.shape for name, w in model.state_dict().items()}
    if {name: w.shape for name, w in weights.items()} != shapes:
        raise UnusableCheckpoint("the checkpoint has other weights than this model and was not used")
    model.load_state_dict(weights)
    parameters = dict(model.named_parameters())
    for name, value in held.tensors.items():
        if name.startswith(OPTIMISER):
            key, _, parameter = name.removeprefix(OPTIMISER).partition("/")
            like = parameters[parameter]
            # Moments have the strides of their weights: another layout may add in another order.
            put = torch.zeros_like(like, dtype=value.dtype) if value.shape == like.shape else torch.empty_like(value)
            optimiser.state.setdefault(like, {})[key] = put.to(like.device).copy_(value)


def _kept(value: Tensor) -> Tensor:
    return value.detach().cpu().contiguous()


def _digest(body: str, tensors: dict[str, Tensor]) -> str:
    return digest(body.encode() + tensors_to_bytes(tensors))
