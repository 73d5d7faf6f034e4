"""What weighs the open memory and the caches before it: logits [B, H, T, 1 + N], the open one first.

    inputs      <u_t, p_i>, u_t = x_t W_u         the paper's context gate (arXiv 2602.24281, Eqs. 8-10)
    queries     <q_t, p_i>                        the same without W_u
    position    (x_t W)_age                       content-free: how many segments ago, and what the token is
    constant    0                                 no gate: after the softmax, an even mean

p_i is what segment i pooled: the mean or the sum of its keys or inputs, for the open segment of those up
to and including t, so nothing is read from the future. The paper writes both a mean and a sum of keys, and
no temperature; a sum grows with the segment, so the mean stands as default, with logits over sqrt of the
size of p unless `scaled` is off. Gates are per head.

Shapes: x [B, T, D], q, k [B, H, T, K], u, p [B, H, T, P], pools [B, H, N, P].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

AGES = 16
"""Segments a content-free gate tells apart; older ones share the last weight."""


class Gate(nn.Module):
    """Even weights. Others override what they learn and what they pool."""

    def __init__(self, width: int, heads: int, size: int, pool: str = "mean", scaled: bool = True) -> None:
        super().__init__()
        self.width, self.heads, self.size, self.mean, self.scaled = width, heads, size, pool.startswith("mean"), scaled
        self.of_inputs = pool.endswith("inputs")

    @property
    def pooled_size(self) -> int:
        """P: numbers of a pool."""
        return 0

    def queries(self, x: Tensor, q: Tensor) -> Tensor:
        """u: what of each token weighs the memories."""
        return q[..., :0]

    def pooled(self, x: Tensor, k: Tensor) -> Tensor:
        """p: what of each token is pooled."""
        return k[..., :0]

    def logits(self, u: Tensor, p: Tensor, pools: Tensor) -> Tensor:
        """u [B, H, C, P] of tokens, p [B, H, C, P] of the open segment at each, pools [B, H, N, P], oldest first."""
        return u.new_zeros(*u.shape[:3], 1 + pools.shape[2])


class DecayGate(Gate):
    """Weights that fall by `decay` a segment: 1 is the even mean of an average over all caches."""

    def __init__(self, width: int, heads: int, size: int, decay: float = 1.0) -> None:
        super().__init__(width, heads, size)
        self.decay = decay

    def logits(self, u: Tensor, p: Tensor, pools: Tensor) -> Tensor:
        return (ages(pools).to(u.dtype) * math.log(self.decay)).expand(*u.shape[:3], -1)


class ContextGate(Gate):
    """How well a query of the token matches what the segment pooled."""

    @property
    def pooled_size(self) -> int:
        return self.width if self.of_inputs else self.size

    def queries(self, x: Tensor, q: Tensor) -> Tensor:
        return q

    def pooled(self, x: Tensor, k: Tensor) -> Tensor:
        return x.unsqueeze(1).expand(-1, self.heads, -1, -1) if self.of_inputs else k

    def logits(self, u: Tensor, p: Tensor, pools: Tensor) -> Tensor:
        here = (u * p).sum(-1, keepdim=True)
        both = torch.cat([here, u @ pools.transpose(2, 3)], dim=-1)
        return both * self.pooled_size**-0.5 if self.scaled else both


class ConnectorGate(ContextGate):
    """The same with a query of its own, u_t = x_t W_u: the paper's connector."""

    def __init__(self, width: int, heads: int, size: int, pool: str = "mean", scaled: bool = True) -> None:
        super().__init__(width, heads, size, pool, scaled)
        self.weight = nn.Parameter(torch.randn(width, heads * self.pooled_size) * width**-0.5)

    def queries(self, x: Tensor, q: Tensor) -> Tensor:
        B, T, _ = x.shape
        return (x @ self.weight).view(B, T, self.heads, -1).transpose(1, 2)


class PositionGate(Gate):
    """A linear map of the token to a logit for every age, in segments."""

    def __init__(self, width: int, heads: int, size: int, pool: str = "mean", scaled: bool = True) -> None:
        super().__init__(width, heads, size, pool, scaled)
        self.weight = nn.Parameter(torch.randn(width, heads * AGES) * 0.02)

    def queries(self, x: Tensor, q: Tensor) -> Tensor:
        B, T, _ = x.shape
        return (x @ self.weight).view(B, T, self.heads, AGES).transpose(1, 2)

    def logits(self, u: Tensor, p: Tensor, pools: Tensor) -> Tensor:
        return u[..., ages(pools).clamp(max=AGES - 1)]


def ages(pools: Tensor) -> Tensor:
    """Segments since: 0 for the open one, then N for the oldest cache down to 1 for the last."""
    N = pools.shape[2]
    return torch.cat([torch.zeros(1), torch.arange(N, 0, -1)]).to(pools.device, torch.long)


GATES: dict[str, type[Gate]] = {
    "inputs": ConnectorGate,
    "queries": ContextGate,
    "position": PositionGate,
    "constant": Gate,
}
POOLS = ("mean", "sum", "mean_inputs", "sum_inputs")
