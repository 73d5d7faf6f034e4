"""The delta rules: a write changes what the memory answers to a key by what is wrong with it, and nothing else.

    Delta          S_t = S_{t-1} + beta_t k_t (v_t - S_{t-1}^T k_t)^T
                   (Widrow and Hoff 1960; Schlag et al. 2021, arXiv 2102.11174; Yang et al. 2024, arXiv 2406.06484)
    Gated delta    the same on alpha_t S_{t-1} in place of S_{t-1}
                   (Yang, Kautz, Hatamizadeh 2024, arXiv 2412.06464)

y_t = S_t^T q_t. Queries and keys have unit length, so at beta = 1 the key now answers v and at beta = 0 as before;
anything a matrix added to the same key is overwritten. alpha, beta are sigmoids of a linear map of the token. beta
begins near 1/8, from where the recall of many pairs is learned sooner than from 1/2.

Shapes: q, k [B, H, T, K], v [B, H, T, V], S [B, H, K, V].
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from ..associations import write_corrected
from ..recurrent import Recurrent
from ..rule import Multiply
from .linear import Additive, Sum


def correct(S: Tensor, k: Tensor, v: Tensor, beta: Tensor) -> Tensor:
    """S + beta k e^T, where e = v - S^T k is what S gets wrong; beta [B, H]."""
    error = v - torch.einsum("bhkv,bhk->bhv", S, k)
    return S + torch.einsum("bh,bhk,bhv->bhkv", beta, k, error)


class Delta(Additive):
    """S_t = S_{t-1} + beta_t k_t (v_t - S_{t-1}^T k_t)^T."""

    gates: ClassVar[tuple[tuple[str, float], ...]] = (("strength", -2.0),)
    unit: ClassVar[bool] = True

    def step(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> Sum:
        return Sum(correct(M.S, k, v, g[..., 0].sigmoid()))

    def write(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> tuple[Multiply, Sum]:
        multiply, S = write_corrected(M.S, None, k, v, g[..., 0].sigmoid())
        return multiply, Sum(S)


class GatedDelta(Additive):
    """S_t = alpha_t S_{t-1} + beta_t k_t (v_t - alpha_t S_{t-1}^T k_t)^T: decay first, then the error."""

    gates: ClassVar[tuple[tuple[str, float], ...]] = (("decay", 6.0), ("strength", -2.0))
    unit: ClassVar[bool] = True

    def step(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> Sum:
        alpha, beta = g.sigmoid().unbind(-1)
        return Sum(correct(alpha[..., None, None] * M.S, k, v, beta))

    def write(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> tuple[Multiply, Sum]:
        alpha, beta = g.unbind(-1)
        multiply, S = write_corrected(M.S, F.logsigmoid(alpha), k, v, beta.sigmoid())
        return multiply, Sum(S)


class DeltaRule(Recurrent):
    """One matrix of associations per head, corrected by its own error: a key written twice answers the later value."""

    kind = Delta


class GatedDeltaRule(Recurrent):
    """The delta rule on a memory that decays: it corrects single keys and can forget all of them."""

    kind = GatedDelta
