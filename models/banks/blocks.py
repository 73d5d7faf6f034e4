"""A bank over many blocks: the memory tokens of each, and what is kept at the end.

    C_i = P_i C_(i-1) + K_i F_i,    M_i = R_(i-1) C_(i-1)        F_i [L, d] the tokens of block i, M_i [S, d]

With fixed constants R is folded into P and K, so that the memory tokens of some blocks are two products and
no C but the last is formed; with learned ones blocks follow one another. Either way a long call is read
in pieces, so constants stay small and depend on no longest length.

Shapes: C [G, N, d] for G = batch x heads, tokens [G, t, d], memory [G, blocks S, d].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..hippo import tensors
from ..hippo.legendre import Array
from .bank import Bank
from .store import Store

PIECE = 256
"""Tokens whose memory is read by one product: its matrix [PIECE S / L, PIECE] is so large at any length."""

CONSTANTS = Store(2**28)


class Change(NamedTuple):
    """What was learned beside the fixed constants, the same for all blocks: P [N, N], K [N, L], R [S, N]."""

    P: Tensor
    K: Tensor
    R: Tensor


def constant(matrix: Array, like: Tensor) -> Tensor:
    return tensors.constant(np.ascontiguousarray(matrix), (like.dtype, like.device))


def reading(bank: Bank, S: int, t: int) -> Array:
    """R [S, N] of the first t tokens; zero where there are none."""
    return bank.read(t, bank.sampling.places(S, t)) if t else np.zeros((S, bank.N))


def fold(bank: Bank, S: int, first: int, count: int, closed: int, like: Tensor) -> tuple[Tensor, ...]:
    """G [count S, (count-1) L], J [count S, N], P [N, N], K [N, closed L] of the blocks first, first + 1, ...

    With the tokens F of these blocks and C at their start, the memory tokens are G F + J C, and what is kept
    after `closed` blocks, count - 1 or count, is P C + K F.
    """

    def make() -> tuple[Tensor, ...]:
        t0, L = first * bank.L, bank.L
        P, K = np.eye(bank.N), np.zeros((bank.N, 0))
        G, J = np.zeros((count, S, (count - 1) * L)), np.zeros((count, S, bank.N))
        spans = bank.spans(t0, closed)
        for i in range(count):
            R = reading(bank, S, t0 + i * L)
            G[i, :, : i * L], J[i] = R @ K, R @ P
            P, K = next(spans, (P, K))
        return tuple(constant(a, like) for a in (G.reshape(count * S, -1), J.reshape(count * S, -1), P, K))

    return CONSTANTS.get((bank, S, first, count, closed, like.dtype, like.device), make)


def single(bank: Bank, S: int, i: int, defined: bool, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """P, K of block i, and the R it is read with at its start; `defined` has them as their source does."""

    def make() -> tuple[Tensor, Tensor, Tensor]:
        t = i * bank.L
        P, K = bank.defined(t) if defined else bank.block(t)
        return constant(P, like), constant(K, like), constant(reading(bank, S, t), like)

    return CONSTANTS.get((bank, S, i, defined, like.dtype, like.device), make)


def fixed_piece(bank: Bank, S: int, C: Tensor, tokens: Tensor, first: int) -> tuple[Tensor, Tensor]:
    groups, L = C.shape[0], bank.L
    closed, count = tokens.shape[1] // L, -(-tokens.shape[1] // L)
    G, J, P, K = (a.expand(groups, -1, -1) for a in fold(bank, S, first, count, closed, C))
    memory = torch.bmm(G, tokens[:, : (count - 1) * L])
    written = torch.bmm(K, tokens[:, : closed * L]) if closed else C
    if first == 0:  # nothing is kept yet
        return memory, written
    return torch.baddbmm(memory, J, C), torch.baddbmm(written, P, C) if closed else C


def learned_piece(bank: Bank, S: int, change: Change, C: Tensor, tokens: Tensor, first: int) -> tuple[Tensor, Tensor]:
    groups, L = C.shape[0], bank.L
    closed, count = tokens.shape[1] // L, -(-tokens.shape[1] // L)
    constants = [single(bank, S, first + i, False, C) for i in range(count)]
    P, K, R = (torch.stack(a) + b for a, b in zip(zip(*constants, strict=True), change, strict=True))
    whole = tokens[:, : closed * L].reshape(groups, closed, L, tokens.shape[2])
    written = torch.bmm(K[:closed], whole.permute(1, 2, 0, 3).flatten(2))  # all groups side by side: [N, G d]
    kept = [C.transpose(0, 1).flatten(1)]
    for carry, new in zip(P[:closed], written, strict=True):
        kept.append(torch.addmm(new, carry, kept[-1]))
    memory = torch.bmm(R, torch.stack(kept[:count])).view(count * S, groups, -1)
    return memory.transpose(0, 1), kept[-1].view(bank.N, groups, -1).transpose(0, 1).contiguous()


def remember(bank: Bank, S: int, change: Change | None, C: Tensor, tokens: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Memory tokens of all blocks of tokens [G, t, d] from block `first` on, and C after the full ones."""
    L = bank.L
    per_piece = max(1, PIECE // L)
    memory = []
    for start in range(0, -(-tokens.shape[1] // L), per_piece):
        piece = tokens[:, start * L : (start + per_piece) * L]
        if change is None:
            read, C = fixed_piece(bank, S, C, piece, first + start)
        else:
            read, C = learned_piece(bank, S, change, C, piece, first + start)
        memory.append(read)
    return memory[0] if len(memory) == 1 else torch.cat(memory, dim=1), C
