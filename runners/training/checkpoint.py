"""Checkpoints of interrupted runs: everything that decides how training goes on, in one file, whole or not used.

A checkpoint is a safetensors file: the weights, the optimiser's state by the name of the weights, and in its
metadata, as JSON, the identity of the run, the version of torch, the instruction set, the trainer state and a digest
of all of it. A
process that is killed while it writes leaves the one before. Reading it runs no code.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from torch import Tensor, nn

from models import SequenceModel

from ..config.messages import Notice
from ..config.run import Run
from ..evaluation.evaluate import device_of
from ..storage import CorruptRun, digest, write_atomically
from ..storage.records import read_plain
from ..storage.runs import put_weights, real_numbers, tensor_bytes
from .adamw import AdamW

WEIGHTS, OPTIMISER = "weights/", "optimiser/"


class UnusableCheckpoint(ValueError):
    """A checkpoint that is damaged or from another version: its run starts from the beginning."""


class ForeignCheckpoint(ValueError):
    """A checkpoint of another run, which a person has to move away."""


@dataclass(frozen=True)
class Checkpoint:
    """`tensors` by name, `progress` as it was given to `save`, `instructions` of the processor that wrote it."""

    tensors: dict[str, Tensor]
    progress: dict[str, Any]
    instructions: str


@dataclass
class TrainerState:
    """State of training beside the weights, in JSON types: with them, all that decides how it goes on.

    mastered     stages of the curriculum
    used         sequences taken of each setting: pairs (number of the setting, sequences)
    cooling      update at which the rate begins to fall, and the last update
    half         update of the first half-correct batch or validation
    solve        update and seconds at which the task was solved
    """

    update: int = 0
    tokens: int = 0
    seconds: float = 0.0
    mastered: int = 0
    used: list[tuple[int, int]] = field(default_factory=list)
    cooling: list[int] | None = None
    half: int | None = None
    solve: list[float] | None = None
    curve: list[dict[str, Any]] = field(default_factory=list)
    warning: str | None = None


def save(path: Path, run: Run, model: nn.Module, optimiser: AdamW, progress: dict[str, Any]) -> None:
    """Write a checkpoint over the one before. Raises UnwritableFolder where the disk does not take it."""
    tensors = {WEIGHTS + name: weights for name, weights in model.state_dict().items()}
    for name, weights in model.named_parameters():
        for key, value in optimiser.state.get(weights, {}).items():
            tensors[f"{OPTIMISER}{key}/{name}"] = value
    content = {"identity": run.identity, "torch": torch.__version__, "progress": progress}
    body = json.dumps(content | {"instructions": instructions(device_of(model).type)}, allow_nan=False)
    write_atomically(path, tensor_bytes(tensors, {"content": body, "digest": _digest(body, tensors)}))


def load(path: Path, run: Run) -> Checkpoint | None:
    """The checkpoint at `path`, None where there is none.

    Raises ForeignCheckpoint for one of another run, and UnusableCheckpoint for one that is damaged or that another
    version of torch wrote, which would not go on with the same numbers.
    """
    if not path.exists():
        return None
    try:
        content = read_plain(path)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        facts, tensors = header["__metadata__"], tensors_from_bytes(content)
        if facts["digest"] != _digest(facts["content"], tensors):
            raise ValueError("the digest is that of other content")
        loaded = json.loads(facts["content"])
    except CorruptRun as error:
        raise UnusableCheckpoint(str(error)) from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnusableCheckpoint(f"the checkpoint {path} is damaged and was not used") from None
    if loaded["identity"] != run.identity:
        raise ForeignCheckpoint(f"{path} is the checkpoint of another run (delete it to train from the beginning)")
    if loaded["torch"] != torch.__version__:
        versions = f"torch {loaded['torch']}, this is {torch.__version__}"
        raise UnusableCheckpoint(f"the checkpoint {path} was written by {versions}: it was not used")
    return Checkpoint(tensors, loaded["progress"], loaded.get("instructions", ""))


def restore(loaded: Checkpoint, model: nn.Module, optimiser: AdamW) -> None:
    """Restore weights and optimiser. Raises UnusableCheckpoint, and changes nothing, where shapes differ."""
    weights = {name.removeprefix(WEIGHTS): w for name, w in loaded.tensors.items() if name.startswith(WEIGHTS)}
    shapes = {name: real_numbers(w).shape for name, w in model.state_dict().items()}
    if {name: w.shape for name, w in weights.items()} != shapes:
        raise UnusableCheckpoint("the checkpoint has other weights than this model and was not used")
    put_weights(model, weights)
    parameters = dict(model.named_parameters())
    for name, value in loaded.tensors.items():
        if name.startswith(OPTIMISER):
            key, _, parameter = name.removeprefix(OPTIMISER).partition("/")
            like = parameters[parameter]
            # Moments have the strides of their weights: another layout may add in another order.
            put = torch.zeros_like(like, dtype=value.dtype) if value.shape == like.shape else torch.empty_like(value)
            optimiser.state.setdefault(like, {})[key] = put.to(like.device).copy_(value)


def resume(
    checkpoint: Path | None, run: Run, model: SequenceModel, optimiser: AdamW, watch: Callable[[Any], None]
) -> TrainerState:
    """The state in the checkpoint, with weights and optimiser restored; a fresh state where there is none."""
    try:
        loaded = load(checkpoint, run) if checkpoint else None
        if loaded is None:
            return TrainerState()
        if set(loaded.progress) != {f.name for f in fields(TrainerState)}:
            raise UnusableCheckpoint(f"the checkpoint {checkpoint} was written by another version and was not used")
        restore(loaded, model, optimiser)
        state = TrainerState(**loaded.progress)
        here = instructions(device_of(model).type)
        if loaded.instructions not in ("", here):  # "": written before they were recorded
            where = f"an {loaded.instructions} processor, and this is {here}"
            state.warning = f"training went on from {where}: last digits may differ from a training on one of them"
            watch(Notice(state.warning))
        return state
    except UnusableCheckpoint as error:
        warning = f"{error}: training started again from the beginning"
        watch(Notice(warning))
        return TrainerState(warning=warning)


def note_marks(state: TrainerState, validation: float, sampled: bool, solve_at: float, seconds: float) -> None:
    """Note the marks that an accuracy on the validation split crosses."""
    if sampled and state.half is None and validation >= 0.5:
        state.half = state.update
    if validation >= solve_at:
        state.solve = [state.update, seconds]


def instructions(device: str = "cpu") -> str:
    """Instruction set by which torch computes here, or the GPU that does: others add in another order."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return device if device != "cpu" else f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def _digest(body: str, tensors: dict[str, Tensor]) -> str:
    return digest(body.encode() + tensor_bytes(tensors))
