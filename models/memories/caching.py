"""Memory Caching: keep the state at the end of every segment and read them all (arXiv 2602.24281).

The sequence is cut into segments. In segment s a memory M^(s), of any rule, is written token by token
(Eq. 4), and its last state is cached. Token t of segment s reads, after its own write, the open memory
and the caches before it (Eq. 5):

    Residual   y_t = M_t^(s)(q_t) + sum_{i<s} M^(i)(q_t)                                        (Eq. 7)
    GRM        y_t = g_s M_t^(s)(q_t) + sum_{i<s} g_i M^(i)(q_t),   g = softmax_i <u_t, p_i>    (Eqs. 8-10)
    Soup       y_t = M*(q_t), the matrices of M* being W* = g_s W_t^(s) + sum_{i<s} g_i W^(i)   (Eqs. 14-15)
    SSC        GRM over the open memory and the k caches of largest <u_t, p_i>                  (Eqs. 16-17)

`start` says with what a segment begins: "independent" of the ones before, or at their "checkpoint", one
memory that goes on and of which the caches are snapshots (§3.4; the paper does not say which its tables
used). With independent segments under an additive rule Residual is linear attention over the whole prefix;
with checkpoints a token of segment j counts s - j + 1 times.

Segments, gates and what they pool are in `../caching/`. Momentum and other parts of a rule that are not
read are not cached.

Shapes: q, k [B, H, T, K], v [B, H, T, V], caches a stack [B, H, N, in, out] for every layer of the memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..caching.gates import GATES, Gate
from ..caching.memory import Access, Caches, CachingMemory, Layers, Positions
from ..caching.options import GatedOptions, SparseOptions
from ..caching.reading import read_all, read_chosen, weighted_sum_by_piece
from ..options import meanings
from ..rule import Multiply, multiplier
from ..transforms import inside_transform


def all_queries(accesses: list[Access]) -> Tensor:
    """The queries of all pieces: [B, H, T, K]."""
    return torch.cat([access.q for access in accesses], dim=2)


def split_by_piece(x: Tensor, accesses: list[Access]) -> Sequence[Tensor]:
    """x [B, H, T, ...] cut as the pieces are."""
    return torch.split(x, [access.q.shape[2] for access in accesses], dim=2)


class Residual(CachingMemory):
    """Sum of the open memory and every cache: no gate, no parameter of its own."""

    def read_token(self, memories: Layers, q: Tensor, weights: Tensor) -> Tensor:
        return self.sum_memories(memories, q)

    def sum_memories(self, memories: Layers, q: Tensor) -> Tensor:
        """sum_n M^(n)(q)."""
        return read_all(self.rule, memories, q, q.new_ones(*q.shape[:3], memories[0].shape[2]))

    @property
    def is_summed(self) -> bool:
        """Caches of one matrix are kept as their sum: y_t = (M_t + sum_i M^(i)) q_t (Eq. 13)."""
        return self.rule.depth == 1

    def append_caches(self, stack: Tensor, ends: list[Tensor]) -> Tensor:
        every = super().append_caches(stack, ends)
        return every.sum(2, keepdim=True) if self.is_summed and every.shape[2] else every

    def num_caches(self, closed: int) -> int:
        return min(closed, 1) if self.is_summed else closed

    def cache_history(self, stack: Tensor, ends: list[Tensor]) -> list[Tensor]:
        return list(accumulate(ends, initial=stack.sum(2, keepdim=True))) if self.is_summed else [stack, *ends]

    def caches_before(self, history: list[list[Tensor]], s: int) -> Layers:
        return (history[0][s],) if self.is_summed else super().caches_before(history, s)

    def routing(self, x: Tensor, state: Caches | None = None, oracle_positions: Positions = None) -> Tensor:
        """There is none: raises ValueError."""
        raise ValueError("residual caching sums its memories and weighs none: ask average, grm, soup or ssc")

    def views(self, state: Caches) -> dict[str, Tensor]:
        """Caches that are kept as their sum are one view, `caches summed`; else each by itself."""
        seen = super().views(state)
        return {"caches summed" if self.is_summed and name == "cache 1" else name: view for name, view in seen.items()}

    def mix(self, multiply: Multiply, accesses: list[Access]) -> Tensor:
        reads = self.rule.read(multiply, all_queries(accesses))
        parts = []
        for access, open_reads in zip(accesses, split_by_piece(reads, accesses), strict=True):
            parts.append(open_reads + self.sum_memories(access.caches(), access.q))
        return torch.cat(parts, dim=2)


class GRM(CachingMemory):
    """Gated residual memory: a softmax over the open memory and all caches weighs what each answers.

    gate   inputs (u_t = x_t W_u), queries (u_t = q_t), position (content-free), constant
    pool   mean or sum of a segment's keys, mean_inputs or sum_inputs of what came into the layer
    """

    options: ClassVar[Mapping[str, str]] = meanings(GatedOptions)

    def __init__(self, width: int, options: GatedOptions = GatedOptions()) -> None:
        super().__init__(width, options)
        kind = GATES[options.gate]
        self.gate: Gate = kind(width, options.heads, self.rule.size, options.pool, options.scaled)

    def mix(self, multiply: Multiply, accesses: list[Access]) -> Tensor:
        q = all_queries(accesses)
        g_open, g = zip(*(self.weights(access).tensor_split([1], dim=-1) for access in accesses), strict=True)
        reads = torch.cat(g_open, dim=2) * self.rule.read(multiply, q)
        if self.rule.depth == 1:
            return reads + weighted_sum_by_piece(accesses[-1].caches()[0], q, g)
        parts = [read_all(self.rule, access.caches(), access.q, g_s) for access, g_s in zip(accesses, g, strict=True)]
        return reads + torch.cat(parts, dim=2)


class Soup(GRM):
    """Memory soup: the matrices of the open memory and all caches are mixed, and what results is read once.

    For memories of one matrix this is GRM. No token's matrices are ever formed: mixing the products of every
    layer with the same weights is multiplying by the mixed matrices.
    """

    def read_token(self, memories: Layers, q: Tensor, weights: Tensor) -> Tensor:
        mixed = tuple(torch.einsum("bhn,bhnio->bhio", weights.squeeze(2), W) for W in memories)
        return self.rule.read(multiplier(mixed), q)

    def mix(self, multiply: Multiply, accesses: list[Access]) -> Tensor:
        q = all_queries(accesses)
        g_open, g = zip(*(self.weights(access).tensor_split([1], dim=-1) for access in accesses), strict=True)
        caches, own = accesses[-1].caches(), torch.cat(g_open, dim=2)

        def mixed(layer: int, x: Tensor) -> Tensor:
            return own * multiply(layer, x) + weighted_sum_by_piece(caches[layer], x, g)

        return self.rule.read(mixed, q)


class SSC(GRM):
    """Sparse selective caching: each token reads the open memory and its `chosen` best caches only.

    With at least as many choices as caches it is GRM. Of caches that match equally the newest is chosen. The
    choice itself has no gradient; W_u learns through the weights of what was chosen, a softmax over the open
    memory and these. Caches not chosen are not read.
    """

    options: ClassVar[Mapping[str, str]] = meanings(SparseOptions)

    def __init__(self, width: int, options: SparseOptions = SparseOptions()) -> None:
        super().__init__(width, options)
        self.chosen = options.chosen

    def scores(self, access: Access, logits: Tensor) -> Tensor:
        """What caches are chosen by, the largest first: [B, H, C, N], no two alike.

        Logits that differ by less than 1/4096 count as equal, and of these the newest cache is chosen: else
        rounding would decide between caches of the same keys, and differently for every cut of the sequence.
        """
        rounded = (logits[..., 1:].detach().double() * 4096).round()
        N = rounded.shape[-1]
        return rounded * N + torch.arange(N, device=logits.device)

    def weights(self, access: Access) -> Tensor:
        logits = access.logits()
        scores = self.scores(access, logits)
        if scores.shape[-1] <= self.chosen:
            return logits.softmax(-1)
        best = scores.topk(self.chosen, dim=-1).indices
        left_out = torch.ones_like(scores, dtype=torch.bool).scatter(-1, best, False)
        return torch.cat([logits[..., :1], logits[..., 1:].masked_fill(left_out, -torch.inf)], dim=-1).softmax(-1)

    def route(self, access: Access) -> tuple[Tensor, Tensor, Tensor]:
        """The open memory's weight [B, H, C, 1], the chosen caches [B, H, C, k], -1 for none, and their weights."""
        logits = access.logits()
        N, k = logits.shape[-1] - 1, self.chosen
        if k >= N:
            best = torch.arange(N, device=access.q.device).expand(*access.q.shape[:3], N)
        else:
            best = self.scores(access, logits).topk(k, dim=-1).indices
        picked = torch.cat([logits[..., :1], logits[..., 1:].gather(-1, best)], dim=-1)
        g_open, g = picked.softmax(-1).tensor_split([1], dim=-1)
        short = (0, k - best.shape[-1])
        return g_open, F.pad(best, short, value=-1), F.pad(g, short)

    def mix(self, multiply: Multiply, accesses: list[Access]) -> Tensor:
        if inside_transform():  # tiles are laid out by the numbers of the weights
            return super().mix(multiply, accesses)
        q = all_queries(accesses)
        g_open, index, g = (torch.cat(parts, dim=2) for parts in zip(*map(self.route, accesses), strict=True))
        reads = g_open * self.rule.read(multiply, q)
        return reads + read_chosen(self.rule, accesses[-1].caches(), q, index, g) if (index >= 0).any() else reads
