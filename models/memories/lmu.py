"""Legendre Memory Unit: a cell beside a sliding window kept as N Legendre coefficients (Voelker et al. 2019).

    u_t = e_x x_t + e_h h_(t-1) + e_m m_(t-1)                what is written: one number a token
    m_t = Abar m_(t-1) + Bbar u_t                            the window: the last theta numbers
    h_t = tanh(W_x x_t + W_h h_(t-1) + W_m m_t)

Abar, Bbar are given and not learned: `hippo.matrices.lmu`, exact for held tokens (ZOH). Forward Euler's steps
would be unstable for windows below the order of N^2. e_m begins at 0, as in the paper. With `channels` C > 1 a
token writes C numbers, each into a window of its own, as the authors' later code has it: u [B, C], m [B, N C].

Shapes: x [B, T, D], h [B, D], m [B, N], or [B, N C] with channels inside coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ..hippo import measures, tensors
from ..layers import ReadOut, ShortConvolution, check_sizes, recent_floats
from ..memory import Memory
from .hippo import reconstruct_signal


class LMUState(NamedTuple):
    """recent [B, 3, D]: the last inputs of the convolution; h [B, D]; m [B, N C]."""

    recent: Tensor
    h: Tensor
    m: Tensor


class LMU(Memory):
    """A cell that writes one number a token into a sliding window kept as Legendre coefficients."""

    period = 1
    options: ClassVar[Mapping[str, str]] = {
        "order": "Legendre coefficients of the window",
        "window": "tokens of the window",
        "channels": "numbers a token writes, each into a window of its own",
    }

    def __init__(self, width: int, order: int = 32, window: int = 64, channels: int = 1) -> None:
        super().__init__()
        measures.check("lmu", order, window)
        check_sizes(channels=channels)
        self.width, self.order, self.window, self.channels = width, order, window, channels
        self.conv = ShortConvolution(width)
        self.e_x = nn.Parameter(torch.randn(width, channels) * width**-0.5)
        self.e_h = nn.Parameter(torch.randn(width, channels) * width**-0.5)
        self.e_m = nn.Parameter(torch.zeros(order * channels, channels))
        self.W_x = nn.Parameter(torch.randn(width, width) * width**-0.5)
        self.W_h = nn.Parameter(torch.randn(width, width) * width**-0.5)
        self.W_m = nn.Parameter(torch.randn(order * channels, width) * (order * channels) ** -0.5)
        self.read_out = ReadOut(width, heads=1, norm=False)

    def start(self, x: Tensor, state: LMUState | None) -> tuple[Tensor, LMUState, Tensor, Tensor]:
        """The inputs of the cell, the state with `recent` moved on, Abar transposed [N C, N C], Bbar [C, N C]."""
        A, B = tensors.steps("lmu", self.order, self.window, 0, (x.dtype, x.device))
        each = torch.eye(self.channels, dtype=x.dtype, device=x.device)
        x, recent = self.conv(x, state.recent if state else None)
        if state is None:
            h, m = (x.new_zeros(x.shape[0], size) for size in (self.width, self.order * self.channels))
            state = LMUState(recent, h, m)
        return x, state._replace(recent=recent), torch.kron(A[0].contiguous(), each), torch.kron(B, each)

    def forward(self, x: Tensor, state: LMUState | None = None) -> tuple[Tensor, LMUState]:
        """A loop, as h has a part in what is written; one matrix makes the next (h, m) of this one."""
        x, (recent, h, m), A, B = self.start(x, state)
        into_m = torch.cat([self.e_x @ B, self.e_h @ B, A + self.e_m @ B])
        into_h = torch.cat([self.W_x, self.W_h, torch.zeros_like(self.W_m)]) + into_m @ self.W_m
        into = torch.cat([into_h, into_m], dim=1)
        from_x, from_cell = into[: self.width], into[self.width :]
        cell, reads = torch.cat([h, m], dim=1), []
        for inputs in (x @ from_x).unbind(1):
            after = torch.addmm(inputs, cell, from_cell)
            h, m = after[:, : self.width].tanh(), after[:, self.width :]
            cell = torch.cat([h, m], dim=1)
            reads.append(h)
        return self.read_out(torch.stack(reads, dim=1).unsqueeze(1)), LMUState(recent, h, m)

    def definition(self, x: Tensor, state: LMUState | None = None) -> tuple[Tensor, LMUState]:
        x, (recent, h, m), A, B = self.start(x, state)
        reads = []
        for token in x.unbind(1):
            u = token @ self.e_x + h @ self.e_h + m @ self.e_m
            m = m @ A + u @ B
            h = torch.tanh(token @ self.W_x + h @ self.W_h + m @ self.W_m)
            reads.append(h)
        return self.read_out(torch.stack(reads, dim=1).unsqueeze(1)), LMUState(recent, h, m)

    def state_floats(self, length: int) -> int:
        return self.width + self.order * self.channels + recent_floats(self.width)

    def contents(self, state: LMUState) -> dict[str, Tensor]:
        return {"recent": state.recent, "h": state.h, "window": state.m}

    def views(self, state: LMUState) -> dict[str, Tensor]:
        """What was written, as the coefficients tell it: at `order` places of the window, oldest first, [B, N, C]."""
        return {"reconstruction": reconstruct_signal("lmu", state.m.view(-1, self.order, self.channels))}
