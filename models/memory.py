"""The contract of a memory: a map of sequences with an explicit state.

    y, state = memory(x)              x, y [B, T, D]
    y, state = memory(more, state)    any T >= 1 continues any state

Prefill in pieces, single steps and a whole sequence give the same numbers, in single precision or better: a sum kept
in half precision stops growing. So a memory computes in the precision of its weights: autocast ends where it begins.
A memory keeps nothing between calls: what it remembers is in the state it returns, so states can be saved, swapped
and probed.

Shapes in this package: B batch, T time, D model width, H heads, K key size, V value size, C chunk
length. States are float tensors with the batch first, held in a NamedTuple beside plain counters.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

State = Any
"""A NamedTuple of tensors [B, ...] and plain integers; each memory names its own."""


class Memory(nn.Module, ABC):
    """What a sequence model remembers with. Every memory takes `width` first and keyword options after.

    `options` says in words what each option means, for the command line. A memory of `uses_oracle`
    takes a third argument `oracle_positions` [B, T]: where the answer of each token was written, -1 for unknown.
    """

    options: ClassVar[Mapping[str, str]] = {}
    uses_oracle: bool = False
    period: int = 0
    """Tokens after which a state is never smaller than before them, whenever they come; 0 where that is not known."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "state_floats" in vars(cls) and "period" not in vars(cls):
            cls.period = 0  # that of the class above it belongs to another state

    def __call__(self, x: Tensor, *rest: Any, **named: Any) -> Any:
        """`forward`, in the precision of the weights under autocast too."""
        device = x.device.type
        if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
            return super().__call__(x, *rest, **named)
        with torch.autocast(device, enabled=False):
            return super().__call__(x.to(next(self.parameters(), x)), *rest, **named)

    @abstractmethod
    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The fast form: [B, T, D] -> [B, T, D] and the state after the last token."""

    @abstractmethod
    def definition(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The same numbers one token at a time, in the order of the paper's equations."""

    @abstractmethod
    def state_floats(self, length: int) -> int:
        """Numbers carried per sequence after `length` tokens; bytes are four times as many."""

    def fullest_floats(self, length: int) -> int:
        """The most numbers carried after any of the first `length` tokens: what has to be kept free for a state."""
        return fullest(self.state_floats, length, self.period)

    @abstractmethod
    def contents(self, state: State) -> dict[str, Tensor]:
        """The tensors a probe may read, by name, each [B, ...]; together they are the whole state."""

    @property
    def reads_whole(self) -> bool:
        """True for one that goes on from no state: what cannot be read at once is not read."""
        return False

    def views(self, state: State) -> dict[str, Tensor]:
        """What else a probe may read, each [B, ...]: parts of the contents, or what the memory makes of them.

        Which there are may depend on how much was read. Nothing here is carried beside the contents.
        """
        return {}


def fullest(floats: Callable[[int], int], length: int, period: int, bound: float = math.inf) -> int:
    """The most that `floats` gives for 1 to `length` tokens.

    period   over which it never falls (0: unknown): only the last one is looked at
    bound    of it, beyond which nothing is sought
    """
    most = 0
    for tokens in range(length, max(0, length - period) if period else 0, -1):
        most = max(most, floats(tokens))
        if most >= bound:
            break
    return most


def num_floats(state: State) -> int:
    """Numbers a state holds per sequence, counted from its tensors."""
    if isinstance(state, Tensor):
        return state[0].numel()
    if isinstance(state, tuple | list):
        return sum(num_floats(part) for part in state)
    return 0
