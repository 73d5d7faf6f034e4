"""Softmax attention, y_t = sum_{j<=t} softmax_j(q_t . k_j / sqrt K) v_j (Vaswani et al. 2017, arXiv 1706.03762).

It keeps every key and value, so its state grows with the sequence: the ceiling other memories are held to.
Without positions (NoPE) it runs at any length; with rotary positions (Su et al. 2021, arXiv 2104.09864)
query and key i apart are compared at angle i.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ..layers import Projections, ReadOut, check_rotary, recent_floats
from ..memory import Memory
from ..softmax import softmax_attention

MASK = 2**26
"""Places of a mask at once, at most: a long row read in pieces would need one of gigabytes."""


class Cache(NamedTuple):
    """k, v [B, H, t, D/H]: the keys (rotated, where positions are rotary) and values so far; recent [B, 3, D]."""

    recent: Tensor
    k: Tensor
    v: Tensor


def rotate(x: Tensor, start: int, base: float = 10000.0) -> Tensor:
    """Turn pairs of channels of x [B, H, T, K] by the angle of positions start, start + 1, ..."""
    T, K = x.shape[-2:]
    rate = base ** (-torch.arange(0, K, 2, dtype=torch.float64, device=x.device) / K)
    angle = torch.arange(start, start + T, dtype=torch.float64, device=x.device)[:, None] * rate
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    # A matmul with the signed swap of each pair of channels is twice as fast as slicing them apart.
    swap = torch.kron(torch.eye(K // 2), torch.tensor([[0.0, 1.0], [-1.0, 0.0]])).to(x)
    cos, sin = (a.repeat_interleave(2, dim=-1) for a in (cos, sin))
    return torch.addcmul(x * cos, x @ swap, sin)


def pieces(q: Tensor, total: int) -> Iterator[tuple[int, Tensor]]:
    """The queries q [B, H, T, K] in pieces whose masks stay small, each with the place of its first among `total`."""
    start = total - q.shape[2]
    for part in torch.split(q, max(1, MASK // total), dim=2):
        yield start, part
        start += part.shape[2]


def read(q: Tensor, cache: Cache, first: int) -> Tensor:
    """What queries q [B, H, T, K] at the places first, first + 1, ... read of the cache up to themselves."""
    T, seen = q.shape[2], first + q.shape[2]
    visible = torch.ones(T, seen, dtype=torch.bool, device=q.device).tril(first)
    return softmax_attention(q, cache.k[:, :, :seen], cache.v[:, :, :seen], visible)


class Attention(Memory):
    """Full causal attention. `rope` adds rotary positions."""

    period = 1
    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "rope": "rotate queries and keys by their position",
    }

    def __init__(self, width: int, heads: int = 1, rope: bool = False) -> None:
        super().__init__()
        self.project = Projections(width, heads)
        self.read_out = ReadOut(width, heads, norm=False)
        self.rope, self.width = rope, width
        if rope:
            check_rotary(width // heads)

    def extend(self, x: Tensor, state: Cache | None) -> tuple[Tensor, Cache]:
        """The queries of x, and the cache with the keys and values of x appended."""
        (q, k, v), recent = self.project(x, state.recent if state else None)
        if self.rope:
            seen = 0 if state is None else state.k.shape[2]
            q, k = rotate(q, seen), rotate(k, seen)
        if state is None:
            return q, Cache(recent, k, v)
        return q, Cache(recent, torch.cat([state.k, k], dim=2), torch.cat([state.v, v], dim=2))

    def forward(self, x: Tensor, state: Cache | None = None) -> tuple[Tensor, Cache]:
        q, cache = self.extend(x, state)
        if state is None:
            reads = softmax_attention(q, cache.k, cache.v, causal=True)
        else:
            reads = torch.cat([read(part, cache, first) for first, part in pieces(q, cache.k.shape[2])], dim=2)
        return self.read_out(reads), cache

    def definition(self, x: Tensor, state: Cache | None = None) -> tuple[Tensor, Cache]:
        q, cache = self.extend(x, state)
        T, total = x.shape[1], cache.k.shape[2]
        reads = []
        for t in range(T):
            k, v = cache.k[:, :, : total - T + t + 1], cache.v[:, :, : total - T + t + 1]
            logits = torch.einsum("bhk,bhjk->bhj", q[:, :, t], k) * k.shape[-1] ** -0.5
            reads.append(torch.einsum("bhj,bhjv->bhv", logits.softmax(-1), v))
        return self.read_out(torch.stack(reads, dim=2)), cache

    def state_floats(self, length: int) -> int:
        return 2 * self.width * length + recent_floats(self.width)

    def contents(self, state: Cache) -> dict[str, Tensor]:
        return {"recent": state.recent, "keys": state.k, "values": state.v}
