"""Gated recurrent unit: one small vector, rewritten at every token (Cho et al. 2014, arXiv 1406.1078).

    r = sigmoid(W_r x + U_r h + b_r)                 reset
    z = sigmoid(W_z x + U_z h + b_z)                 how much is kept
    n = tanh(W_n x + b_n + r * (U_n h + c_n))        proposal
    h <- z * h + (1 - z) * n

This is torch's variant: the reset gate acts after U_n, where the paper has U_n (r * h); z and 1 - z
are as in the paper. There is no form parallel in time, so it is the slowest of the memories here.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..layers import ReadOut, ShortConvolution, recent_floats
from ..memory import Memory
from ..transforms import inside_transform


class GRUState(NamedTuple):
    """recent [B, 3, D]: the last inputs of the convolution; h [B, D]."""

    recent: Tensor
    h: Tensor


class GRU(Memory):
    """A GRU of `width` units and a read-out matrix."""

    period = 1

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = ShortConvolution(width)
        self.cell = nn.GRU(width, width, batch_first=True)
        self.read_out = ReadOut(width, heads=1, norm=False)
        self.width = width

    def start(self, x: Tensor, state: GRUState | None) -> tuple[Tensor, Tensor, Tensor]:
        """The inputs of the cell, what the convolution carries on, and the hidden state before them."""
        x, recent = self.conv(x, state.recent if state else None)
        return x, recent, state.h if state else x.new_zeros(x.shape[0], self.width)

    def forward(self, x: Tensor, state: GRUState | None = None) -> tuple[Tensor, GRUState]:
        if inside_transform():  # torch's cell has no batching rule
            return self.definition(x, state)
        x, recent, h = self.start(x, state)
        reads, last = self.cell(x, h.unsqueeze(0))
        return self.read_out(reads.unsqueeze(1)), GRUState(recent, last[0])

    def definition(self, x: Tensor, state: GRUState | None = None) -> tuple[Tensor, GRUState]:
        x, recent, h = self.start(x, state)
        W, U, b, c = self.cell.all_weights[0]
        (W_r, W_z, W_n), (U_r, U_z, U_n) = W.chunk(3), U.chunk(3)
        (b_r, b_z, b_n), (c_r, c_z, c_n) = b.chunk(3), c.chunk(3)
        reads = []
        for t in range(x.shape[1]):
            token = x[:, t]
            r = torch.sigmoid(token @ W_r.T + b_r + h @ U_r.T + c_r)
            z = torch.sigmoid(token @ W_z.T + b_z + h @ U_z.T + c_z)
            n = torch.tanh(token @ W_n.T + b_n + r * (h @ U_n.T + c_n))
            h = z * h + (1 - z) * n
            reads.append(h)
        return self.read_out(torch.stack(reads, dim=1).unsqueeze(1)), GRUState(recent, h)

    def state_floats(self, length: int) -> int:
        return self.width + recent_floats(self.width)

    def contents(self, state: GRUState) -> dict[str, Tensor]:
        return {"recent": state.recent, "h": state.h}
