"""Linear attention: S_t = S_{t-1} + k_t v_t^T, y_t = S_t^T q_t (Katharopoulos et al. 2020, arXiv 2006.16236).

The unnormalised form, identity feature map: a norm of each head's output stands in for the
denominator of the paper's equation for y. One K x V matrix per head is all that is kept.

Shapes: q, k [B, H, T, K], v [B, H, T, V], S [B, H, K, V], C chunk length.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..recurrent import Recurrent
from ..rule import Multiply, Rule

CHUNK = 32
"""Work inside a chunk grows with C, work between chunks with K V / C: the two meet near C = K."""


class Sum(NamedTuple):
    """S [B, H, K, V]: the sum of k v^T over the tokens so far."""

    S: Tensor


class Additive(Rule):
    """S_t = S_{t-1} + k_t v_t^T."""

    def start(self, like: Tensor) -> Sum:
        return Sum(like.new_zeros(like.shape[0], self.heads, self.size, self.size))

    def step(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> Sum:
        return Sum(M.S + torch.einsum("bhk,bhv->bhkv", k, v))

    def matrices(self, M: Sum) -> tuple[Tensor, ...]:
        return (M.S,)

    def floats(self) -> int:
        return self.heads * self.size**2

    def write(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> tuple[Multiply, Sum]:
        """C tokens at a time: masked attention inside the chunk, the state at its start for the rest."""
        B, H, T, K = k.shape
        V, C = v.shape[-1], min(CHUNK, T)
        N = -(-T // C)
        pad = (0, 0, 0, N * C - T)  # a zero key writes nothing, so padding leaves the state as it is
        k, v = (F.pad(a, pad).reshape(B * H * N, C, -1) for a in (k, v))
        starts, S = [], M.S
        for written in (k.transpose(1, 2) @ v).view(B, H, N, K, V).unbind(2):
            starts.append(S)
            S = S + written  # N additions: `cumsum` over a dimension that is not the last is slower
        before = torch.stack(starts, dim=2).view(B * H * N, K, V)

        def multiply(layer: int, q: Tensor) -> Tensor:
            q = F.pad(q, pad).reshape(B * H * N, C, K)
            inside = (q @ k.transpose(1, 2)).tril() @ v
            return torch.baddbmm(inside, q, before).view(B, H, N * C, V)[:, :, :T]

        return multiply, Sum(S)


class LinearAttention(Recurrent):
    """One matrix of associations per head, written by addition and never forgotten."""

    kind = Additive
