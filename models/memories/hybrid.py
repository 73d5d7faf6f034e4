"""A recurrent memory, then attention to a window, in one block (Samba: Ren et al. 2024, arXiv 2406.07522).

    a = recurrent(x)                  what was long ago, compressed
    b = window(norm(x + a))           what was just now, exactly
    y = a + b                         the model around it adds x, so each part has its residual

Each part has projections, convolution and read-out of its own. In the paper the recurrent part is Mamba and
an MLP follows each part; here it is gated linear attention, and the one MLP is that of the model around it.
The residual inside is of the normed x, which is all that a memory is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from ..memory import Memory, State
from .gated_linear import GatedLinear
from .sliding_window import SlidingWindow


class HybridState(NamedTuple):
    """The states of the two parts."""

    recurrent: State
    window: State


class Hybrid(Memory):
    """A recurrent memory for what is long ago, then attention to the last `window` tokens."""

    period = 1
    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into, in both parts",
        "window": "tokens the attention sees, itself among them",
        "rope": "rotate the attention's queries and keys by their position",
    }

    def __init__(self, width: int, heads: int = 1, window: int = 32, rope: bool = True) -> None:
        super().__init__()
        self.recurrent: Memory = GatedLinear(width, heads=heads)
        self.window = SlidingWindow(width, heads=heads, window=window, rope=rope)

    def forward(self, x: Tensor, state: HybridState | None = None) -> tuple[Tensor, HybridState]:
        a, recurrent = self.recurrent(x, state.recurrent if state else None)
        b, window = self.window(self.between(x, a), state.window if state else None)
        return a + b, HybridState(recurrent, window)

    def definition(self, x: Tensor, state: HybridState | None = None) -> tuple[Tensor, HybridState]:
        a, recurrent = self.recurrent.definition(x, state.recurrent if state else None)
        b, window = self.window.definition(self.between(x, a), state.window if state else None)
        return a + b, HybridState(recurrent, window)

    def between(self, x: Tensor, a: Tensor) -> Tensor:
        return F.rms_norm(x + a, (x.shape[-1],), eps=1e-6)

    def state_floats(self, length: int) -> int:
        return self.recurrent.state_floats(length) + self.window.state_floats(length)

    def contents(self, state: HybridState) -> dict[str, Tensor]:
        recurrent, window = self.recurrent.contents(state.recurrent), self.window.contents(state.window)
        return {f"recurrent_{name}": part for name, part in recurrent.items()} | {
            f"window_{name}": part for name, part in window.items()
        }
