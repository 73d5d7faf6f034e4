"""Options of Memory Caching. Values are checked here, once."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import option
from ..rules import RULES, choose
from .gates import GATES, POOLS, ContextGate


@dataclass(frozen=True)
class CachingOptions:
    """Options of every form of Memory Caching. Raises ValueError for values that name nothing."""

    heads: int = option(1, "heads the width is split into")
    size: int = option(0, "channels of a head's keys and values; 0: its share of the width")
    base: str = option("linear", f"rule the caches are of: {', '.join(RULES)}")
    segment: int = option(32, "tokens after which a state is cached")
    division: str = option(
        "constant", "constant: segments of that many tokens; logarithmic: the powers of two it is the sum of"
    )
    start: str = option("independent", "what a segment begins with: independent of the last or its checkpoint")
    detach: bool = option(False, "stop gradients at caches (they then learn nothing: for showing so)")
    expansion: int = option(0, "width inside a deep memory over its head's size; 0: the rule's own")
    inner: int = option(0, "tokens of a deep memory that share a gradient's weights; 0: the rule's own")
    unbounded: bool = option(False, "shorten no errors, values or gradients of a deep memory, as in the papers")

    def __post_init__(self) -> None:
        if self.segment < 1:
            raise ValueError(f"a segment holds at least 1 token, not {self.segment}")
        choose("base", self.base, list(RULES))
        choose("division", self.division, ("constant", "logarithmic"))
        choose("start", self.start, ("independent", "checkpoint"))


@dataclass(frozen=True)
class GatedOptions(CachingOptions):
    """Options of a form of caching whose memories a gate weighs."""

    gate: str = option("inputs", f"what weighs the caches: {', '.join(GATES)}")
    pool: str = option("mean", f"what a segment is known by: {', '.join(POOLS)}")
    scaled: bool = option(True, "divide the gate's logits by the root of their size")

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = GATES[choose("gate", self.gate, list(GATES))]
        if choose("pool", self.pool, POOLS).endswith("inputs") and self.gate == "queries":
            raise ValueError(
                f"queries are compared with pooled keys: pool is mean or sum, not {self.pool}, or gate inputs"
            )
        if not issubclass(kind, ContextGate) and (self.pool != "mean" or not self.scaled):
            raise ValueError(
                f"pool and scaled are of gates that compare: with gate {self.gate} nothing is pooled or scaled"
            )


@dataclass(frozen=True)
class SparseOptions(GatedOptions):
    """Options of a gate that reads some caches only."""

    chosen: int = option(2, "caches each token reads")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chosen < 1:
            raise ValueError(f"at least 1 cache is chosen, not {self.chosen}")
        if self.gate == "constant":
            raise ValueError("a constant gate makes no choice: take gate inputs, queries or position, or grm")
