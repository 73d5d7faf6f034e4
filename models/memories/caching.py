"""Memory Caching: keep the state at the end of every segment and read them all (arXiv 2602.24281).

The sequence is cut into segments of C tokens. In segment s a recurrent memory M^(s) starts fresh (the
paper's "independent" choice), is updated token by token, and its last state is cached. Token t of
segment s reads the open memory and the caches before it:

    Residual   y_t = M_t^(s)(q_t) + sum_{i<s} M^(i)(q_t)                                        (Eq. 7)
    GRM        y_t = g_s M_t^(s)(q_t) + sum_{i<s} g_i M^(i)(q_t),   g = softmax_i <u_t, p_i>    (Eqs. 8-10)
    SSC        the same over the open memory and the k caches of largest <u_t, p_i>             (Eqs. 16-17)

u_t = x_t W_u is the gate query, p_i the mean of the keys of segment i, and for the open segment the
mean of its keys up to and including t, so nothing is read from the future. The paper writes both a
mean and a sum of keys, and no temperature: here the mean, logits over sqrt K, gates per head.

Shapes: q, k, u [B, H, T, K], v [B, H, T, V], M [B, H, K, V], caches [B, H, N, K, V], pools [B, H, N, K].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import Projections, ReadOut, recent_floats
from ..memory import Memory
from .linear import chunked


class Caches(NamedTuple):
    """M, key_sum [B, H, K]: the open segment's memory and sum of keys; caches, pools: the closed segments'.

    recent [B, 3, D]: the last inputs of the convolution; seen: tokens so far.
    """

    recent: Tensor | None
    M: Tensor
    key_sum: Tensor
    caches: Tensor
    pools: Tensor
    seen: int


class Residual(Memory):
    """Sum of the open memory and every cache: no gate, no parameter of its own.

    Over the additive memory this equals linear attention over the whole prefix, which is what the
    gates of `GRM` and `SSC` have to beat.
    """

    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "segment": "tokens after which a state is cached",
    }

    gated = False

    def __init__(self, width: int, heads: int = 1, segment: int = 32) -> None:
        super().__init__()
        if segment < 1:
            raise ValueError(f"a segment holds at least 1 token, not {segment}")
        self.project = Projections(width, heads)
        self.connector = nn.Parameter(torch.randn(width, width) * width**-0.5) if self.gated else None
        self.read_out = ReadOut(width, heads)
        self.segment, self.heads, self.size = segment, heads, width // heads

    def gates(self, logits: Tensor) -> Tensor:
        """Weights of the open memory, first, and of the caches before it: [..., 1 + N] -> [..., 1 + N]."""
        return torch.ones_like(logits)

    def gate_query(self, x: Tensor, q: Tensor) -> Tensor:
        """u = x W_u as [B, H, T, K]; zeros, whose logits are all the same, where there are no gates."""
        if self.connector is None:
            return torch.zeros_like(q)
        B, T, _ = x.shape
        return (x @ self.connector).view(B, T, self.heads, self.size).transpose(1, 2)

    def start(self, x: Tensor) -> Caches:
        B, H, K = x.shape[0], self.heads, self.size
        M, caches = x.new_zeros(B, H, K, K), x.new_zeros(B, H, 0, K, K)
        return Caches(None, M, x.new_zeros(B, H, K), caches, x.new_zeros(B, H, 0, K), 0)

    def forward(self, x: Tensor, state: Caches | None = None) -> tuple[Tensor, Caches]:
        """Every segment is a linear attention of its own, all at once; then each reads the caches before it."""
        state = state or self.start(x)
        (q, k, v), recent = self.project(x, state.recent)
        u = self.gate_query(x, q)
        B, H, T, K = q.shape
        C, ahead = self.segment, state.seen % self.segment
        n, full = -(-(ahead + T) // C), (ahead + T) // C
        pad = (0, 0, ahead, n * C - ahead - T)  # zero keys: the padding writes nothing
        q, k, v, u = (F.pad(a, pad).view(B, H, n, C, -1) for a in (q, k, v, u))

        starts = F.pad(state.M.unsqueeze(2), (0, 0, 0, 0, 0, n - 1))
        reads, ends = chunked(q.flatten(1, 2), k.flatten(1, 2), v.flatten(1, 2), starts.flatten(1, 2))
        reads, ends = reads.view(B, H, n, C, -1), ends.view_as(starts)
        count = torch.arange(1, C + 1, device=x.device, dtype=x.dtype)[:, None]
        upto = torch.ones(C, C, device=x.device, dtype=x.dtype).tril()  # as a product, faster than `cumsum`
        sums = upto @ k + F.pad(state.key_sum[:, :, None, None], (0, 0, 0, 0, 0, n - 1))
        caches = torch.cat([state.caches, ends[:, :, :full]], dim=2)
        pools = torch.cat([state.pools, sums[:, :, :full, -1] / C], dim=2)

        parts, known = [], [state.caches, *ends.unsqueeze(3).unbind(2)]
        known_pools = [state.pools, *(sums[:, :, :, -1:] / C).unbind(2)]
        segments = zip(*(a.unbind(2) for a in (q, u, sums / count, reads)), strict=True)
        # A segment at a time, so that what it weighs stays in the processor's cache; unbind and cat,
        # because the gradient of a slice is as large as what it was cut from.
        for s, (q_s, u_s, means, open_reads) in enumerate(segments):
            here = (u_s * means).sum(-1, keepdim=True)
            there = u_s @ torch.cat(known_pools[: s + 1], dim=2).transpose(2, 3)
            gate = self.gates(torch.cat([here, there], dim=-1) * K**-0.5)
            open_gate, gate = gate.tensor_split([1], dim=-1)
            weighted = (gate.unsqueeze(-1) * q_s.unsqueeze(3)).flatten(3)
            states = torch.cat(known[: s + 1], dim=2).flatten(2, 3)
            parts.append(open_gate * open_reads + weighted @ states)
        reads = torch.cat(parts, dim=2)[:, :, ahead : ahead + T]

        M, key_sum = ends[:, :, -1], sums[:, :, -1, -1]
        if full == n:
            M, key_sum = torch.zeros_like(M), torch.zeros_like(key_sum)
        return self.read_out(reads), Caches(recent, M, key_sum, caches, pools, state.seen + T)

    def definition(self, x: Tensor, state: Caches | None = None) -> tuple[Tensor, Caches]:
        recent, M, key_sum, caches, pools, seen = state or self.start(x)
        (q, k, v), recent = self.project(x, recent)
        u = self.gate_query(x, q)
        reads = []
        for t in range(x.shape[1]):
            M = M + torch.einsum("bhk,bhv->bhkv", k[:, :, t], v[:, :, t])
            key_sum = key_sum + k[:, :, t]
            seen += 1
            states = torch.cat([M.unsqueeze(2), caches], dim=2)
            here = (seen - 1) % self.segment + 1
            means = torch.cat([(key_sum / here).unsqueeze(2), pools], dim=2)
            weight = self.gates(torch.einsum("bhk,bhnk->bhn", u[:, :, t], means) * self.size**-0.5)
            reads.append(torch.einsum("bhn,bhnkv,bhk->bhv", weight, states, q[:, :, t]))
            if here == self.segment:
                caches = torch.cat([caches, M.unsqueeze(2)], dim=2)
                pools = torch.cat([pools, (key_sum / self.segment).unsqueeze(2)], dim=2)
                M, key_sum = torch.zeros_like(M), torch.zeros_like(key_sum)
        return self.read_out(torch.stack(reads, dim=2)), Caches(recent, M, key_sum, caches, pools, seen)

    def state_floats(self, length: int) -> int:
        memories = 1 + length // self.segment
        return self.heads * (self.size**2 + self.size) * memories + recent_floats(self.heads * self.size)

    def contents(self, state: Caches) -> dict[str, Tensor]:
        assert state.recent is not None  # only before the first token
        return {
            "recent": state.recent,
            "open": state.M,
            "open_keys": state.key_sum,
            "caches": state.caches,
            "pools": state.pools,
        }


class GRM(Residual):
    """Gated residual memory: a softmax over the open memory and all caches weighs what each answers."""

    gated = True

    def gates(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)


class SSC(GRM):
    """Sparse selective caching: each token reads the open memory and its `chosen` best caches only.

    With at least as many choices as caches it is `GRM`. The choice itself has no gradient; W_u learns
    through the weights of what was chosen. Both forms here compute every read and weigh those not
    chosen with zero: the numbers of the sparse read, not its saving.
    """

    options: ClassVar[Mapping[str, str]] = {
        **GRM.options,
        "chosen": "caches each token reads",
    }

    def __init__(self, width: int, heads: int = 1, segment: int = 32, chosen: int = 2) -> None:
        super().__init__(width, heads, segment)
        if chosen < 1:
            raise ValueError(f"at least 1 cache is chosen, not {chosen}")
        self.chosen = chosen

    def gates(self, logits: Tensor) -> Tensor:
        caches = logits[..., 1:]
        if caches.shape[-1] <= self.chosen:
            return super().gates(logits)
        best = caches.detach().topk(self.chosen, dim=-1).indices
        left_out = torch.ones_like(caches, dtype=torch.bool).scatter(-1, best, False)
        return super().gates(torch.cat([logits[..., :1], caches.masked_fill(left_out, -torch.inf)], dim=-1))
