"""AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101): torch's own update, without the class around it.

`torch.optim.AdamW` imports torch's compiler when it is made, which takes as long as importing torch: a third of
a run of a few seconds. The numbers are the same, bit for bit. Weights in half precision are rounded from a copy in
float32, which is what is updated: they would lose small updates (Micikevicius et al. 2018, arXiv 1710.03740).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from ..storage.runs import real_numbers

BETAS = (0.9, 0.95)
EPSILON = 1e-8

Moments = dict[str, Tensor]
"""`step`, the number of updates; `exp_avg` and `exp_avg_sq`, running means of gradients and of their squares; and
`weight`, in float32, of one in half precision."""


class AdamW:
    """AdamW over a list of weights; `state` has the moments of each weight that was ever updated."""

    def __init__(self, weights: Iterable[Tensor], weight_decay: float) -> None:
        self.weights, self.weight_decay = list(weights), weight_decay
        self.state: dict[Tensor, Moments] = {}

    def zero_grad(self) -> None:
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update at this learning rate."""
        moving = [weight for weight in self.weights if weight.grad is not None]
        if not moving:
            return
        moments = [self.state.setdefault(weight, fresh_moments(weight)) for weight in moving]
        adamw(
            [real_numbers(moment.get("weight", weight)) for weight, moment in zip(moving, moments, strict=True)],
            [real_numbers(exact(weight.grad)) for weight in moving if weight.grad is not None],
            [moment["exp_avg"] for moment in moments],
            [moment["exp_avg_sq"] for moment in moments],
            [],
            [moment["step"] for moment in moments],
            beta1=BETAS[0], beta2=BETAS[1], lr=rate, weight_decay=self.weight_decay, eps=EPSILON,
            amsgrad=False, maximize=False, fused=True,
        )  # fmt: skip
        for weight, moment in zip(moving, moments, strict=True):
            if "weight" in moment:
                weight.copy_(moment["weight"])


def fresh_moments(weight: Tensor) -> Moments:
    """The moments of a weight before its first update."""
    step = torch.zeros((), dtype=torch.float32, device=weight.device)
    like = exact(weight)
    moments = {"step": step}
    moments |= {name: real_numbers(torch.zeros_like(like)) for name in ("exp_avg", "exp_avg_sq")}
    return moments if like is weight else moments | {"weight": like}


def exact(numbers: Tensor) -> Tensor:
    """The numbers in float32 where they are in half precision; else as they are."""
    return numbers.float() if numbers.element_size() < 4 else numbers
