"""Controls of Memory Caching: a gate that knows everything, one that knows nothing, and none at all.

    oracle    a token that is given the position of its answer reads that segment alone
    random    the k caches of SSC are drawn, the same for every sequence, whatever they hold
    average   every cache counts alike, or less by a factor for every segment since; nothing is learned

Where a memory fails under `oracle`, the segment's state has lost the answer (an error of compression);
what it fails beyond that, the gate has not found (an error of routing). `average` is what can be put on a
trained memory without training it (arXiv 2602.24281, §4.3; which average is not said there).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from types import new_class
from typing import ClassVar

import torch
from torch import Tensor

from ..caching.gates import DecayGate
from ..caching.memory import Access, CachingMemory
from ..caching.options import CachingOptions, SparseOptions
from ..options import meanings, option
from .caching import GRM, SSC, Residual


class OracleGate(CachingMemory):
    """A gate given the positions of answers; tokens without one weigh their memories as the form after it does."""

    uses_oracle = True

    def weights(self, access: Access) -> Tensor:
        learned = super().weights(access)
        if access.oracle_caches is None:
            return learned
        places = learned.shape[-1]
        number = (access.oracle_caches + 1) % places  # caches stand behind the open memory, the open segment wraps to 0
        only = torch.nn.functional.one_hot(number, places).to(learned)[:, None]
        unknown = (access.oracle_caches < 0) | (access.oracle_caches >= places)  # or yet to come
        return torch.where(unknown[:, None, :, None], learned, only)


class Oracle(OracleGate, GRM):
    """GRM whose gate reads, at tokens that ask, the segment alone in which the answer was written.

    Tokens without an oracle position weigh their memories as GRM does. With checkpoints the cache of a segment
    holds all segments before it too.
    """


def with_oracle_gate(memory: CachingMemory) -> CachingMemory:
    """The same memory, weights shared, with an oracle's gate. Raises ValueError for one that weighs nothing."""
    if isinstance(memory, Residual):
        raise ValueError("residual caching has no gate that an oracle could replace: take average, grm, soup or ssc")
    if memory.uses_oracle:
        return memory
    # Sparse reading is by `route`, which knows no oracle; dense weights that are zero where nothing is chosen do.
    dense = {"mix": GRM.mix} if isinstance(memory, SSC) else {}
    kind, copied = type(memory), copy.copy(memory)
    copied.__class__ = new_class(
        f"Oracle{kind.__name__}", (OracleGate, kind), exec_body=lambda body: body.update(dense)
    )
    return copied


@dataclass(frozen=True)
class RandomOptions(SparseOptions):
    """Options of SSC whose caches are drawn."""

    draw: int = option(0, "number of the draw")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.draw < 2**31:
            raise ValueError(f"draw takes 0 to 2^31 - 1, not {self.draw}")


class RandomSSC(SSC):
    """SSC that draws its caches by token, head and `draw` alone, and then weighs them as SSC does."""

    options: ClassVar[Mapping[str, str]] = meanings(RandomOptions)

    def __init__(self, width: int, options: RandomOptions = RandomOptions()) -> None:
        super().__init__(width, options)
        self.draw = options.draw

    def scores(self, access: Access, logits: Tensor) -> Tensor:
        B, H, C, places = logits.shape
        token = torch.arange(access.first, access.first + C, device=access.q.device)
        cache = torch.arange(places - 1, device=access.q.device)
        head = torch.arange(H, device=access.q.device)[:, None, None]
        mixed = scramble(scramble(scramble(token[:, None] + (self.draw << 32)) + cache) + head)
        return mixed.to(torch.float64).expand(B, H, C, places - 1)


def scramble(x: Tensor) -> Tensor:
    """Integers whose every bit depends on all of x: the finisher of splitmix64 (Steele et al. 2014)."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        x = (x ^ (x >> shift & (1 << (64 - shift)) - 1)) * factor
    return x ^ (x >> 31 & (1 << 33) - 1)


@dataclass(frozen=True)
class AverageOptions(CachingOptions):
    """Options of an average over caches: by default a segment goes on from the last, as in the trained memory."""

    start: str = option("checkpoint", meanings(CachingOptions)["start"])
    decay: float = option(1.0, "weight of a segment over that of the next one; 1: an even mean")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay is above 0 and at most 1, not {self.decay}")


class Average(CachingMemory):
    """The open memory and all caches, averaged: nothing is learned, so that it can be put on a trained memory."""

    options: ClassVar[Mapping[str, str]] = meanings(AverageOptions)

    def __init__(self, width: int, options: AverageOptions = AverageOptions()) -> None:
        super().__init__(width, options)
        self.gate = DecayGate(width, options.heads, self.rule.size, options.decay)

    mix = GRM.mix
