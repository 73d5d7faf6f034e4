"""The contract of a rule: how a recurrent memory is written, apart from what feeds it and what caches it.

A memory M is a chain of matrices, read by multiplying through them:

    M(q) = W_1^T q                                   one matrix: an associative memory
    M(q) = q + W_2^T sigma(W_1^T q)                  two matrices and a residual: a deep memory

Its matrices are the recurrent state. A rule says with which matrices a sequence begins and how a token
(k, v) with gates g changes them; reading is the same for all, and is written here. What is written once
over a rule, such as Memory Caching, works over every rule.

Shapes: B batch, H heads, T time, K, V key and value size, G gates a token;
q, k [B, H, T, K], v [B, H, T, V], g [B, H, T, G], a matrix [B, H, in, out].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .transforms import at_least_single

Open = Any
"""What a rule carries from token to token: a NamedTuple of tensors [B, H, ...] and plain counters."""

Multiply = Callable[[int, Tensor], Tensor]
"""(layer, x [B, H, T, in]) -> [B, H, T, out]: each token's x times the layer's matrix as that token reads it."""


class Rule(nn.Module, ABC):
    """How a memory is written.

    gates   the scalars of each token and head that the rule takes, by name, with the bias they begin at:
            `g` holds them as logits, which the rule squashes
    unit    whether queries and keys are divided by their length first
    depth   matrices a memory consists of; from 2 on sigma stands between them and q is added
    inner   tokens that take their gradient at the same weights; segments are multiples of it
    """

    gates: ClassVar[tuple[tuple[str, float], ...]] = ()
    unit: ClassVar[bool] = False
    depth: ClassVar[int] = 1
    inner: int = 1

    def __init__(self, heads: int, size: int) -> None:
        super().__init__()
        self.heads, self.size = heads, size

    def __init_subclass__(cls) -> None:
        """A class with steps of its own has a fast form of its own, or none: not that of the rule it extends."""
        super().__init_subclass__()
        if "step" in vars(cls) and "write" not in vars(cls):
            cls.write = Rule.write  # type: ignore[method-assign]

    @abstractmethod
    def start(self, like: Tensor) -> Open:
        """The memory before the first token, for `like` [B, ...]: its batch, dtype and device."""

    @abstractmethod
    def step(self, M: Open, k: Tensor, v: Tensor, g: Tensor) -> Open:
        """The definition: one token, k [B, H, K], v [B, H, V], g [B, H, G]."""

    @abstractmethod
    def matrices(self, M: Open) -> tuple[Tensor, ...]:
        """What is read, and what a cache keeps: `depth` matrices [B, H, in, out]."""

    def write(self, M: Open, k: Tensor, v: Tensor, g: Tensor) -> tuple[Multiply, Open]:
        """The fast form of T steps: how every token multiplies by the matrices after its own write, and the end.

        A rule without a fast form of its own has this: all T memories, one after the other.
        """
        after = []
        for k_t, v_t, g_t in zip(k.unbind(2), v.unbind(2), g.unbind(2), strict=True):
            M = self.step(M, k_t, v_t, g_t)
            after.append(self.matrices(M))

        def multiply(layer: int, x: Tensor) -> Tensor:
            parts = zip(x.split(1, dim=2), after, strict=True)  # type: ignore[no-untyped-call]
            return torch.cat([x_t @ matrices[layer] for x_t, matrices in parts], dim=2)

        return multiply, M

    @abstractmethod
    def floats(self) -> int:
        """Numbers that `Open` holds for one sequence, all heads together."""

    def activation(self, x: Tensor) -> Tensor:
        """sigma, element by element: x has the heads first, or caches or tiles of tokens between them."""
        return F.gelu(x)

    def read(self, multiply: Multiply, q: Tensor) -> Tensor:
        """M(q), one memory for each token of q [B, H, T, K]."""
        x = multiply(0, q)
        for layer in range(1, self.depth):
            x = multiply(layer, self.activation(x))
        return x if self.depth == 1 else q + x

    def matrix_floats(self) -> int:
        """Numbers of the matrices alone, all heads together: what one cache keeps beside its pool."""
        return sum(matrix[0].numel() for matrix in self.matrices(self.start(torch.empty(1))))


def multiplier(matrices: tuple[Tensor, ...]) -> Multiply:
    """Multiplication by matrices [B, H, in, out] that are the same for every token."""
    return lambda layer, x: x @ matrices[layer]


def unit(x: Tensor) -> Tensor:
    """x over its length; a zero stays a zero, with a finite gradient."""
    wide = at_least_single(x)
    return (wide * torch.rsqrt(wide.square().sum(-1, keepdim=True) + 1e-6)).to(x)


class Gates(nn.Module):
    """The logits of a rule's gates: x [B, T, D] -> [B, H, T, G], a linear map of each token."""

    def __init__(self, width: int, rule: Rule) -> None:
        super().__init__()
        self.heads, self.count = rule.heads, len(rule.gates)
        if self.count:
            self.weight = nn.Parameter(torch.randn(width, self.heads * self.count) * 0.02)
            self.bias = nn.Parameter(torch.tensor([bias for _, bias in rule.gates]).repeat(self.heads))

    def forward(self, x: Tensor) -> Tensor:
        B, T, _ = x.shape
        if not self.count:
            return x.new_empty(B, self.heads, T, 0)
        return (x @ self.weight + self.bias).view(B, T, self.heads, self.count).transpose(1, 2)
