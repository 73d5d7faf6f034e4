"""Elastic Memory: the past as N numbers a channel, read back as a few tokens (arXiv 2602.11212, 2026).

The sequence is cut into blocks of L tokens. Every channel of the keys and values is one signal, kept as
N coefficients (HiPPO-LegS, see `hippo/legendre.py`). At the start of block i, S memory tokens are read off
the polynomials, and the block attends to these and to itself:

    K_mem = R C^K,  V_mem = R C^V                        the signals at S places of the past
    y_t = softmax_j(q_t . [K_mem, k_j] / sqrt K) [V_mem, v_j]    over all S and the block's j <= t
    C <- P C + K F                                       the block's own keys or values F, at its end

P, K and R are constants, so the memory adds nothing to train. Coefficients hold the keys before they
are rotated; queries and local keys are rotated by their place in the block. The first block has no
memory, and its memory columns are masked. Gradients flow through all blocks. Unlike the paper, which
reads cells at their left edge, R reads them at their middles unless `left`; the paper leaves S, alpha
and the first block open.

What the N numbers are is a bank's affair: `banks/` has polynomials, and what else they could be spent on.
`learned` adds N^2 + N L + S N numbers to P, K and R of every block, zero at first. `corruption` replaces
part of what a block sees of itself by noise; memory is made of the keys and values as they were.

Shapes: B batch, H heads, d head size; N, S, L as above; r tokens in the open block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..banks import BANKS, Sampling
from ..banks.blocks import Change, constant, reading, remember, single
from ..layers import Projections, ReadOut, check_rotary, check_sizes, recent_floats
from ..memory import Memory
from ..options import meanings, option
from .attention import rotate
from .corruption import Corruption
from .sliding_window import attend

LARGEST = 8640


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


@dataclass(frozen=True)
class ElasticOptions:
    """Options of an elastic memory. Raises ValueError for values out of their limits."""

    heads: int = option(1, "heads the width is split into")
    num_coefficients: int = option(64, "numbers kept of each channel")
    num_samples: int = option(32, "memory tokens a block attends to")
    block: int = option(32, "tokens attended to among themselves, then compressed")
    bank: str = option("legendre", f"what the numbers are: {', '.join(BANKS)}")
    sampling: str = option(
        "uniform", "uniform, exponential, 'exponential 0.9' with its alpha, or places, oldest first: '0 0.5 1'"
    )
    left: bool = option(False, "sample cells at their left edges, as the paper does, rather than their middles")
    rope: bool = option(True, "rotate queries and keys by their position")
    learned: bool = option(False, "learn changes to the bank's constants")
    corruption: float = option(0.0, "share of a block's own keys and values replaced by noise")
    draw_seed: int = option(0, "seed of the noise, and of what the random bank keeps")

    def __post_init__(self) -> None:
        check_sizes(num_coefficients=self.num_coefficients, num_samples=self.num_samples, block=self.block)
        if self.num_coefficients > LARGEST:
            raise ValueError(
                f"num_coefficients takes 1 to {LARGEST:,}, the paper's largest, not {self.num_coefficients:,}"
            )
        if self.bank not in BANKS:
            raise ValueError(f"unknown bank {self.bank!r}: choose one of {', '.join(BANKS)}")
        if not 0 <= self.corruption <= 1:
            raise ValueError(f"corruption is a share from 0 to 1, not {self.corruption}")
        if self.corruption and int(self.corruption * self.block + 0.5) == 0:
            least = f"{0.5 / self.block:.3g} is the least"
            raise ValueError(f"corruption {self.corruption} of blocks of {self.block} loses no token: {least}")
        if self.draw_seed < 0:
            raise ValueError(f"draw_seed must be at least 0, not {self.draw_seed}")


class Elastic(Memory):
    """The past as Legendre coefficients, or another bank of as many numbers, read back as a few tokens.

    num_coefficients is N, num_samples S, block L. `sampling` is explained in `banks/sampling.py`.
    """

    options: ClassVar[Mapping[str, str]] = meanings(ElasticOptions)

    def __init__(self, width: int, options: ElasticOptions = ElasticOptions()) -> None:
        super().__init__()
        heads, seed = options.heads, options.draw_seed
        self.project = Projections(width, heads)
        self.read_out = ReadOut(width, heads, norm=False)
        if options.rope:
            check_rotary(width // heads)
        self.width, self.heads, self.rope = width, heads, options.rope
        self.N, self.S, self.L = options.num_coefficients, options.num_samples, options.block
        self.period = self.L
        self.bank = BANKS[options.bank](self.N, self.L, Sampling.parse(options.sampling, self.S, options.left), seed)
        self.corruption = Corruption(options.corruption, self.L, seed) if options.corruption else None
        sizes = {"P": (self.N, self.N), "K": (self.N, self.L), "R": (self.S, self.N)} if options.learned else {}
        self.learned = nn.ParameterDict({name: torch.zeros(size) for name, size in sizes.items()})

    def change(self) -> Change | None:
        return Change(**self.learned) if len(self.learned) else None

    def extend(self, x: Tensor, state: Coefficients | None) -> tuple[Tensor, Coefficients]:
        """The queries of x, and the state with the raw keys and values of x added to the open block."""
        (q, k, v), recent = self.project(x, state.recent if state else None)
        if state is None:
            CK, CV = (a.new_zeros(*a.shape[:2], self.N, a.shape[3]) for a in (k, v))
            return q, Coefficients(recent, CK, CV, k, v, 0)
        k, v = torch.cat([state.k, k], dim=2), torch.cat([state.v, v], dim=2)
        return q, state._replace(recent=recent, k=k, v=v)

    def forward(self, x: Tensor, state: Coefficients | None = None) -> tuple[Tensor, Coefficients]:
        q, (recent, CK, CV, k, v, first) = self.extend(x, state)
        closed = k.shape[2] // self.L
        k_memory, CK = self.remember(CK, k, first)
        v_memory, CV = self.remember(CV, v, first)
        local = self.corruption.apply(k, v, first) if self.corruption else (k, v)
        reads = self.attend(q, *local, k_memory, v_memory, first)
        k, v = (a[:, :, closed * self.L :] for a in (k, v))
        return self.read_out(reads), Coefficients(recent, CK, CV, k, v, first + closed)

    def remember(self, C: Tensor, tokens: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Memory tokens [B, H, blocks S, d] of all blocks of tokens [B, H, t, d]; C past the full ones."""
        memory, after = remember(self.bank, self.S, self.change(), C.flatten(0, 1), tokens.flatten(0, 1), first)
        return memory.reshape(*C.shape[:2], -1, C.shape[3]), after.reshape(C.shape)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, k_memory: Tensor, v_memory: Tensor, first: int) -> Tensor:
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
        total, T, start, reads = k.shape[2], x.shape[1], 0, []
        for j in range(total):
            P, K, R = single(self.bank, self.S, blocks, True, x)
            if change := self.change():
                P, K, R = P + change.P, K + change.K, R + change.R
            k_block, v_block = k[:, :, start : j + 1], v[:, :, start : j + 1]
            if j >= total - T:
                query, keys, values = q[:, :, j - total + T, None], k_block, v_block
                if self.corruption:
                    keys, values = self.corruption.apply(keys, values, blocks)
                if self.rope:
                    query, keys = rotate(query, j - start), rotate(keys, 0)
                if blocks:
                    keys, values = torch.cat([R @ CK, keys], dim=2), torch.cat([R @ CV, values], dim=2)
                logits = query @ keys.mT * keys.shape[-1] ** -0.5
                reads.append(logits.softmax(-1) @ values)
            if j + 1 - start == self.L:
                CK, CV = P @ CK + K @ k_block, P @ CV + K @ v_block
                start, blocks = j + 1, blocks + 1
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

    def views(self, state: Coefficients) -> dict[str, Tensor]:
        """R C: the S memory tokens that a block after the closed ones attends to, before any rotation."""
        if not state.blocks:
            return {}
        R = constant(reading(self.bank, self.S, state.blocks * self.L), state.CK)
        if change := self.change():
            R = R + change.R
        return {"reconstructed keys": R @ state.CK, "reconstructed values": R @ state.CV}
