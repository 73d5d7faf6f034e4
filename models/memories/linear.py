"""Linear attention: S_t = S_{t-1} + k_t v_t^T, y_t = S_t^T q_t (Katharopoulos et al. 2020, arXiv 2006.16236).

The unnormalised form, identity feature map: a norm of each head's output stands in for the
denominator of the paper's equation for y. One K x V matrix per head is all that is kept.

Shapes: q, k [B, H, T, K], v [B, H, T, V], S [B, H, K, V].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers import Projections, ReadOut, recent_floats
from ..memory import Memory

Rule = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(q, k, v, S at the start) -> (reads, S at the end)."""

CHUNK = 32
"""Work inside a chunk grows with C, work between chunks with K V / C: the two meet near C = K."""


def recurrent(q: Tensor, k: Tensor, v: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
    """The definition: write, then read, one token at a time."""
    reads = []
    for t in range(q.shape[2]):
        S = S + torch.einsum("bhk,bhv->bhkv", k[:, :, t], v[:, :, t])
        reads.append(torch.einsum("bhkv,bhk->bhv", S, q[:, :, t]))
    return torch.stack(reads, dim=2), S


def chunked(q: Tensor, k: Tensor, v: Tensor, S: Tensor, C: int = CHUNK) -> tuple[Tensor, Tensor]:
    """C tokens at a time: masked attention inside the chunk, the state at its start for the rest."""
    B, H, T, K = q.shape
    V, N = v.shape[-1], -(-T // C)
    if N * C > T:  # a zero key writes nothing, so padding leaves the state as it is
        q, k, v = (F.pad(a, (0, 0, 0, N * C - T)) for a in (q, k, v))
    q, k, v = (a.reshape(B * H * N, C, -1) for a in (q, k, v))
    reads = (q @ k.transpose(1, 2)).tril() @ v
    starts = []
    for written in (k.transpose(1, 2) @ v).view(B, H, N, K, V).unbind(2):
        starts.append(S)
        S = S + written  # N additions: `cumsum` over a dimension that is not the last is slower
    reads = torch.baddbmm(reads, q, torch.stack(starts, dim=2).view(B * H * N, K, V))
    return reads.view(B, H, N * C, V)[:, :, :T], S


class Linear(NamedTuple):
    """S [B, H, K, V]: the sum of k v^T over the tokens so far; recent [B, 3, D]: the last inputs."""

    recent: Tensor
    S: Tensor


class LinearAttention(Memory):
    """One matrix of associations per head, written by addition and never forgotten."""

    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
    }

    def __init__(self, width: int, heads: int = 1) -> None:
        super().__init__()
        self.project = Projections(width, heads)
        self.read_out = ReadOut(width, heads)
        self.shape = (heads, width // heads, width // heads)

    def through(self, rule: Rule, x: Tensor, state: Linear | None) -> tuple[Tensor, Linear]:
        (q, k, v), recent = self.project(x, state.recent if state else None)
        S = state.S if state else x.new_zeros(x.shape[0], *self.shape)
        reads, S = rule(q, k, v, S)
        return self.read_out(reads), Linear(recent, S)

    def forward(self, x: Tensor, state: Linear | None = None) -> tuple[Tensor, Linear]:
        return self.through(chunked, x, state)

    def definition(self, x: Tensor, state: Linear | None = None) -> tuple[Tensor, Linear]:
        return self.through(recurrent, x, state)

    def state_floats(self, length: int) -> int:
        heads, K, V = self.shape
        return heads * K * V + recent_floats(heads * V)

    def contents(self, state: Linear) -> dict[str, Tensor]:
        return {"recent": state.recent, "S": state.S}
