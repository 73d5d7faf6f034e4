"""Transformer-XL: blocks that attend to themselves and to the tokens before them (Dai et al. 2019, arXiv 1901.02860).

The sequence is cut into blocks of L tokens. With SG the stop of the gradient and h the layer's inputs,

    h~ = [SG(the M inputs before the block), the block's inputs]       queries from the block, keys and values from h~
    y_t = softmax_j(q_t . k_j / sqrt K) v_j                            over the M and the block's j <= t

No gradient reaches an input through a later block: not by the keys, not by the values, not by the short
convolution, whose view across the edge of a block is stopped too. The matrices still learn from what is
cached, as in the paper, which caches inputs and projects them again. Positions are rotary, counted from the
first of the M; the paper has a relative encoding with parameters of its own.

Shapes: B batch, T time, D width, H heads, K head size; n blocks of a call, r tokens in the open block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers import TAPS, Projections, ReadOut, check_rotary, check_sizes
from ..memory import Memory
from ..transforms import inside_transform
from .attention import rotate
from .sliding_window import attend

EDGE = TAPS - 1
"""Inputs before the M that the convolution of the first of them sees."""


class Inputs(NamedTuple):
    """past [B, M + 3, D]: the last inputs of closed blocks, stopped, behind zeros; open [B, r, D]; `closed` tokens."""

    past: Tensor
    open: Tensor
    closed: int


def windows(x: Tensor, M: int, L: int) -> Tensor:
    """x [B, H, M + (n - 1) L, K] -> [B, H, n, M, K]: M places from every L-th on."""
    if inside_transform():  # the gradient of `unfold` has no batching rule
        first = torch.arange(0, x.shape[2] - M + 1, L, device=x.device)
        return x[:, :, first[:, None] + torch.arange(M, device=x.device)]
    return x.unfold(2, M, L).transpose(3, 4)


class TransformerXL(Memory):
    """Attention to the own block and the `cache` tokens before it, which pass no gradient back."""

    options: ClassVar[Mapping[str, str]] = {
        "heads": "heads the width is split into",
        "block": "tokens attended to among themselves",
        "cache": "tokens before the block that are attended to",
    }

    def __init__(self, width: int, heads: int = 1, block: int = 32, cache: int = 32) -> None:
        super().__init__()
        check_sizes(block=block, cache=cache)
        self.project = Projections(width, heads)
        self.read_out = ReadOut(width, heads, norm=False)
        check_rotary(self.project.size)
        self.width, self.L, self.M = width, block, cache
        self.period = self.L

    def start(self, x: Tensor) -> Inputs:
        return Inputs(x.new_zeros(x.shape[0], self.M + EDGE, self.width), x[:, :0], 0)

    def forward(self, x: Tensor, state: Inputs | None = None) -> tuple[Tensor, Inputs]:
        """All blocks at once. A block is projected twice: for itself, and stopped for those after it."""
        past, open, closed = state or self.start(x)
        B, T, D = x.shape
        L, M, r = self.L, self.M, open.shape[1]
        n, full, C = -(-(r + T) // L), (r + T) // L, min(L, r + T)
        live = torch.cat([open, x], dim=1)
        frozen = torch.cat([past, live], dim=1).detach()

        blocks = F.pad(live, (0, 0, 0, n * C - r - T)).view(B * n, C, D)
        edges = frozen[:, M : M + (n - 1) * L + EDGE].unfold(1, EDGE, L).transpose(2, 3).reshape(B * n, EDGE, D)
        q, k, v = (a.view(B, n, *a.shape[1:]).transpose(1, 2) for a in self.project(blocks, edges)[0])
        (_, k_past, v_past), _ = self.project(frozen[:, EDGE : M + EDGE + (n - 1) * L], frozen[:, :EDGE])
        k_past, v_past = windows(k_past, M, L), windows(v_past, M, L)
        k, v = torch.cat([k_past, k], dim=3), torch.cat([v_past, v], dim=3)

        i, j = torch.arange(C, device=x.device)[:, None], torch.arange(M + C, device=x.device)
        begins = closed + L * torch.arange(n, device=x.device)[:, None, None]
        reads = attend(rotate(q, M), rotate(k, 0), v, (j > M + i) | (j < M - begins))
        y = self.read_out(reads.flatten(2, 3)[:, :, r : r + T])
        return y, Inputs(frozen[:, full * L : full * L + M + EDGE], live[:, full * L :], closed + full * L)

    def definition(self, x: Tensor, state: Inputs | None = None) -> tuple[Tensor, Inputs]:
        past, open, closed = state or self.start(x)
        reads = []
        for t in range(x.shape[1]):
            open = torch.cat([open, x[:, t : t + 1]], dim=1)
            h = torch.cat([past.detach(), open], dim=1)
            (q, k, v), _ = self.project(h[:, EDGE:], h[:, :EDGE])
            seen = min(closed, self.M) + open.shape[1]
            q, k, v = rotate(q, 0)[:, :, -1], rotate(k, 0)[:, :, -seen:], v[:, :, -seen:]
            logits = torch.einsum("bhk,bhjk->bhj", q, k) * k.shape[-1] ** -0.5
            reads.append(torch.einsum("bhj,bhjv->bhv", logits.softmax(-1), v))
            if open.shape[1] == self.L:
                past, open, closed = h[:, self.L :].detach(), open[:, :0], closed + self.L
        return self.read_out(torch.stack(reads, dim=2)), Inputs(past, open, closed)

    def state_floats(self, length: int) -> int:
        return self.width * (self.M + EDGE + length % self.L)

    def contents(self, state: Inputs) -> dict[str, Tensor]:
        return {"past": state.past, "open": state.open}
