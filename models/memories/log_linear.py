"""Log-linear attention: linear attention over buckets that double in size with age (Guo et al. 2025, arXiv 2506.04761).

Before token t = 0, 1, ... the past is cut as t is written in binary: one bucket of 2^p tokens for every bit p of
t, largest and oldest first. Bucket p is level p + 1, the token itself level 0; so token s is seen at level
bit_length(t xor s). Each bucket is a linear attention of its own:

    S_t^(l) = sum of k_s v_s^T over the bucket of level l,    y_t = sum_l lambda_t^(l) S_t^(l)^T q_t

    online      token t enters at level 0; before the next, levels 0 .. i merge into level i + 1, where i is the
                lowest set bit of t + 1. What is left is t + 1 in binary: 37 tokens are buckets of 32, 4 and 1
    fast        blocks of 2^g tokens as binary trees, in O(T log T): `../hierarchy.py`

Two sorts of weights, per head. Log-linear attention: lambda_t^(l) = softplus(x_t W_l + b_l), which begins at one, as
linear attention (the paper leaves the map open). Log-linear++, the baseline of Memory Caching (arXiv 2602.24281, 4.3):
the context gate of its GRM, a softmax over the buckets of <u_t, mean of the bucket's keys> / sqrt K, u_t = x_t W_u.
There too the token itself is a bucket, where that paper cuts the prefix with t in it.

Shapes: q, k, u [B, H, T, K], v [B, H, T, V]; L levels; in a block P = 2^g tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..hierarchy import Bucket, Hierarchy, members, present
from ..layers import check_sizes


class LogLinear(Hierarchy):
    """Linear attention over buckets that double with age, each weighed by what the token is.

    Levels from `levels` - 1 on share one weight, so that any length runs.
    """

    options: ClassVar[Mapping[str, str]] = {
        **Hierarchy.options,
        "levels": "bucket sizes with a weight of their own; all larger ones share the last",
    }

    def __init__(self, width: int, heads: int = 1, size: int = 0, levels: int = 16) -> None:
        super().__init__(width, heads, size)
        check_sizes(levels=levels)
        self.levels = levels
        self.weight = nn.Parameter(torch.zeros(width, heads, levels))
        self.bias = nn.Parameter(torch.full((heads, levels), 1.0).expm1().log())  # softplus of it is one

    def gate(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1)

    def lambdas(self, gate: Tensor, levels: list[int]) -> Tensor:
        """gate [B, 1, P, D] -> [B, H, P, L]."""
        own = [min(level, self.levels - 1) for level in levels]
        weight, bias = self.weight[..., own], self.bias[:, own].flatten()
        logits = torch.addmm(bias, gate.flatten(0, 2), weight.flatten(1))
        return F.softplus(logits).view(len(gate), -1, self.heads, len(levels)).transpose(1, 2)

    def weigh(self, gate: Tensor, live: dict[int, Bucket]) -> Tensor:
        return self.lambdas(gate.unsqueeze(2), list(live)).squeeze(2)

    def weights(self, gate: Tensor, k: Tensor, outside: list[Bucket]) -> Tensor:
        P, inside = gate.shape[2], k.shape[1].bit_length()
        lambdas = self.lambdas(gate, [*range(inside), *(bucket.level for bucket in outside)])
        held = present(P, lambdas.shape[-1] - P.bit_length(), k.device)
        return (lambdas * held).flatten(0, 1)


class LogLinearPlus(Hierarchy):
    """Linear attention over buckets that double with age, weighed by how their mean keys match the token."""

    by_keys = True

    def __init__(self, width: int, heads: int = 1, size: int = 0) -> None:
        super().__init__(width, heads, size)
        self.connector = nn.Parameter(torch.randn(width, heads * self.size) * width**-0.5)

    def gate(self, x: Tensor) -> Tensor:
        B, T, _ = x.shape
        return (x @ self.connector).view(B, T, self.heads, self.size).transpose(1, 2)

    def weigh(self, gate: Tensor, live: dict[int, Bucket]) -> Tensor:
        means = torch.stack([bucket.mean for bucket in live.values()], dim=2)
        return (torch.einsum("bhk,bhnk->bhn", gate, means) / math.sqrt(self.size)).softmax(-1)

    def weights(self, gate: Tensor, k: Tensor, outside: list[Bucket]) -> Tensor:
        P, C, K = gate.shape[2], *k.shape[1:]
        u = gate.reshape(-1, C, K)
        member = members(C, k.dtype, k.device)
        averages = member / member.sum(-1, keepdim=True).clamp(min=1)
        inside = ((u @ k.mT).transpose(0, 1) @ averages.mT).transpose(0, 1)
        others = [(u.view(len(b.keys), -1, K) @ b.mean.unsqueeze(-1)).view(-1, C, 1) for b in outside]
        logits = (torch.cat([inside, *others], dim=-1) / math.sqrt(K)).view(-1, P, inside.shape[-1] + len(outside))
        held = present(P, logits.shape[-1] - P.bit_length(), k.device)
        return logits.masked_fill(~held, -torch.inf).softmax(-1)
