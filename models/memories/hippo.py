"""HiPPO-RNN: a gated cell whose memory is the past as N coefficients (Gu et al. 2020, arXiv 2008.07669).

The cell writes one number a token. Every number it has written is kept, as a signal, by a matrix
that is given and not learned (see `hippo/matrices.py`):

    u_t = w_x x_t + w_h h_(t-1)                              what is written
    c_t = Abar_t c_(t-1) + Bbar_t u_t                        HiPPO: LegS, or a window of theta tokens
    g = sigmoid(W_gx x_t + W_gc c_t)
    h_t = (1 - g) h_(t-1) + g tanh(W_hx x_t + W_hc c_t)

LegS (`legs`) weighs all of the past alike and needs no time scale: its steps are closed forms of the number
of tokens, without a longest. What is written depends on h, so there is no form parallel in time:
`forward` is a loop, with all that follows from x alone computed before it.

Steps are exact for held tokens (ZOH) where the paper's code has the bilinear rule. Before the first token
there is nothing: c_1 = u_1 e_0 for LegS, c_0 = 0 for windows.

Shapes: x [B, T, D], h [B, D], c [B, N].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ..hippo import legendre, measures, tensors
from ..layers import ReadOut, ShortConvolution, recent_floats
from ..memory import Memory


class HiPPOState(NamedTuple):
    """recent [B, 3, D]: the last inputs of the convolution; h [B, D]; c [B, N]; `seen` tokens so far."""

    recent: Tensor
    h: Tensor
    c: Tensor
    seen: int


class HiPPO(Memory):
    """A gated cell that writes one number a token and keeps all of them as a few coefficients."""

    period = 1
    options: ClassVar[Mapping[str, str]] = {
        "order": "coefficients kept of what is written",
        "measure": "how the past is weighed: legs (all of it alike), legt, lmu or fourier (a window), lagt (fading)",
        "window": "tokens of the window, or of the unit of time of lagt; legs has none",
    }

    def __init__(self, width: int, order: int = 32, measure: str = "legs", window: int = 64) -> None:
        super().__init__()
        measures.check(measure, order, window)
        self.width, self.order, self.measure, self.window = width, order, measure, window
        self.conv = ShortConvolution(width)
        self.w_h = nn.Parameter(torch.randn(width) * width**-0.5)
        self.from_x = nn.Parameter(torch.randn(width, 1 + 2 * width) * width**-0.5)  # w_x, W_gx, W_hx
        self.from_c = nn.Parameter(torch.randn(order, 2 * width) * order**-0.5)  # W_gc, W_hc
        self.read_out = ReadOut(width, heads=1, norm=False)

    def start(self, x: Tensor, state: HiPPOState | None) -> tuple[Tensor, HiPPOState]:
        """What x adds to u, g's logit and the proposal, [B, T, 1 + 2 D], and the state with `recent` moved on."""
        x, recent = self.conv(x, state.recent if state else None)
        if state is None:
            state = HiPPOState(recent, x.new_zeros(x.shape[0], self.width), x.new_zeros(x.shape[0], self.order), 0)
        return x @ self.from_x, state._replace(recent=recent)

    def forward(self, x: Tensor, state: HiPPOState | None = None) -> tuple[Tensor, HiPPOState]:
        inputs, (recent, h, c, seen) = self.start(x, state)
        inputs = inputs.transpose(0, 1)
        reads: list[Tensor] = []
        while len(reads) < x.shape[1]:
            done = len(reads)
            A, B = tensors.steps(self.measure, self.order, self.window, seen + done, (x.dtype, x.device))
            same = not measures.MEASURES[self.measure].scaled
            piece = inputs[done:] if same else inputs[done : done + len(A)]
            A, B = A[: len(piece)], B[: len(piece)]
            written = piece[:, :, :1] * B[:, None]
            M = torch.cat([self.w_h[:, None] * B[:, None], A], dim=1).unbind(0)  # what h and c make of c
            for from_x, s, m in zip(
                written.unbind(0), piece[:, :, 1:].unbind(0), M * len(piece) if same else M, strict=True
            ):
                c = torch.addmm(from_x, torch.cat([h, c], dim=1), m)
                g, proposal = torch.addmm(s, c, self.from_c).chunk(2, dim=1)
                h = torch.lerp(h, proposal.tanh(), g.sigmoid())
                reads.append(h)
        return self.read_out(torch.stack(reads, dim=1).unsqueeze(1)), HiPPOState(recent, h, c, seen + len(reads))

    def definition(self, x: Tensor, state: HiPPOState | None = None) -> tuple[Tensor, HiPPOState]:
        inputs, (recent, h, c, seen) = self.start(x, state)
        W_g, W_h = self.from_c.chunk(2, dim=1)
        reads: list[Tensor] = []
        for token in inputs.unbind(1):
            (x_g, x_h), x_u = token[:, 1:].chunk(2, dim=1), token[:, :1]
            u = x_u + h @ self.w_h[:, None]
            Abar, Bbar = self.step(seen + len(reads), x)
            c = c @ Abar.T + u * Bbar
            g = torch.sigmoid(x_g + c @ W_g)
            h = (1 - g) * h + g * torch.tanh(x_h + c @ W_h)
            reads.append(h)
        return self.read_out(torch.stack(reads, dim=1).unsqueeze(1)), HiPPOState(recent, h, c, seen + len(reads))

    def step(self, k: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Abar [N, N], Bbar [N] from k tokens to k + 1."""
        if measures.MEASURES[self.measure].scaled:
            Abar, Bbar = legendre.step(self.order, k)
        else:
            Abar, Bbar = measures.step(self.measure, self.order, self.window)
        kind = (like.dtype, like.device)
        return tensors.constant(Abar, kind), tensors.constant(Bbar, kind)

    def state_floats(self, length: int) -> int:
        return self.width + self.order + recent_floats(self.width)

    def contents(self, state: HiPPOState) -> dict[str, Tensor]:
        return {"recent": state.recent, "h": state.h, "coefficients": state.c}

    def views(self, state: HiPPOState) -> dict[str, Tensor]:
        """What was written, as the coefficients tell it: at `order` places of all the past or of the window, [B, N]."""
        return {"reconstruction": reconstruct_signal(self.measure, state.c.unsqueeze(2)).squeeze(2)}


def reconstruct_signal(measure: str, c: Tensor) -> Tensor:
    """c [B, N, C] -> the signals [B, N, C] at the middles of N equal cells, oldest first.

    Of all the past for LegS, else of theta tokens: places no token has come to yet read about zero.
    """
    N = c.shape[1]
    R = measures.MEASURES[measure].basis(N, 1 - legendre.uniform(N))
    return tensors.constant(R, (c.dtype, c.device)) @ c
