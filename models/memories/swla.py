"""Sliding window linear attention of a window of two: every token writes its own pair and the one before it.

    S_t = alpha_t S_{t-1} + beta_t k_{t-1} v_{t-1}^T + lambda_t k_t v_t^T,    y_t = S_t^T q_t

Eq. 28 of Memory Caching (arXiv 2602.24281, 2026). alpha, beta and lambda depend on the token; the paper
does not give their form, here each is the sigmoid of a linear map. The first token of a memory has no pair before
it: k_0 = v_0 = 0, which writes nothing. Beside S the state holds the last pair as it was projected.

Shapes: q, k [B, H, T, K], v [B, H, T, V], S [B, H, K, V].
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..associations import write_decayed
from ..recurrent import Recurrent
from ..rule import Multiply, Rule


class SWLAState(NamedTuple):
    """S [B, H, K, V]; k [B, H, K], v [B, H, V]: the last pair."""

    S: Tensor
    k: Tensor
    v: Tensor


class SlidingAdditive(Rule):
    """S_t = alpha_t S_{t-1} + beta_t k_{t-1} v_{t-1}^T + lambda_t k_t v_t^T."""

    gates: ClassVar[tuple[tuple[str, float], ...]] = (("decay", 6.0), ("previous", -2.0), ("strength", 2.0))

    def start(self, like: Tensor) -> SWLAState:
        B, H, K = like.shape[0], self.heads, self.size
        return SWLAState(like.new_zeros(B, H, K, K), like.new_zeros(B, H, K), like.new_zeros(B, H, K))

    def step(self, M: SWLAState, k: Tensor, v: Tensor, g: Tensor) -> SWLAState:
        alpha, previous, strength = g.sigmoid()[..., None, None].unbind(2)
        before, now = (torch.einsum("bhk,bhv->bhkv", *pair) for pair in ((M.k, M.v), (k, v)))
        return SWLAState(alpha * M.S + previous * before + strength * now, k, v)

    def matrices(self, M: SWLAState) -> tuple[Tensor, ...]:
        return (M.S,)

    def floats(self) -> int:
        return self.heads * (self.size**2 + 2 * self.size)

    def write(self, M: SWLAState, k: Tensor, v: Tensor, g: Tensor) -> tuple[Multiply, SWLAState]:
        alpha, previous, strength = g.unbind(-1)
        k_before, v_before = (torch.cat([old.unsqueeze(2), x[:, :, :-1]], dim=2) for old, x in ((M.k, k), (M.v, v)))
        before, now = (k_before * previous.sigmoid().unsqueeze(-1), v_before), (k * strength.sigmoid().unsqueeze(-1), v)
        multiply, S = write_decayed(M.S, F.logsigmoid(alpha), before, now)
        return multiply, SWLAState(S, k[:, :, -1], v[:, :, -1])


class SWLA(Recurrent):
    """Gated linear attention whose every write holds the pair before it too."""

    kind = SlidingAdditive
