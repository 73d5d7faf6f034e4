"""A recurrent memory is projections, a rule and a norm: everything around the rule, written once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from .layers import Projections, ReadOut, recent_floats
from .memory import Memory
from .rule import Gates, Open, Rule, multiplier, unit


class RecurrentState(NamedTuple):
    """recent [B, 3, D]: the last inputs of the convolution; M: what the rule carries."""

    recent: Tensor
    M: Open


class Recurrent(Memory):
    """Queries, keys, values and gates into a rule, its reads through a norm and a matrix.

    A memory of this kind names its `kind` of rule and, where the rule takes options, makes it in `__init__`.
    """

    kind: ClassVar[type[Rule]]
    period = 1
    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "size": "channels of a head's keys and values; 0: its share of the width",
    }

    def __init__(self, width: int, heads: int = 1, size: int = 0) -> None:
        super().__init__()
        kind = getattr(self, "kind", None)
        if not (isinstance(kind, type) and issubclass(kind, Rule)):
            raise ValueError(f"{type(self).__name__} names no rule: write kind = MyRule in it, not {kind!r}")
        self.project = Projections(width, heads, 3, size)
        self.assemble(width, self.kind(heads, self.project.size))

    def assemble(self, width: int, rule: Rule) -> None:
        self.width, self.rule = width, rule
        self.gates = Gates(width, rule)
        self.read_out = ReadOut(width, rule.heads, size=rule.size)

    def inputs(self, x: Tensor, recent: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """q, k, v, g of the tokens of x, and what the convolution carries on."""
        (q, k, v), recent = self.project(x, recent)
        if self.rule.unit:
            q, k = unit(q), unit(k)
        return q, k, v, self.gates(x), recent

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        q, k, v, g, recent = self.inputs(x, state.recent if state else None)
        multiply, M = self.rule.write(state.M if state else self.rule.start(x), k, v, g)
        return self.read_out(self.rule.read(multiply, q)), RecurrentState(recent, M)

    def definition(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        q, k, v, g, recent = self.inputs(x, state.recent if state else None)
        M, reads = state.M if state else self.rule.start(x), []
        for t in range(x.shape[1]):
            M = self.rule.step(M, k[:, :, t], v[:, :, t], g[:, :, t])
            reads.append(self.rule.read(multiplier(self.rule.matrices(M)), q[:, :, t : t + 1]))
        return self.read_out(torch.cat(reads, dim=2)), RecurrentState(recent, M)

    def state_floats(self, length: int) -> int:
        return self.rule.floats() + recent_floats(self.width)

    def contents(self, state: Any) -> dict[str, Tensor]:
        carried = state.M._asdict()
        return {"recent": state.recent} | {name: part for name, part in carried.items() if isinstance(part, Tensor)}
