"""Memory swaps: a finished run with another memory in place of its own, its weights unchanged.

Uses: caching the states of a memory that was trained without caches (and training the gates alone), reading
Elastic Memory's coefficients at other positions than in training, replacing its local keys and values by noise,
giving a gate an oracle. The new memory may add gates and no other weights; otherwise the swap is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from models import SequenceModel, memory_options
from models.caching.memory import CachingMemory
from models.post_training import BROUGHT, only_gates, with_caching
from models.recurrent import Recurrent
from models.rules import RULES
from models.stack import is_alone

from ..config.custom_code import load_memory
from ..config.run import ModelSetting, Option, Run
from .loop import train


def swap_memory(
    run: Run, model: SequenceModel, memory: str, options: Mapping[str, Option] | None = None
) -> tuple[Run, SequenceModel]:
    """The run with this memory, and its model with the trained weights.

    Options that are not named stay as in training if both memories have them. Raises ValueError if the weights do
    not fit, and for a stack on either side.
    """
    asked = ModelSetting(memory, dict(options or {}))
    for setting, name in ((run.model, run.label), (asked, memory)):
        if not is_alone(setting.stack):
            raise ValueError(f"{name} is a stack: a swap puts one memory in the place of one, in all layers")
    given, memory = asked.options, asked.memory
    kind, own = load_memory(memory), load_memory(run.model.memory)
    trained = memory_options(own) | run.model.options
    shared = {name: value for name, value in trained.items() if name in memory_options(kind)}
    first = model.blocks[0].memory
    if issubclass(kind, CachingMemory) and isinstance(first, Recurrent) and not isinstance(first, CachingMemory):
        shared["base"] = base_of(first)
        swapped = with_memory(run, memory, shared, given)
        added = {name: value for name, value in swapped.model.options.items() if name not in BROUGHT}
        return swapped, with_caching(model, kind, run.seed, **added).eval()
    swapped = with_memory(run, memory, shared, given)
    made = swapped.build()
    other = made.blocks[0].memory
    if isinstance(first, Recurrent) and isinstance(other, Recurrent) and type(first.rule) is not type(other.rule):
        raise ValueError(f"{memory} writes by another rule than the {run.label} that was trained")
    missing, unexpected = made.load_state_dict(fitting(made, model), strict=False)
    if wrong := [*unexpected, *(name for name in missing if ".memory.gate." not in name)]:
        raise ValueError(
            f"{memory} has other weights than the {run.label} that was trained ({wrong[0]}): "
            "swap memories that share them, such as a rule and its caches"
        )
    return swapped, made.eval()


def with_memory(run: Run, memory: str, shared: Mapping[str, Option], given: Mapping[str, Option]) -> Run:
    """The run with this memory. Raises ValueError for an option that decides weights and differs from training."""
    for name in (name for name in BROUGHT if name in given):
        if given[name] != shared.get(name):
            was = "trained without" if name not in shared else f"trained with {name} {shared[name]}"
            raise ValueError(f"{run.label} was {was}, not {name} {given[name]}: a swap keeps its weights")
    size = run.model
    return replace(run, model=ModelSetting(memory, {**shared, **given}, size.width, size.layers, size.mlp_ratio))


def base_of(memory: Recurrent) -> str:
    """Name of a memory's rule. Raises ValueError for a rule outside the registry."""
    for name, rule in RULES.items():
        if type(memory.rule) is rule:
            return name
    raise ValueError(f"{type(memory).__name__} cannot be cached: put its rule into recall_tasks.models.rules.RULES")


def fitting(made: SequenceModel, trained: SequenceModel) -> dict[str, Tensor]:
    """The trained weights whose shapes fit the model made; the others count as missing."""
    shapes = {name: weights.shape for name, weights in made.state_dict().items()}
    return {name: w for name, w in trained.state_dict().items() if shapes.get(name, w.shape) == w.shape}


def with_trained_gates(run: Run, model: SequenceModel, updates: int) -> SequenceModel:
    """The model after `updates` that train only the gates of its caches, on the task itself."""
    training = replace(run.training, updates=updates, policy="fixed", weights=None)
    trained, _, _ = train(replace(run, training=training), model=only_gates(model))
    return trained.requires_grad_(True).eval()
