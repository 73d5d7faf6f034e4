"""The rules of writing, by name: what Memory Caching can be put over. Adding one is its file and its line here."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from .memories.delta import Delta, GatedDelta
from .memories.dla import DeepAdditive
from .memories.gated_linear import GatedAdditive
from .memories.linear import Additive
from .memories.swla import SlidingAdditive
from .memories.titans import Surprise
from .rule import Rule

RULES: dict[str, type[Rule]] = {
    "linear": Additive,
    "gated": GatedAdditive,
    "swla": SlidingAdditive,
    "delta": Delta,
    "gated_delta": GatedDelta,
    "dla": DeepAdditive,
    "titans": Surprise,
}


def choose(name: str, value: str, among: Sequence[str]) -> str:
    """The value of an option, one of those it can have. Raises ValueError for another."""
    if value not in among:
        raise ValueError(f"{name} is one of {', '.join(among)}, not {value!r}")
    return value


def rule_of(base: str, heads: int, size: int, **given: int) -> Rule:
    """The rule of this name, with the options given that are not 0. Raises ValueError for one it does not take."""
    kind = RULES[choose("base", base, list(RULES))]
    if kind.read is not Rule.read:
        raise ValueError(
            f"{base} cannot be cached: {kind.__name__}.read is its own, and caches are read as Rule.read does"
        )
    options = {name: value for name, value in given.items() if value}
    for name in options:
        if name not in inspect.signature(kind).parameters:
            raise ValueError(f"{name} is an option of deep memories: {base} takes none")
    return kind(heads, size, **options)
