"""What the deep memories share: a memory of two layers whose weights are the state, written by gradient descent.

    M(x) = x + W_2^T sigma(W_1^T x)        sigma = GELU

of Memory Caching (arXiv 2602.24281, 2026, appendix B: two layers, expansion 4, a residual; its layer norm of the
output is the norm every memory is read through here). How a gradient is used is the rule's; how it is taken, a
chunk of tokens at a time, is in `inner_loop.py`. Chunks lie on a grid that begins with the memory, so the state
holds, beside the weights, those that the open chunk began with and how many tokens it has.

The weights of an empty memory are learned, one pair a head: from weights of zero every gradient is zero. W_1 begins
at unit variance, so that keys of unit length reach sigma at unit variance too; then |h|^2 is about 0.4 F.

Shapes: q, k, v [B, H, T, K], W_1 [B, H, K, F], W_2 [B, H, F, K], F = expansion x K.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..chunk_momentum import Chunks, Contributions
from ..inner_loop import Descent, Layers, Tokens, bound, gradients, learn
from ..layers import Projections
from ..memory import Memory
from ..recurrent import Recurrent
from ..rule import Multiply, Open, Rule


class Deep(Rule):
    """A memory of two layers, written by the gradient of a loss.

    expansion  F / K
    inner      tokens of an inner chunk
    unbounded  nothing is shortened, as in the papers: numbers are finite only as long as descent converges
    """

    unit: ClassVar[bool] = True
    depth: ClassVar[int] = 2

    def __init__(self, heads: int, size: int, expansion: int = 4, inner: int = 16, unbounded: bool = False) -> None:
        super().__init__(heads, size)
        for name, value in (("expansion", expansion), ("inner", inner)):
            if value < 1:
                raise ValueError(f"{name} is {value}: a deep memory takes at least 1")
        self.inner, self.wide, self.unbounded = inner, expansion * size, unbounded
        self.W1 = nn.Parameter(torch.randn(heads, size, self.wide))
        self.W2 = nn.Parameter(torch.randn(heads, self.wide, size) * (self.wide * size) ** -0.5)

    @abstractmethod
    def error(self, h: Tensor, W2: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """e = dL/dM(k), where M(k) = k + W_2^T h: h [..., F], k, v [..., K]."""

    @abstractmethod
    def descend(self, M: Open, gradient: Layers, g: Tensor) -> tuple[Layers, Layers | None]:
        """The definition: weights and momentum after the gradients of one token, g [B, H, G]."""

    @abstractmethod
    def contributions(self, g: Tensor, chunks: Chunks) -> Contributions:
        """The same for a sequence, g [B, H, T, G], as numbers."""

    @abstractmethod
    def carry(self, W: Layers, S: Layers | None, begun: Layers, tokens: int) -> Open:
        """The state of these parts."""

    def bound(self, x: Tensor, limit: float) -> Tensor:
        """x, shortened where its root mean square is above the limit, unless nothing is to be."""
        return x if self.unbounded else bound(x, limit)

    def descent(self) -> Descent:
        return Descent(self.error)

    def momentum(self, M: Open) -> Layers | None:
        return None

    def start(self, like: Tensor) -> Open:
        B = like.shape[0]
        W = self.W1.to(like).expand(B, -1, -1, -1), self.W2.to(like).expand(B, -1, -1, -1)
        return self.carry(W, (torch.zeros_like(W[0]), torch.zeros_like(W[1])), W, 0)

    def matrices(self, M: Open) -> tuple[Tensor, ...]:
        return M.W1, M.W2

    def step(self, M: Open, k: Tensor, v: Tensor, g: Tensor) -> Open:
        begun, tokens = (M.begun1, M.begun2), (M.tokens + 1) % self.inner
        h, e, d = (x.squeeze(2) for x in gradients(begun, k.unsqueeze(2), v.unsqueeze(2), self.descent()))
        gradient = torch.einsum("bhk,bhf->bhkf", k, d), torch.einsum("bhf,bhk->bhfk", h, e)
        W, S = self.descend(M, gradient, g)
        return self.carry(W, S, begun if tokens else W, tokens)

    def write(self, M: Open, k: Tensor, v: Tensor, g: Tensor) -> tuple[Multiply, Open]:
        B, H, T, _ = k.shape
        chunks, S = Chunks(self.inner, M.tokens, T), self.momentum(M)
        W, begun = both(flat, (M.W1, M.W2)), both(flat, (M.begun1, M.begun2))
        writes = Tokens(chunks.cut(k), chunks.cut(v), chunks)
        done = learn(W, both(flat, S) if S else None, begun, self.contributions(g, chunks), writes, self.descent())

        def per_head(x: Tensor) -> Tensor:
            return x.view(B, H, *x.shape[1:])

        tokens = (M.tokens + T) % self.inner
        W, S = both(per_head, done.W), both(per_head, done.S) if done.S else None
        return done.multiply, self.carry(W, S, both(per_head, done.begun) if tokens else W, tokens)


def both(change: Callable[[Tensor], Tensor], layers: Layers) -> Layers:
    return change(layers[0]), change(layers[1])


def flat(x: Tensor) -> Tensor:
    """[B, H, ...] -> [X, ...]."""
    return x.flatten(0, 1)


class DeepMemory(Recurrent):
    """A deep memory between projections and norm."""

    options: ClassVar[Mapping[str, str]] = {
        **Recurrent.options,
        "expansion": "width inside the memory, in sizes of a head",
        "inner": "tokens that take their gradients at the same weights; 1: every token at the last",
        "unbounded": "shorten no errors, values or gradients: the papers' rule, whose weights may grow without end",
    }
    kind: ClassVar[type[Deep]]

    def __init__(
        self,
        width: int,
        heads: int = 1,
        size: int = 0,
        expansion: int = 4,
        inner: int = 16,
        unbounded: bool = False,
    ) -> None:
        Memory.__init__(self)
        self.project = Projections(width, heads, 3, size)
        self.assemble(width, self.kind(heads, self.project.size, expansion, inner, unbounded))
