"""Memories as users bring them: some that keep the contract in unusual ways, and some that break one line of it."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from models.memories.attention import Attention
from models.memories.linear import LinearAttention
from models.memories.transformer_xl import TransformerXL
from models.memory import Memory


class Hidden(NamedTuple):
    h: Tensor


class Tied(Memory):
    """A recurrence whose two maps are one matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.a, self.b = (nn.Linear(width, width, bias=False) for _ in "ab")
        self.b.weight = self.a.weight

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, outputs = torch.zeros_like(x[:, 0]) if state is None else state.h, []
        for t in range(x.shape[1]):
            h = torch.tanh(self.a(x[:, t]) + self.b(h))
            outputs.append(h)
        return torch.stack(outputs, 1), Hidden(h)

    definition = forward

    def state_floats(self, length: int) -> int:
        return self.width

    def contents(self, state: Any) -> dict[str, Tensor]:
        return state._asdict()


class Diagonal(Tied):
    """A state space model with a complex diagonal."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.decay = nn.Parameter(torch.polar(torch.full((width,), 0.9), torch.linspace(0, 3, width)))

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h = torch.zeros_like(x[:, 0], dtype=torch.complex64) if state is None else torch.view_as_complex(state.h)
        outputs, u = [], self.a(x)
        for t in range(x.shape[1]):
            h = self.decay * h + u[:, t]
            outputs.append(h.real)
        return self.b(torch.stack(outputs, 1)), Hidden(torch.view_as_real(h))

    definition = forward

    def state_floats(self, length: int) -> int:
        return 2 * self.width


class Dropping(LinearAttention):
    """Linear attention behind a dropout."""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return super().forward(nn.functional.dropout(x, 0.2, self.training), state)


class Understated(Attention):
    """not 1 as state_floats says"""

    def state_floats(self, length: int) -> int:
        return 1


class Flattered(TransformerXL):
    """its state is at most 528 numbers in 131 tokens, not 304"""

    def fullest_floats(self, length: int) -> int:
        return self.state_floats(length)


class Forgetful(LinearAttention):
    """in pieces gives other outputs"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return super().forward(x, None)


class Mixing(LinearAttention):
    """alone gives other outputs"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        return y - y.mean(0, keepdim=True), state


class MixedState(LinearAttention):
    """alone gives another state"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, inner = super().forward(x, state and state[0])
        return y, (inner, x[:, -1].mean(0).expand_as(x[:, -1]))

    def state_floats(self, length: int) -> int:
        return super().state_floats(length) + self.width


class Placed(LinearAttention):
    """elsewhere in a batch gives other outputs"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        return torch.cat([y[:2], 2 * y[2:]]), state


class Undefined(LinearAttention):
    """by its definition gives other outputs"""

    def definition(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().definition(x, state)
        return 2 * y, state


class Infinite(LinearAttention):
    """not finite numbers (nan or inf, first at token 0)"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        return y / 0.0 * 0.0, state


class Restless(LinearAttention):
    """a second time gives other outputs"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        self.calls = getattr(self, "calls", 1) + 1
        return self.calls * y, state


class Rolling(LinearAttention):
    """from the same seed in training gives other outputs"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        return (random.random() if self.training else 1) * y, state


class Wide(LinearAttention):
    """its state holds torch.float64"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state and state._replace(recent=state.recent.to(x.dtype)))
        return y, state._replace(recent=state.recent.double())


class Listed(LinearAttention):
    """its state holds a dict"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state and state[0])
        return y, (state, {"more": x})


class Narrow(LinearAttention):
    """outputs are [3, 16, 7]"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = super().forward(x, state)
        return y[..., 1:], state


class InPlace(LinearAttention):
    """it changes the state handed in"""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, later = super().forward(x, state)
        if state is not None:
            state.M.S.copy_(later.M.S)
        return y, later


class Fraction(LinearAttention):
    """state_floats gives"""

    def state_floats(self, length: int) -> Any:
        return float(super().state_floats(length))


class PartlyNamed(LinearAttention):
    """contents name"""

    def contents(self, state: Any) -> dict[str, Tensor]:
        return {"recent": state.recent}


class Summing(Memory):
    """A running sum, without a parameter."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y = x.cumsum(1) + (0 if state is None else state.h[:, None])
        return y, Hidden(y[:, -1])

    definition = forward

    def state_floats(self, length: int) -> int:
        return self.width

    def contents(self, state: Any) -> dict[str, Tensor]:
        return state._asdict()


class Normed(LinearAttention):
    """alone, in training, gives other outputs"""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.batch = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return super().forward(self.batch(x.mT).mT, state)


KEEPING = (Tied, Diagonal, Dropping)
BREAKING = (
    Understated, Flattered, Forgetful, Mixing, MixedState, Placed, Undefined, Infinite, Restless, Rolling, Wide, Listed,
    Narrow, InPlace, Fraction, PartlyNamed, Normed,
)  # fmt: skip
"""Each says in its docstring what it is refused for."""
