"""Memories side by side in one layer, each with projections of its own: y = a(x) + b(x) + ...

The outputs are added as they are. The model around them adds x, as it does for one memory, so each writes into the
residual stream at the scale that it has alone in a layer: a block is its memories in layers of their own, but that none
reads what the other wrote. A factor such as 1 / sqrt(2) would slow the learning of each. Falcon-H1 (Zuo et al. 2025,
arXiv 2507.22448) puts attention and Mamba side by side.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .memory import Memory, State, fullest

Form = Callable[..., tuple[Tensor, State]]


class Parallel(Memory):
    """Two or more memories that read the same input, and whose outputs are added; its state is a tuple of theirs.

    names   of the memories, for what a probe reads: `linear.S`; those of one name are numbered, `linear.1.S`
    """

    def __init__(self, memories: Sequence[Memory], names: Sequence[str]) -> None:
        super().__init__()
        self.memories: list[Memory] = nn.ModuleList(memories)  # type: ignore[assignment]
        several = Counter(names)
        numbers = [names[: i + 1].count(name) for i, name in enumerate(names)]
        self.names = [f"{n}.{i}" if several[n] > 1 else n for n, i in zip(names, numbers, strict=True)]
        self.period = math.lcm(*(memory.period for memory in memories))  # 0 where that of one is not known
        self.uses_oracle = any(memory.uses_oracle for memory in memories)

    @property
    def reads_whole(self) -> bool:
        return any(memory.reads_whole for memory in self.memories)

    def forward(
        self, x: Tensor, state: tuple[State, ...] | None = None, oracle_positions: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        return self.added(list(self.memories), x, state, oracle_positions)

    def definition(
        self, x: Tensor, state: tuple[State, ...] | None = None, oracle_positions: Tensor | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        return self.added([memory.definition for memory in self.memories], x, state, oracle_positions)

    def added(
        self, forms: Sequence[Form], x: Tensor, state: tuple[State, ...] | None, oracle_positions: Tensor | None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """The sum of what these forms of the memories give, and the state of each."""
        total, states = torch.zeros_like(x), list[State]()
        for memory, form, before in zip(self.memories, forms, state or [None] * len(forms), strict=True):
            y, after = form(x, before, *((oracle_positions,) if memory.uses_oracle else ()))
            total = total + y
            states.append(after)
        return total, tuple(states)

    def with_others(self, others: Mapping[Memory, Memory]) -> Parallel:
        """The same with other memories in the place of some."""
        return Parallel([others.get(memory, memory) for memory in self.memories], self.names)

    def state_floats(self, length: int) -> int:
        return sum(memory.state_floats(length) for memory in self.memories)

    def fullest_floats(self, length: int) -> int:
        bound = sum(memory.fullest_floats(length) for memory in self.memories)
        return fullest(self.state_floats, length, self.period, bound)

    def contents(self, state: tuple[State, ...]) -> dict[str, Tensor]:
        return self.named("contents", state)

    def views(self, state: tuple[State, ...]) -> dict[str, Tensor]:
        return self.named("views", state)

    def named(self, what: str, state: tuple[State, ...]) -> dict[str, Any]:
        """The contents or views of every memory, after its name."""
        parts = zip(self.names, self.memories, state, strict=True)
        return {f"{name}.{key}": t for name, m, s in parts for key, t in getattr(m, what)(s).items()}
