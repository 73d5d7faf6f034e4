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

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

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

    gated = False

    def __init__(self, width: int, heads: int = 1, segment: int = 32) -> None:
        super().__init__()
        if segment < 1:
            raise ValueError(f"a segment holds at least 1 token, not {segment}")
        self.project = Projections(width, heads, count=4 if self.gated else 3)
        self.read_out = ReadOut(width, heads)
        self.segment, self.heads, self.size = segment, heads, width // heads

    def gates(self, open_logit: Tensor, logits: Tensor, closed: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of the open memory [..., 1] and of the N caches [..., N], 0 where not `closed` yet."""
        return torch.ones_like(open_logit), closed.to(logits.dtype).expand_as(logits)

    def start(self, x: Tensor) -> Caches:
        B, H, K = x.shape[0], self.heads, self.size
        M, caches = x.new_zeros(B, H, K, K), x.new_zeros(B, H, 0, K, K)
        return Caches(None, M, x.new_zeros(B, H, K), caches, x.new_zeros(B, H, 0, K), 0)

    def forward(self, x: Tensor, state: Caches | None = None) -> tuple[Tensor, Caches]:
        """All segments at once: each is a short linear attention of its own, its reads of caches one matmul."""
        state = state or self.start(x)
        (q, k, v, *u), recent = self.project(x, state.recent)
        B, H, T, K = q.shape
        C, before, ahead = self.segment, state.caches.shape[2], state.seen % self.segment
        n = -(-(ahead + T) // C)
        pad = (0, 0, ahead, n * C - ahead - T)  # zero keys: the padding writes nothing
        q, k, v, *u = (F.pad(a, pad).view(B, H, n, C, -1) for a in (q, k, v, *u))

        fresh = q.new_zeros(B, H, n - 1, K, v.shape[-1])
        starts = torch.cat([state.M.unsqueeze(2), fresh], dim=2)
        open_reads, ends = chunked(*(a.flatten(1, 2) for a in (q, k, v, starts)))
        ends = ends.view_as(starts)
        count = torch.arange(1, C + 1, device=x.device, dtype=x.dtype)[:, None]
        sums = k.cumsum(3) + F.pad(state.key_sum[:, :, None, None], (0, 0, 0, 0, 0, n - 1))
        full = (ahead + T) // C
        caches = torch.cat([state.caches, ends[:, :, :full]], dim=2)
        pools = torch.cat([state.pools, sums[:, :, :full, -1] / C], dim=2)

        reads = open_reads.view(B, H, n, C, -1)
        N = min(before + n - 1, before + full)
        closed = torch.arange(N, device=x.device) < before + torch.arange(n, device=x.device)[:, None]
        if self.gated:
            u[0] = u[0] * K**-0.5
            open_logit = (u[0] * (sums / count)).sum(-1, keepdim=True)
            logits = (u[0].flatten(2, 3) @ pools[:, :, :N].transpose(2, 3)).view(B, H, n, C, N)
        else:
            open_logit, logits = q.new_zeros(B, H, n, C, 1), q.new_zeros(B, H, n, C, N)
        open_gate, gate = self.gates(open_logit, logits, closed[:, None])
        reads = open_gate * reads
        if N:
            weighted = (gate.unsqueeze(-1) * q.unsqueeze(-2)).view(B, H, n * C, N * K)
            reads = reads + (weighted @ caches[:, :, :N].flatten(2, 3)).view_as(reads)
        reads = reads.flatten(2, 3)[:, :, ahead : ahead + T]

        M, key_sum = (state.M, state.key_sum) if T == 0 else (ends[:, :, -1], sums[:, :, -1, -1])
        if full == n:
            M, key_sum = torch.zeros_like(M), torch.zeros_like(key_sum)
        return self.read_out(reads), Caches(recent, M, key_sum, caches, pools, state.seen + T)

    def definition(self, x: Tensor, state: Caches | None = None) -> tuple[Tensor, Caches]:
        recent, M, key_sum, caches, pools, seen = state or self.start(x)
        (q, k, v, *u), recent = self.project(x, recent)
        reads = []
        for t in range(x.shape[1]):
            M = M + torch.einsum("bhk,bhv->bhkv", k[:, :, t], v[:, :, t])
            key_sum = key_sum + k[:, :, t]
            seen += 1
            states = torch.cat([M.unsqueeze(2), caches], dim=2)
            here = (seen - 1) % self.segment + 1
            means = torch.cat([(key_sum / here).unsqueeze(2), pools], dim=2)
            logits = torch.einsum("bhk,bhnk->bhn", u[0][:, :, t] if u else 0 * q[:, :, t], means) * self.size**-0.5
            closed = torch.ones(caches.shape[2], dtype=torch.bool, device=x.device)
            weight = torch.cat(self.gates(logits[..., :1], logits[..., 1:], closed), dim=-1)
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
    """Gated residual memory: a softmax over all caches and the open memory weighs what each answers."""

    gated = True

    def gates(self, open_logit: Tensor, logits: Tensor, closed: Tensor) -> tuple[Tensor, Tensor]:
        weights = torch.cat([open_logit, logits.masked_fill(~closed, -torch.inf)], dim=-1).softmax(-1)
        return weights[..., :1], weights[..., 1:]


class SSC(GRM):
    """Sparse selective caching: each token reads the open memory and its `chosen` best caches only.

    With at least as many choices as caches it is `GRM`. The choice itself has no gradient; W_u learns
    through the weights of what was chosen.
    """

    def __init__(self, width: int, heads: int = 1, segment: int = 32, chosen: int = 2) -> None:
        super().__init__(width, heads, segment)
        if chosen < 1:
            raise ValueError(f"at least 1 cache is chosen, not {chosen}")
        self.chosen = chosen

    def gates(self, open_logit: Tensor, logits: Tensor, closed: Tensor) -> tuple[Tensor, Tensor]:
        if logits.shape[-1] > self.chosen:
            ranked = logits.detach().masked_fill(~closed, -torch.inf)
            best = ranked.topk(self.chosen, dim=-1).indices
            closed = torch.zeros_like(ranked, dtype=torch.bool).scatter(-1, best, True) & closed
        return super().gates(open_logit, logits, closed)
