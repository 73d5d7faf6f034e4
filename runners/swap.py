"""A finished run with another memory in place of its own, its weights as they are.

What it is good for: caching the states of a memory that was trained without caches (and training the gates
alone), reading Elastic Memory's coefficients at other places than in training, drowning its local keys and
values in noise, giving a gate an oracle. What the new memory adds to the weights is its gates alone;
where it needs more, or other weights, the swap is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from models import SequenceModel, memory_options
from models.caching.cached import Cached
from models.post_training import cached, only_gates
from models.recurrent import Recurrent

from .bring import load_memory
from .experiment import ModelSetting, Option, Run
from .train import train


def swapped(
    run: Run, model: SequenceModel, memory: str, options: Mapping[str, Option] | None = None
) -> tuple[Run, SequenceModel]:
    """The run as it would be with this memory, and its model with the weights of the one trained.

    Options that are not named stay as in training where both memories have them. Raises ValueError
    where the weights do not fit.
    """
    kind, given = load_memory(memory), dict(options or {})
    trained = model.blocks[0].memory
    if issubclass(kind, Cached) and isinstance(trained, Recurrent) and not isinstance(trained, Cached):
        given = {"base": run.model.memory, **given}
        if given["base"] != run.model.memory:
            raise ValueError(f"caches of {run.model.memory} are of base {run.model.memory}, not {given['base']}")
    shared = {name: value for name, value in run.model.options.items() if name in memory_options(kind)}
    setting = ModelSetting(memory, shared | given, run.model.width, run.model.layers, run.model.mlp_ratio)
    new = replace(run, model=setting)
    if issubclass(kind, Cached) and isinstance(trained, Recurrent) and not isinstance(trained, Cached):
        mine = {name: value for name, value in setting.options.items() if name not in BY_BASE}
        return new, cached(model, kind, run.seed, **mine).eval()
    made = new.build()
    missing, unexpected = made.load_state_dict(model.state_dict(), strict=False)
    if wrong := [*unexpected, *(name for name in missing if ".memory.gate." not in name)]:
        raise ValueError(
            f"{memory} has other weights than the {run.label} that was trained ({wrong[0]}): "
            "swap memories that share them, such as a rule and its caches"
        )
    return new, made.eval()


BY_BASE = ("heads", "size", "base", "expansion", "inner")
"""What a memory that is cached brings itself."""


def with_trained_gates(run: Run, model: SequenceModel, updates: int) -> SequenceModel:
    """The model after `updates` in which the gates of its caches alone learn, on the task itself."""
    training = replace(run.training, updates=updates, curriculum=1)
    trained, _, _ = train(replace(run, training=training), model=only_gates(model))
    return trained.requires_grad_(True).eval()
