"""A finished run with another memory in place of its own, its weights as they are.

What it is good for: caching the states of a memory that was trained without caches (and training the gates
alone), reading Elastic Memory's coefficients at other places than in training, drowning its local keys and
values in noise, giving a gate an oracle. What the new memory adds to the weights is its gates alone;
where it needs more, or other weights, the swap is refused.
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

from ..config.custom_code import load_memory
from ..config.run import ModelSetting, Option, Run
from .loop import train


def swapped(
    run: Run, model: SequenceModel, memory: str, options: Mapping[str, Option] | None = None
) -> tuple[Run, SequenceModel]:
    """The run as it would be with this memory, and its model with the weights of the one trained.

    Options that are not named are as they were in training where both memories have them. Raises
    ValueError where the weights do not fit.
    """
    given, kind, own = dict(options or {}), load_memory(memory), load_memory(run.model.memory)
    trained = memory_options(own) | run.model.options
    shared = {name: value for name, value in trained.items() if name in memory_options(kind)}
    first = model.blocks[0].memory
    if issubclass(kind, CachingMemory) and isinstance(first, Recurrent) and not isinstance(first, CachingMemory):
        shared["base"] = base_of(first)
        new = replaced(run, memory, shared, given)
        added = {name: value for name, value in new.model.options.items() if name not in BROUGHT}
        return new, with_caching(model, kind, run.seed, **added).eval()
    new = replaced(run, memory, shared, given)
    made = new.build()
    other = made.blocks[0].memory
    if isinstance(first, Recurrent) and isinstance(other, Recurrent) and type(first.rule) is not type(other.rule):
        raise ValueError(f"{memory} writes by another rule than the {run.label} that was trained")
    missing, unexpected = made.load_state_dict(fitting(made, model), strict=False)
    if wrong := [*unexpected, *(name for name in missing if ".memory.gate." not in name)]:
        raise ValueError(
            f"{memory} has other weights than the {run.label} that was trained ({wrong[0]}): "
            "swap memories that share them, such as a rule and its caches"
        )
    return new, made.eval()


def replaced(run: Run, memory: str, shared: Mapping[str, Option], given: Mapping[str, Option]) -> Run:
    """The run with this memory. Raises ValueError for an option that decides weights and is not as in training."""
    for name in (name for name in BROUGHT if name in given):
        if given[name] != shared.get(name):
            was = "trained without" if name not in shared else f"trained with {name} {shared[name]}"
            raise ValueError(f"{run.label} was {was}, not {name} {given[name]}: a swap keeps its weights")
    size = run.model
    return replace(run, model=ModelSetting(memory, {**shared, **given}, size.width, size.layers, size.mlp_ratio))


def base_of(memory: Recurrent) -> str:
    """The name of a memory's rule. Raises ValueError for one that is not of the registry."""
    for name, rule in RULES.items():
        if type(memory.rule) is rule:
            return name
    raise ValueError(f"{type(memory).__name__} cannot be cached: put its rule into models.rules.RULES")


def fitting(made: SequenceModel, trained: SequenceModel) -> dict[str, Tensor]:
    """The trained weights, without those whose shape is another in the model made: these count as missing."""
    shapes = {name: weights.shape for name, weights in made.state_dict().items()}
    return {name: w for name, w in trained.state_dict().items() if shapes.get(name, w.shape) == w.shape}


def with_trained_gates(run: Run, model: SequenceModel, updates: int) -> SequenceModel:
    """The model after `updates` in which the gates of its caches alone learn, on the task itself."""
    training = replace(run.training, updates=updates, policy="fixed", weights=None)
    trained, _, _ = train(replace(run, training=training), model=only_gates(model))
    return trained.requires_grad_(True).eval()
