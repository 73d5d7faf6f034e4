"""Titans: a memory of two layers that learns, by gradient descent with momentum, to answer v to k.

    S_t = beta_t S_{t-1} - eta_t grad L(M_{t-1}; k_t, v_t),    L = |M(k) - v|^2
    M_t = alpha_t M_{t-1} + S_t

Behrouz, Zhong, Mirrokni (2024, arXiv 2501.00663), whose 1 - alpha_t is alpha_t here, in the letters of Memory
Caching (arXiv 2602.24281, 2026, Eqs. 34-36). Memory Caching prints M_t = alpha_t M_{t-1} - S_t, which would climb
the loss; the sign above is that of Titans.

alpha, beta and eta depend on the token. The papers do not give their form; here alpha and beta are sigmoids and
eta = (1 - beta) sigmoid(.)/F: a gradient moves the memory by the same in all whatever the momentum. A step of 1/F
about closes the error of one token; tokens of a chunk that agree add their steps, so the rate begins where a chunk
of one token over and over still converges. Weights can still grow until steps overshoot, and then without end: so
e = 2 (M(k) - v) is shortened where its root mean square is above 4. Untrained models do not reach that; trained ones do
(14 to 19 % of the errors after 150 updates on 8 pairs of MQAR, three seeds), and then learn by this rule, not the
papers'. `unbounded` leaves errors as long as they are: numbers are finite only as long as steps do not overshoot.
alpha decays the weights to zero, not to those of an empty memory, and from zero no gradient leads away.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from ..chunk_momentum import Chunks, Contributions, with_momentum
from ..inner_loop import Layers
from .deep import Deep, DeepMemory


class TitansState(NamedTuple):
    """W1, S1 [B, H, K, F], W2, S2 [B, H, F, K]: weights and momentum.

    begun1, begun2: the weights that the open inner chunk began with; tokens: of it so far.
    """

    W1: Tensor
    W2: Tensor
    S1: Tensor
    S2: Tensor
    begun1: Tensor
    begun2: Tensor
    tokens: int


class Surprise(Deep):
    """S_t = beta_t S_{t-1} - eta_t grad |M(k_t) - v_t|^2, M_t = alpha_t M_{t-1} + S_t."""

    gates: ClassVar[tuple[tuple[str, float], ...]] = (("decay", 8.0), ("momentum", 0.0), ("rate", -2.0))

    def error(self, h: Tensor, W2: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return self.bound(2 * (k + h @ W2 - v), 4.0)

    def descend(self, M: TitansState, gradient: Layers, g: Tensor) -> tuple[Layers, Layers]:
        alpha, beta, rate = g.sigmoid()[..., None, None].unbind(2)
        eta = (1 - beta) * rate / self.wide
        S1, S2 = beta * M.S1 - eta * gradient[0], beta * M.S2 - eta * gradient[1]
        return (alpha * M.W1 + S1, alpha * M.W2 + S2), (S1, S2)

    def contributions(self, g: Tensor, chunks: Chunks) -> Contributions:
        alpha, beta, rate = g.unbind(-1)
        eta = (-beta).sigmoid() * rate.sigmoid() / self.wide
        return with_momentum(F.logsigmoid(alpha), F.logsigmoid(beta), eta, chunks)

    def momentum(self, M: TitansState) -> Layers:
        return M.S1, M.S2

    def carry(self, W: Layers, S: Layers | None, begun: Layers, tokens: int) -> TitansState:
        assert S is not None
        return TitansState(*W, *S, *begun, tokens)

    def floats(self) -> int:
        return 6 * self.heads * self.size * self.wide


class Titans(DeepMemory):
    """A memory of two layers that learns its pairs by gradient descent with momentum, and may forget."""

    kind = Surprise
