"""Gated linear attention with one decay a head: S_t = alpha_t S_{t-1} + lambda_t k_t v_t^T, y_t = S_t^T q_t.

This is Eq. 28 of Memory Caching (arXiv 2602.24281, 2026), sliding window linear attention, at a window c = 1:
alpha_t and lambda_t are scalars that depend on the token. The paper does not give their form; here
each is the sigmoid of a linear map of the token. Scalar decay is also that of Mamba-2 (Dao and Gu 2024,
arXiv 2405.21060); the gated linear attention of Yang et al. (2023, arXiv 2312.06635) has one a channel of the key.

Shapes: q, k [B, H, T, K], v [B, H, T, V], S [B, H, K, V].
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..associations import write_decayed
from ..recurrent import Recurrent
from ..rule import Multiply
from .linear import Additive, Sum


class GatedAdditive(Additive):
    """S_t = alpha_t S_{t-1} + lambda_t k_t v_t^T; the start, the matrix and its size are those of `Additive`."""

    gates: ClassVar[tuple[tuple[str, float], ...]] = (("decay", 6.0), ("strength", 2.0))

    def step(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> Sum:
        alpha, strength = g.sigmoid()[..., None, None].unbind(2)
        return Sum(alpha * M.S + strength * torch.einsum("bhk,bhv->bhkv", k, v))

    def write(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> tuple[Multiply, Sum]:
        alpha, strength = g.unbind(-1)
        multiply, S = write_decayed(M.S, F.logsigmoid(alpha), (k * strength.sigmoid().unsqueeze(-1), v))
        return multiply, Sum(S)


class GatedLinear(Recurrent):
    """Linear attention that may forget: a decay and a write strength for each head and token."""

    kind = GatedAdditive
