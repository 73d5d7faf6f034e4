"""The rules of writing, by name: what Memory Caching can be put over. Adding one is its file and its line here."""

from __future__ import annotations

from .memories.delta import Delta, GatedDelta
from .memories.dla import DeepAdditive
from .memories.gated import Gated
from .memories.linear import Additive
from .memories.swla import SlidingAdditive
from .memories.titans import Surprise
from .rule import Rule

RULES: dict[str, type[Rule]] = {
    "linear": Additive,
    "gated": Gated,
    "swla": SlidingAdditive,
    "delta": Delta,
    "gated_delta": GatedDelta,
    "dla": DeepAdditive,
    "titans": Surprise,
}
