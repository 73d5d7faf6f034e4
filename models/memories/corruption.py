"""Keys and values of a block lost to noise: how much does an answer owe to memory? (arXiv 2602.11212, table 7)

share L tokens of every block of L, rounded, drawn anew for each, have key and value replaced by

    eps_j * s_j,    s_jc^2 = (sum_(i<j) a_ic^2 + mean_c a_jc^2) / (j + 1)        eps_j [d] standard normal

s_j is the size of each channel over the block so far, so that noise is as large as what it replaces. The
paper leaves its distribution open, and a later token's size cannot be known yet; the token itself has a
part in it by its mean over channels, so which channel it used stays hidden. No gradient passes.
Which tokens, and eps, follow from seed and block alone: the same for every row, cut and batch size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..banks.blocks import CONSTANTS, constant


class Corruption(NamedTuple):
    """`share` of the tokens of a block of L are lost."""

    share: float
    L: int
    seed: int

    def noise_positions(self, i: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """For block i: lost [L], 1 or 0, and eps [2, H, L, d] for keys and values like [B, H, t, d]."""
        _, H, _, d = like.shape

        def make() -> tuple[Tensor, Tensor]:
            rng = np.random.default_rng((self.seed, i))
            lost = np.zeros(self.L)
            lost[rng.permutation(self.L)[: int(self.share * self.L + 0.5)]] = 1
            return constant(lost, like), constant(rng.standard_normal((2, H, self.L, d)), like)

        return CONSTANTS.get((self, i, H, d, like.dtype, like.device), make)

    def apply(self, k: Tensor, v: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """k, v [B, H, t, d] from block `first` on, with what is lost replaced."""
        t = k.shape[2]
        drawn = [self.noise_positions(i, k) for i in range(first, first + -(-t // self.L))]
        lost = torch.cat([a for a, _ in drawn])[:t, None] > 0
        noise = torch.cat([eps for _, eps in drawn], dim=2)[:, :, :t]
        k, v = (torch.where(lost, eps * self.scale(a.detach()), a) for eps, a in zip(noise, (k, v), strict=True))
        return k, v

    def scale(self, a: Tensor) -> Tensor:
        """s [B, H, t, d]: the size of the channels of each block so far."""
        B, H, t, d = a.shape
        square = F.pad(a.square(), (0, 0, 0, -t % self.L)).view(B, H, -1, self.L, d)
        before = F.pad(square, (0, 0, 1, -1)).cumsum(3)
        count = torch.arange(1, self.L + 1, device=a.device)[:, None]
        mean = (before + square.mean(-1, keepdim=True)) / count
        return mean.sqrt().view(B, H, -1, d)[:, :, :t]
