"""Infini-attention: local attention and one matrix for all before it (Munkhdalai et al. 2024, arXiv 2404.07143).

The sequence is cut into segments of L tokens. With sigma = ELU + 1, the tokens of a segment as rows of Q, K, V,
and ratios taken row by row:

    A_mem = sigma(Q) M / sigma(Q) z                         what the memory of the segments before answers
    A = sigmoid(b) A_mem + (1 - sigmoid(b)) A_dot           A_dot: causal attention in the segment; a b for each head
    M <- M + sigma(K)^T V                                   linear
    M <- M + sigma(K)^T (V - sigma(K) M / sigma(K) z)       delta: M and z of before the segment for all its tokens
    z <- z + sum_t sigma(k_t)

The memory has no positions; keys are rotated by their place in the segment for A_dot alone. In the first
segment z is zero: A is A_dot, and what the delta rule reads is zero. z counts every token under both rules,
as in the paper, so a pair written again is left alone the first time and not quite after. Reads are normed
head by head: Elastic Memory's re-implementation (arXiv 2602.11212) has a norm, and does not say where.

Shapes: q, k, v [B, H, T, K], M [B, H, K, K] key first, z [B, H, K]; r tokens in the open segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import Projections, ReadOut, check_rotary, check_sizes, recent_floats
from ..memory import Memory
from .attention import rotate
from .memorizing import local


class InfiniState(NamedTuple):
    """M, z of the closed segments; k, v [B, H, r, K], not rotated, of the open one; `closed` segments.

    recent [B, 3, D]: the last inputs of the convolution.
    """

    recent: Tensor
    M: Tensor
    z: Tensor
    k: Tensor
    v: Tensor
    closed: int


def sigma(x: Tensor) -> Tensor:
    return F.elu(x) + 1


class Infini(Memory):
    """Attention inside a segment, mixed by a gate per head with a matrix of all segments before.

    `delta` writes what the matrix does not yet answer, instead of the value.
    """

    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "block": "tokens of a block (a segment of its paper), attended to among themselves, then written",
        "delta": "write the difference to what is stored, rather than the value",
    }

    def __init__(self, width: int, heads: int = 1, block: int = 32, delta: bool = False) -> None:
        super().__init__()
        check_sizes(block=block)
        self.project = Projections(width, heads)
        self.gate = nn.Parameter(torch.zeros(heads, 1, 1))
        self.read_out = ReadOut(width, heads)
        check_rotary(self.project.size)
        self.width, self.heads, self.size, self.L, self.delta = width, heads, self.project.size, block, delta
        self.period = self.L

    def extend(self, x: Tensor, state: InfiniState | None) -> tuple[Tensor, InfiniState]:
        """The queries of x, and the state with the keys and values of x added to the open segment."""
        (q, k, v), recent = self.project(x, state.recent if state else None)
        if state is None:
            z = x.new_zeros(x.shape[0], self.heads, self.size)
            return q, InfiniState(recent, z.new_zeros(*z.shape, self.size), z, k, v, 0)
        k, v = torch.cat([state.k, k], dim=2), torch.cat([state.v, v], dim=2)
        return q, state._replace(recent=recent, k=k, v=v)

    def write(self, M: Tensor, z: Tensor, k: Tensor, v: Tensor, unread: int) -> tuple[list[Tensor], list[Tensor]]:
        """M and z before each of the segments k, v [B, H, N, L, K], and after the last; `unread` are without memory.

        The delta rule too is linear in M: M <- (1 - sigma(K)^T sigma(K) / sigma(K) z) M + sigma(K)^T V. Its
        matrices need z alone, which is a sum, so all are made at once and N products of M are left.
        """
        s = sigma(k)
        Ms, zs = [M], [z]
        for added in s.sum(3).unbind(2):
            zs.append(zs[-1] + added)
        erase: list[Tensor] = []
        if self.delta and k.shape[2] > unread:
            again = s[:, :, unread:]
            ratio = again / (again @ torch.stack(zs[unread:-1], dim=2).unsqueeze(-1))
            erase = list((again.transpose(3, 4) @ ratio).unbind(2))
        for i, written in enumerate((s.transpose(3, 4) @ v).unbind(2)):
            kept = Ms[-1] - erase[i - unread] @ Ms[-1] if self.delta and i >= unread else Ms[-1]
            Ms.append(kept + written)
        return Ms, zs

    def forward(self, x: Tensor, state: InfiniState | None = None) -> tuple[Tensor, InfiniState]:
        """Local attention and reads of all segments at once; between segments, one addition or product each."""
        q, (recent, M, z, k, v, closed) = self.extend(x, state)
        L, T, total = self.L, x.shape[1], k.shape[2]
        n, full, unread = -(-total // L), total // L, int(closed == 0)
        reads = local(q, k, v, L)
        B, H, _, K = k.shape
        k_closed, v_closed = (a[:, :, : full * L].reshape(B, H, full, L, K) for a in (k, v))
        Ms, zs = self.write(M, z, k_closed, v_closed, unread)
        if n > unread:
            C = min(L, total)
            s = sigma(F.pad(q, (0, 0, total - T, n * C - total)).view(B, H, n, C, K)[:, :, unread:])
            M, z = (torch.stack(parts[unread:n], dim=2) for parts in (Ms, zs))
            known = ((s @ M) / (s @ z.unsqueeze(-1))).flatten(2, 3)  # from place `unread L` of k on
            asked = min(T, total - unread * L)
            known = known[:, :, total - unread * L - asked : total - unread * L]
            own, rest = reads.tensor_split([T - asked], dim=2)
            reads = torch.cat([own, rest + torch.sigmoid(self.gate) * (known - rest)], dim=2)
        k, v = (a[:, :, full * L :] for a in (k, v))
        return self.read_out(reads), InfiniState(recent, Ms[full], zs[full], k, v, closed + full)

    def definition(self, x: Tensor, state: InfiniState | None = None) -> tuple[Tensor, InfiniState]:
        q, (recent, M, z, k, v, closed) = self.extend(x, state)
        T, total, start, reads = x.shape[1], k.shape[2], 0, []
        g = torch.sigmoid(self.gate[:, 0])
        for j in range(total):
            if j >= total - T:
                query, keys = q[:, :, j - total + T], rotate(k[:, :, start : j + 1], 0)
                logits = torch.einsum("bhk,bhjk->bhj", rotate(query.unsqueeze(2), j - start)[:, :, 0], keys)
                weights = (logits * self.size**-0.5).softmax(-1)
                read = torch.einsum("bhj,bhjv->bhv", weights, v[:, :, start : j + 1])
                if closed:
                    s = sigma(query)
                    known = torch.einsum("bhk,bhkv->bhv", s, M) / torch.einsum("bhk,bhk->bh", s, z)[..., None]
                    read = g * known + (1 - g) * read
                reads.append(read)
            if j + 1 - start == self.L:
                M_before, z_before = M, z
                for i in range(start, j + 1):
                    s, value = sigma(k[:, :, i]), v[:, :, i]
                    if self.delta and closed:
                        stored = torch.einsum("bhk,bhkv->bhv", s, M_before)
                        value = value - stored / torch.einsum("bhk,bhk->bh", s, z_before)[..., None]
                    M, z = M + torch.einsum("bhk,bhv->bhkv", s, value), z + s
                closed, start = closed + 1, j + 1
        k, v = k[:, :, start:], v[:, :, start:]
        return self.read_out(torch.stack(reads, dim=2)), InfiniState(recent, M, z, k, v, closed)

    def state_floats(self, length: int) -> int:
        open = 2 * self.width * (length % self.L)
        return self.heads * (self.size**2 + self.size) + open + recent_floats(self.width)

    def contents(self, state: InfiniState) -> dict[str, Tensor]:
        return {
            "recent": state.recent,
            "memory": state.M,
            "key_sum": state.z,
            "open_keys": state.k,
            "open_values": state.v,
        }
