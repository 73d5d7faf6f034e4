"""What becomes of gradients within an inner chunk, as numbers: momentum and decay multiplied out.

`inner_loop.py` has the equations in which a, f, c, m and G stand. Chunks lie on a grid that begins with the memory,
whatever the cuts of calls: a call may begin inside one, and its place there is filled up with nothing.

Shapes: X sequences x heads, N chunks, C tokens of one; rates and decays [B, H, T].
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .associations import decays


class Momentum(NamedTuple):
    """Of weights and momentum within each chunk: a, f, m [N, X, C, 1], c [N, X, 1, 1]."""

    a: Tensor
    f: Tensor
    c: Tensor
    m: Tensor


class Contributions(NamedTuple):
    """What becomes of gradients, G [N, X, C, C], and of the rest; without momentum W_0 stays and there is no S."""

    G: Tensor
    momentum: Momentum | None = None


class Chunks(NamedTuple):
    """How tokens lie on the grid of inner chunks: `ahead` places of the first are taken, `tokens` follow."""

    size: int
    ahead: int
    tokens: int

    def cut(self, x: Tensor) -> Tensor:
        """[B, H, T, ...] -> [N, X, C, ...], zeros where there is no token."""
        behind = -(self.ahead + self.tokens) % self.size
        x = x.flatten(0, 1)
        if self.ahead or behind:
            x = F.pad(x, (0, 0) * (x.dim() - 2) + (self.ahead, behind))
        return x.view(x.shape[0], -1, self.size, *x.shape[2:]).transpose(0, 1)

    def join(self, parts: list[Tensor], B: int) -> Tensor:
        """N of [X, C, V] -> [B, H, T, V]."""
        x = torch.stack(parts, dim=1)
        x = x.view(B, -1, len(parts) * self.size, x.shape[-1])
        whole = x.shape[2] == self.tokens
        return x if whole else x[:, :, self.ahead : self.ahead + self.tokens]


def without_momentum(rate: Tensor, chunks: Chunks) -> Contributions:
    """W_t = W_{t-1} - rate_t g_t: rate [B, H, T]."""
    return Contributions(chunks.cut(rate).unsqueeze(-2) * rate.new_ones(chunks.size, chunks.size).tril())


def with_momentum(log_alpha: Tensor, log_beta: Tensor, rate: Tensor, chunks: Chunks) -> Contributions:
    """S_t = beta_t S_{t-1} - rate_t g_t, W_t = alpha_t W_{t-1} + S_t: all [B, H, T].

    a and c multiply alphas and betas up; a gradient reaches W_t by way of every S_j between, so
    G_ti = rate_i sum_{i<=j<=t} (alpha_{j+1} ... alpha_t) (beta_{i+1} ... beta_j), and f_t likewise.
    """
    there = chunks.cut(torch.ones_like(rate)).unsqueeze(-2)  # where there is no token no S is added
    rate = chunks.cut(rate)
    alpha, beta = (decays(chunks.cut(x).reshape(-1, chunks.size)) for x in (log_alpha, log_beta))
    N, X, C = rate.shape
    added = alpha.between.view(N, X, C, C) * there
    G = added @ beta.between.view(N, X, C, C) * rate.unsqueeze(-2)
    m = beta.last.view(N, X, C, 1) * rate.unsqueeze(-1)
    first = beta.first.view(N, X, C, 1)
    return Contributions(G, Momentum(alpha.first.view(N, X, C, 1), added @ first, first[:, :, -1:], m))
