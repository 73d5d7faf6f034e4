"""Memorizing Transformer: local attention, and attention to what was kept (Wu et al. 2022, arXiv 2203.08913).

The sequence is cut into blocks of L tokens. The keys and values of closed blocks are the memory:

    y^c_t = softmax_j(R q_t . R k_j / sqrt K) v_j      over the block's j <= t, R the rotation of a place in the block
    y^m_t = softmax_j(q_t . k_j / sqrt K) v_j          over the memory, without positions
    y_t = g y^m_t + (1 - g) y^c_t,   g = sigmoid(b)    one b for each head

As Elastic Memory (arXiv 2602.11212) re-implements it: attention to the whole memory, with gradients, where
the paper reads the nearest keys and passes none; blocks do not see the block before but through the
memory, where the paper's local attention does. Keys and queries are not normalised: the paper does it
against keys that older weights wrote, which cannot be here. The first block, without memory, is local.

Shapes: q, k, v [B, H, T, K]; r tokens in the open block, m in the memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import Projections, ReadOut, check_rotary, check_sizes, recent_floats
from ..memory import Memory
from ..softmax import softmax_attention
from .attention import rotate


class MemorizingState(NamedTuple):
    """k, v [B, H, m + r, K], not rotated: the memory, then the open block; `seen` tokens; recent [B, 3, D]."""

    recent: Tensor
    k: Tensor
    v: Tensor
    seen: int


def local(q: Tensor, k: Tensor, v: Tensor, L: int) -> Tensor:
    """Causal attention inside blocks of L: k, v [B, H, J, K] begin with a block, q [B, H, T, K] are its last T."""
    B, H, T, K = q.shape
    total = k.shape[2]
    C = min(L, total)
    n = -(-total // C)
    q = F.pad(q, (0, 0, total - T, n * C - total))
    k, v = (F.pad(a, (0, 0, 0, n * C - total)) for a in (k, v))
    q, k, v = (a.reshape(B * H * n, 1, C, K) for a in (q, k, v))
    reads = softmax_attention(rotate(q, 0), rotate(k, 0), v, causal=True)
    return reads.view(B, H, n * C, K)[:, :, total - T : total]


class Memorizing(Memory):
    """Attention inside a block, mixed by a gate per head with attention to the tokens of closed blocks."""

    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "block": "tokens attended to among themselves, then kept",
        "queue": "tokens kept, the oldest leave first; 0: all",
    }

    def __init__(self, width: int, heads: int = 1, block: int = 32, queue: int = 0) -> None:
        super().__init__()
        check_sizes(block=block)
        if queue < 0:
            raise ValueError(f"queue keeps at least 1 token (0: all), not {queue}")
        self.project = Projections(width, heads)
        self.gate = nn.Parameter(torch.zeros(heads, 1, 1))
        self.read_out = ReadOut(width, heads, norm=False)
        check_rotary(self.project.size)
        self.width, self.L, self.queue = width, block, queue
        self.period = self.L

    def num_saved(self, closed: int) -> int:
        """Tokens of the memory after `closed` tokens."""
        return min(closed, self.queue) if self.queue else closed

    def extend(self, x: Tensor, state: MemorizingState | None) -> tuple[Tensor, MemorizingState]:
        """The queries of x, and the state with the keys and values of x appended, nothing dropped yet."""
        (q, k, v), recent = self.project(x, state.recent if state else None)
        if state is None:
            return q, MemorizingState(recent, k, v, x.shape[1])
        k, v = torch.cat([state.k, k], dim=2), torch.cat([state.v, v], dim=2)
        return q, MemorizingState(recent, k, v, state.seen + x.shape[1])

    def cut(self, state: MemorizingState) -> MemorizingState:
        r = state.seen % self.L
        first = state.k.shape[2] - r - self.num_saved(state.seen - r)
        return state._replace(k=state.k[:, :, first:], v=state.v[:, :, first:])

    def forward(self, x: Tensor, state: MemorizingState | None = None) -> tuple[Tensor, MemorizingState]:
        """Local attention of all blocks at once, then a block at a time to its memory: nothing is masked."""
        q, kept = self.extend(x, state)
        k, v, L, T = kept.k, kept.v, self.L, x.shape[1]
        before = kept.seen - T
        begins = before - before % L  # of the first block; `start` is the same place in k
        start = k.shape[2] - (kept.seen - begins)
        cuts = list(range(L - before % L, T, L))
        own = local(q, k[:, :, start:], v[:, :, start:], L).tensor_split(cuts, dim=2)
        g, reads = torch.sigmoid(self.gate), []
        for i, (query, here) in enumerate(zip(q.tensor_split(cuts, dim=2), own, strict=True)):
            last, m = start + i * L, self.num_saved(begins + i * L)
            if m:
                far = softmax_attention(query, k[:, :, last - m : last], v[:, :, last - m : last])
                here = here + g * (far - here)
            reads.append(here)
        return self.read_out(torch.cat(reads, dim=2)), self.cut(kept)

    def definition(self, x: Tensor, state: MemorizingState | None = None) -> tuple[Tensor, MemorizingState]:
        q, kept = self.extend(x, state)
        total, T, reads = kept.k.shape[2], x.shape[1], []
        g = torch.sigmoid(self.gate[:, 0])
        for t in range(T):
            seen, end = kept.seen - T + t, total - T + t + 1
            place = seen % self.L
            first = end - 1 - place
            oldest = max(0, first - self.queue) if self.queue else 0
            k, v = kept.k[:, :, first:end], kept.v[:, :, first:end]
            logits = torch.einsum("bhk,bhjk->bhj", rotate(q[:, :, t : t + 1], place)[:, :, 0], rotate(k, 0))
            read = torch.einsum("bhj,bhjv->bhv", (logits * k.shape[-1] ** -0.5).softmax(-1), v)
            if seen >= self.L:
                k, v = kept.k[:, :, oldest:first], kept.v[:, :, oldest:first]
                logits = torch.einsum("bhk,bhjk->bhj", q[:, :, t], k) * k.shape[-1] ** -0.5
                read = g * torch.einsum("bhj,bhjv->bhv", logits.softmax(-1), v) + (1 - g) * read
            reads.append(read)
        return self.read_out(torch.stack(reads, dim=2)), self.cut(kept)

    def state_floats(self, length: int) -> int:
        r = length % self.L
        return 2 * self.width * (self.num_saved(length - r) + r) + recent_floats(self.width)

    def contents(self, state: MemorizingState) -> dict[str, Tensor]:
        return {"recent": state.recent, "keys": state.k, "values": state.v}
