"""Elastic Memory: the past as Legendre coefficients, read back as a few tokens (arXiv 2602.11212, 2026).

The sequence is cut into blocks of L tokens. Every channel of the keys and values is one signal, kept as
N coefficients (HiPPO-LegS, see `hippo/legendre.py`). At the start of block i, S memory tokens are read off
the polynomials, and the block attends to these and to itself:

    K_mem = R C^K,  V_mem = R C^V                        the signals at S places of the past
    y_t = softmax_j(q_t . [K_mem, k_j] / sqrt K) [V_mem, v_j]    over all S and the block's j <= t
    C <- P C + K F                                       the block's own keys or values F, at its end

P, K and R are constants, so the memory adds nothing to train. Coefficients hold the keys before they
are rotated; queries and local keys are rotated by their place in the block. The first block has no
memory, and its memory columns are masked. Unlike the paper, which reads cells at their left edge,
R reads them at their middles; the paper leaves S, alpha and the first block open.

Shapes: B batch, H heads, d head size; N, S, L as above; r tokens in the open block.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..hippo import legendre
from ..layers import Projections, ReadOut, recent_floats
from ..memory import Memory
from .attention import rotate
from .sliding_window import attend

Kind = tuple[torch.dtype, torch.device]
Pair = tuple[Tensor, Tensor]

LARGEST = 8640
PIECE = 256
"""Tokens whose memory is read by one product: its matrix [PIECE S / L, PIECE] is so large at any length."""


class Coefficients(NamedTuple):
    """CK, CV [B, H, N, d] of the closed blocks; k, v [B, H, r, d], raw, of the open one; `blocks` closed.

    recent [B, 3, D]: the last inputs of the convolution.
    """

    recent: Tensor
    CK: Tensor
    CV: Tensor
    k: Tensor
    v: Tensor
    blocks: int


def places(S: int, t: int, exponential: bool) -> legendre.Array:
    return legendre.exponential(S, t) if exponential else legendre.uniform(S)


def constant(matrix: legendre.Array, kind: Kind) -> Tensor:
    dtype, device = kind
    with torch.inference_mode(False):  # made while evaluating, used again while training
        return torch.from_numpy(matrix).to(device, dtype)


@lru_cache(maxsize=512)
def reading(N: int, S: int, L: int, exponential: bool, first: int, count: int, kind: Kind) -> Pair:
    """G [count S, (count-1) L], J [count S, N]: blocks first, first + 1, ... have memory tokens G F + J C.

    F are the tokens since block `first` began, C the coefficients at that time. R is folded into both,
    so no block's coefficients are ever formed. Block 0 has no past and its rows are zero.
    """
    G, J = np.zeros((count, S, (count - 1) * L)), np.zeros((count, S, N))
    for i in range(count):
        t0, t = first * L, (first + i) * L
        if t:
            R = legendre.evaluate(N, places(S, t, exponential))
            G[i, :, : i * L] = R @ legendre.write_weights(N, t, i * L)
            J[i] = R @ legendre.carry(N, t0, t)
    return constant(G, kind).flatten(0, 1), constant(J, kind).flatten(0, 1)


@lru_cache(maxsize=512)
def writing(N: int, L: int, first: int, count: int, kind: Kind) -> Pair:
    """P [N, N] and K [N, count L] over the blocks first .. first + count - 1."""
    t0, t1 = first * L, (first + count) * L
    return constant(legendre.carry(N, t0, t1), kind), constant(legendre.write_weights(N, t1, t1 - t0), kind)


class Elastic(Memory):
    """The past as Legendre coefficients, read back as a few tokens.

    num_coefficients is N, num_samples S, block L; `exponential` samples the recent past densely.
    """

    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "num_coefficients": "Legendre coefficients of each channel",
        "num_samples": "memory tokens a block attends to",
        "block": "tokens attended to among themselves, then compressed",
        "exponential": "sample the recent past densely, rather than all alike",
        "rope": "rotate queries and keys by their position",
    }

    def __init__(
        self,
        width: int,
        heads: int = 1,
        num_coefficients: int = 64,
        num_samples: int = 32,
        block: int = 32,
        exponential: bool = False,
        rope: bool = True,
    ) -> None:
        super().__init__()
        for name, size in (
            ("num_coefficients", num_coefficients),
            ("num_samples", num_samples),
            ("block", block),
        ):
            if size < 1:
                raise ValueError(f"{name} must be at least 1, not {size}")
        self.project = Projections(width, heads)
        self.read_out = ReadOut(width, heads, norm=False)
        if not 1 <= num_coefficients <= LARGEST:
            raise ValueError(f"num_coefficients takes 1 to {LARGEST:,}, the paper's largest, not {num_coefficients:,}")
        if rope and (width // heads) % 2:
            raise ValueError(f"rotary positions need an even head size, not {width // heads}")
        self.width, self.heads, self.rope = width, heads, rope
        self.N, self.S, self.L, self.exponential = num_coefficients, num_samples, block, exponential

    def extend(self, x: Tensor, state: Coefficients | None) -> tuple[Tensor, Coefficients]:
        """The queries of x, and the state with the raw keys and values of x added to the open block."""
        (q, k, v), recent = self.project(x, state.recent if state else None)
        if state is None:
            B, H, _, d = k.shape
            empty = k.new_zeros(B, H, self.N, d)
            return q, Coefficients(recent, empty, empty, k, v, 0)
        k, v = torch.cat([state.k, k], dim=2), torch.cat([state.v, v], dim=2)
        return q, state._replace(recent=recent, k=k, v=v)

    def forward(self, x: Tensor, state: Coefficients | None = None) -> tuple[Tensor, Coefficients]:
        q, (recent, CK, CV, k, v, first) = self.extend(x, state)
        total = k.shape[2]
        closed = total // self.L
        k_memory, CK = self.remember(CK, k, first)
        v_memory, CV = self.remember(CV, v, first)
        reads = self.look(q, k, v, k_memory, v_memory, first)
        k, v = (a[:, :, closed * self.L :] for a in (k, v))
        return self.read_out(reads), Coefficients(recent, CK, CV, k, v, first + closed)

    def remember(self, C: Tensor, tokens: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Memory tokens [B, H, blocks S, d] of all blocks of tokens [B, H, t, d]; C past the full ones."""
        B, H, total, d = tokens.shape
        C, tokens = C.flatten(0, 1), tokens.flatten(0, 1)
        L, kind = self.L, (C.dtype, C.device)
        per_piece = max(1, PIECE // L)
        memory = []
        for start in range(0, -(-total // L), per_piece):
            piece = tokens[:, start * L : (start + per_piece) * L]
            closed, blocks = piece.shape[1] // L, -(-piece.shape[1] // L)
            G, J = reading(self.N, self.S, L, self.exponential, first + start, blocks, kind)
            past = torch.bmm(G.expand(B * H, -1, -1), piece[:, : (blocks - 1) * L])
            memory.append(torch.baddbmm(past, J.expand(B * H, -1, -1), C) if first + start else past)
            if closed:
                P, K = writing(self.N, L, first + start, closed, kind)
                written = torch.bmm(K.expand(B * H, -1, -1), piece[:, : closed * L])
                C = torch.baddbmm(written, P.expand(B * H, -1, -1), C) if first + start else written
        whole = memory[0] if len(memory) == 1 else torch.cat(memory, dim=1)
        return whole.view(B, H, -1, d), C.view(B, H, self.N, d)

    def look(self, q: Tensor, k: Tensor, v: Tensor, k_memory: Tensor, v_memory: Tensor, first: int) -> Tensor:
        """Each block to its S memory tokens and itself; q [B, H, T, d] are the last T of the tokens k, v."""
        S, L = self.S, self.L
        B, H, T, d = q.shape
        total = k.shape[2]
        blocks = -(-total // L)
        if blocks * L > T:
            q = F.pad(q, (0, 0, total - T, blocks * L - total))
            k, v = (F.pad(a, (0, 0, 0, blocks * L - total)) for a in (k, v))
        q, k, v, k_memory, v_memory = (a.view(B, H, blocks, -1, d) for a in (q, k, v, k_memory, v_memory))
        if self.rope:
            q, k = rotate(q, 0), rotate(k, 0)
        hidden = torch.ones(blocks, L, S + L, dtype=torch.bool, device=q.device).triu(S + 1)
        if first == 0:
            hidden[0, :, :S] = True
        k, v = torch.cat([k_memory, k], dim=3), torch.cat([v_memory, v], dim=3)
        return attend(q, k, v, hidden).view(B, H, blocks * L, d)[:, :, total - T : total]

    def definition(self, x: Tensor, state: Coefficients | None = None) -> tuple[Tensor, Coefficients]:
        q, (recent, CK, CV, k, v, blocks) = self.extend(x, state)
        S, L, total, T = self.S, self.L, k.shape[2], x.shape[1]
        now_K, now_V, start, reads = CK, CV, 0, []
        t, kind = blocks * L, (x.dtype, x.device)
        for j in range(total):
            k_seen, v_seen = k[:, :, start : j + 1], v[:, :, start : j + 1]
            if j >= total - T:
                query, keys, values = q[:, :, j - total + T, None], k_seen, v_seen
                if self.rope:
                    query, keys = rotate(query, j - start), rotate(keys, 0)
                if blocks:
                    R = constant(legendre.evaluate(self.N, places(S, blocks * L, self.exponential)), kind)
                    keys, values = torch.cat([R @ CK, keys], dim=2), torch.cat([R @ CV, values], dim=2)
                logits = query @ keys.transpose(-1, -2) * keys.shape[-1] ** -0.5
                reads.append(logits.softmax(-1) @ values)
            Abar, Bbar = (constant(a, kind) for a in legendre.step(self.N, t + j))
            now_K = Abar @ now_K + Bbar[:, None] * k[:, :, j : j + 1]
            now_V = Abar @ now_V + Bbar[:, None] * v[:, :, j : j + 1]
            if j + 1 - start == L:
                CK, CV, start, blocks = now_K, now_V, j + 1, blocks + 1
        k, v = k[:, :, start:], v[:, :, start:]
        return self.read_out(torch.cat(reads, dim=2)), Coefficients(recent, CK, CV, k, v, blocks)

    def state_floats(self, length: int) -> int:
        return 2 * self.width * (self.N + length % self.L) + recent_floats(self.width)

    def contents(self, state: Coefficients) -> dict[str, Tensor]:
        return {
            "recent": state.recent,
            "key_coefficients": state.CK,
            "value_coefficients": state.CV,
            "open_keys": state.k,
            "open_values": state.v,
        }
