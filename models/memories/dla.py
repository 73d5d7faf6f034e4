"""Deep linear attention: every token adds to a memory of two layers what makes it answer v to k more strongly.

    M_t = M_{t-1} - eta_t grad L(M; k_t, v_t),    L = -<M(k), v>        (Memory Caching, arXiv 2602.24281, Eqs. 30-31)

With one matrix for M this is linear attention: grad L = -k v^T. With two each is what the other's gradient is
multiplied by, so a pair that repeats is written more strongly every time, and as nothing is subtracted or forgotten
weights would grow by a factor a token. So eta_t = sigmoid(.)/F, of the token; v is shortened where its root mean
square is above 1, and h and d, in which the gradients grow, where theirs is above 4: weights then grow by at most so
much a token, and a million tokens fit into single precision. Values reach their limit, trained or not (19 to 46 % of
them after 150 updates on 8 pairs of MQAR, three seeds), h and d seldom (2 % at most). `unbounded` shortens nothing, as
in the paper, and promises no finite number: a pair that repeats overflows sooner or later.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from torch import Tensor

from ..chunk_momentum import Chunks, Contributions, without_momentum
from ..inner_loop import Descent, Layers
from .deep import Deep, DeepMemory


class Weights(NamedTuple):
    """W1 [B, H, K, F], W2 [B, H, F, K]; begun1, begun2: what the open inner chunk began with; tokens: of it so far."""

    W1: Tensor
    W2: Tensor
    begun1: Tensor
    begun2: Tensor
    tokens: int


class DeepAdditive(Deep):
    """M_t = M_{t-1} + eta_t grad <M(k_t), v_t>."""

    gates: ClassVar[tuple[tuple[str, float], ...]] = (("rate", -2.0),)

    def rate(self, g: Tensor) -> Tensor:
        return g[..., 0].sigmoid() / self.wide

    def error(self, h: Tensor, W2: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return -self.bound(v, 1.0)

    def descent(self) -> Descent:
        return Descent(self.error, None if self.unbounded else 4.0)

    def descend(self, M: Weights, gradient: Layers, g: Tensor) -> tuple[Layers, None]:
        eta = self.rate(g)[..., None, None]
        return (M.W1 - eta * gradient[0], M.W2 - eta * gradient[1]), None

    def contributions(self, g: Tensor, chunks: Chunks) -> Contributions:
        return without_momentum(self.rate(g), chunks)

    def carry(self, W: Layers, S: Layers | None, begun: Layers, tokens: int) -> Weights:
        return Weights(*W, *begun, tokens)

    def floats(self) -> int:
        return 4 * self.heads * self.size * self.wide


class DLA(DeepMemory):
    """Linear attention into a memory of two layers: every token adds its pair by one step of gradient descent."""

    kind = DeepAdditive
