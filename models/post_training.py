"""Memory Caching put on a model that was trained without it (arXiv 2602.24281, §4.3).

    averaged = with_caching(trained, "average", segment=64)     nothing to train: caches are averaged
    gated = with_caching(trained, "grm", segment=64)            the model as it was, and new gates:
    train(only_gates(gated))                              W_u alone learns

The paper names the first for longer texts than were trained on, and gives neither its weights nor numbers.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

from .caching.memory import CachingMemory
from .options import build_memory, check_options
from .recurrent import Recurrent
from .rules import RULES
from .seeding import seeded_draws
from .sequence_model import SequenceModel

BROUGHT = ("heads", "size", "base", "expansion", "inner", "unbounded")
"""What a memory that is cached brings itself."""


def with_caching(
    model: SequenceModel, memory: str | type[CachingMemory], seed: int = 0, **options: Any
) -> SequenceModel:
    """A copy of the model whose recurrent memories cache their states, with the weights it has.

    What the form of caching adds (the gates of GRM, Soup and SSC) begins as `seed` draws it. Raises
    ValueError where a layer's memory follows no rule of `RULES`, or where `memory` is no form of caching.
    """
    from . import find

    kind, names = find(memory), {rule: name for name, rule in RULES.items()}
    if not issubclass(kind, CachingMemory) or inspect.isabstract(kind):
        raise ValueError(f"{memory} is no form of Memory Caching: take average, residual, grm, soup or ssc")
    check_options(kind, options)
    if own := [name for name in BROUGHT if name in options]:
        raise ValueError(f"{own[0]} is that of the memory that was trained: leave it out")
    copied = copy.deepcopy(model)
    with seeded_draws(seed):
        for block in copied.blocks:
            old = block.memory
            base = names.get(type(old.rule)) if isinstance(old, Recurrent) else None
            if base is None or isinstance(old, CachingMemory):
                has_rule = isinstance(old, Recurrent) and not isinstance(old, CachingMemory)
                known = f"train one of {', '.join(RULES)}"
                mend = "put its rule into recall_tasks.models.rules.RULES" if has_rule else known
                raise ValueError(f"{type(old).__name__} cannot be cached: {mend}")
            rule: Any = old.rule
            deep = {}
            if rule.depth > 1:
                deep = {"expansion": rule.wide // rule.size, "inner": rule.inner, "unbounded": rule.unbounded}
            made = build_memory(kind, model.width, heads=rule.heads, size=rule.size, base=base, **deep, **options)
            weights = next(old.parameters())
            made.to(weights.device, weights.dtype)
            missing, unexpected = made.load_state_dict(old.state_dict(), strict=False)
            assert not unexpected
            assert all(name.startswith("gate.") for name in missing)
            block.memory = made
    return copied


def only_gates(model: SequenceModel) -> SequenceModel:
    """The same model, of which the gates of its caches alone learn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".memory.gate." in name)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("this form of caching has no gate to train: take grm, soup or ssc")
    return model
