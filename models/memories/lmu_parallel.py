"""The LMU without feedback, parallel in time (Chilkuri and Eliasmith 2021, arXiv 2102.11417).

    u_t = f_1(W_u x_t)                                       what is written: d channels
    m_t = Abar m_(t-1) + Bbar u_t^T                          the last theta tokens of every channel
    o_t = f_2(W_m m_t + W_x x_t)

Nothing that is read has a part in what is written, so the memory is linear and the same at every place. A
chunk of C tokens meets itself by the kernel Abar^j Bbar and its past by powers of Abar; W_m is folded into
both, so no token's memory is ever formed:

    W_m m_t = sum_(j <= t) (W_m Abar^(t-j) Bbar) u_j + (W_m Abar^(t+1)) m        j, t in the chunk, m before it

f_1 is the short convolution and SiLU of every memory, f_2 SiLU; there are no biases.

Shapes: x [B, T, D], u [B, T, d], m [B, N, d]; W_m [N, d, D].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..hippo import measures, tensors
from ..layers import Projections, ReadOut, recent_floats
from ..memory import Memory

CHUNK = 16


class Windows(NamedTuple):
    """recent [B, 3, D]: the last inputs of the convolution; m [B, N, d]: a window of every channel."""

    recent: Tensor
    m: Tensor


class ParallelLMU(Memory):
    """Sliding windows of several channels, each kept as Legendre coefficients and read linearly."""

    period = 1
    options: ClassVar[Mapping[str, str]] = {
        "order": "Legendre coefficients of each channel's window",
        "window": "tokens of the window",
        "channels": "channels that are written; 0: as many as the width",
    }

    def __init__(self, width: int, order: int = 32, window: int = 64, channels: int = 0) -> None:
        super().__init__()
        measures.check("lmu", order, window)
        if channels < 0:
            raise ValueError(f"channels must be at least 1 (0: as many as the width), not {channels}")
        self.width, self.order, self.window, self.channels = width, order, window, channels or width
        self.project = Projections(width, 1, 1, self.channels)
        self.W_m = nn.Parameter(torch.randn(order, self.channels, width) * (order * self.channels) ** -0.5)
        self.W_x = nn.Parameter(torch.randn(width, width) * width**-0.5)
        self.read_out = ReadOut(width, heads=1)

    def start(self, x: Tensor, state: Windows | None) -> tuple[Tensor, Tensor, Tensor]:
        """u [B, T, d], what the convolution carries on, and m before the first token."""
        (u,), recent = self.project(x, state.recent if state else None)
        return u[:, 0], recent, state.m if state else x.new_zeros(x.shape[0], self.order, self.channels)

    def answer(self, read: Tensor, x: Tensor) -> Tensor:
        y: Tensor = self.read_out(F.silu(read + x @ self.W_x).unsqueeze(1))
        return y

    def forward(self, x: Tensor, state: Windows | None = None) -> tuple[Tensor, Windows]:
        u, recent, m = self.start(x, state)
        B, T, d = u.shape
        C = min(CHUNK, T)
        blocks, rest = T // C, T % C
        P, K = tensors.chunk("lmu", self.order, self.window, C, (x.dtype, x.device))
        chunks = F.pad(u, (0, 0, 0, -T % C)).view(B, -1, C, d)
        before = []
        for written in (K[-1] @ chunks[:, :blocks]).unbind(1):
            before.append(m)
            m = torch.baddbmm(written, P[-1].expand(B, -1, -1), m)
        if rest:
            before.append(m)
            m = P[rest - 1] @ m + K[rest - 1, :, :rest] @ u[:, blocks * C :]
        inside, carry = self.folded(P, K)
        past = torch.stack(before, dim=1).view(-1, self.order * d) @ carry
        read = torch.addmm(past, chunks.reshape(-1, C * d), inside).view(B, -1, self.width)[:, :T]
        return self.answer(read, x), Windows(recent, m)

    def folded(self, P: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
        """W_m times K and times P: [C d, C D] from a chunk's tokens, [N d, C D] from the memory before it."""
        C, N, d, D = len(P), self.order, self.channels, self.width
        W = self.W_m.view(N, d * D)
        inside = (K.transpose(1, 2).reshape(C * C, N) @ W).view(C, C, d, D)  # t, j, channel, output
        carry = (P.transpose(1, 2).reshape(C * N, N) @ W).view(C, N, d, D)
        return inside.permute(1, 2, 0, 3).reshape(C * d, C * D), carry.permute(1, 2, 0, 3).reshape(N * d, C * D)

    def definition(self, x: Tensor, state: Windows | None = None) -> tuple[Tensor, Windows]:
        u, recent, m = self.start(x, state)
        Abar, Bbar = (tensors.constant(a, (x.dtype, x.device)) for a in measures.step("lmu", self.order, self.window))
        reads = []
        for token in u.unbind(1):
            m = Abar @ m + Bbar[:, None] * token[:, None]
            reads.append(torch.einsum("bnd,ndo->bo", m, self.W_m))
        return self.answer(torch.stack(reads, dim=1), x), Windows(recent, m)

    def state_floats(self, length: int) -> int:
        return self.order * self.channels + recent_floats(self.width)

    def contents(self, state: Windows) -> dict[str, Tensor]:
        return {"recent": state.recent, "windows": state.m}
