"""AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101): torch's own update, without the class around it.

`torch.optim.AdamW` imports torch's compiler when it is made, which takes as long as importing torch: a third of
a run of a few seconds. The numbers are the same, bit for bit.
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
"""`step`, the number of updates; `exp_avg` and `exp_avg_sq`, running means of gradients and of their squares."""


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
            [real_numbers(weight) for weight in moving],
            [real_numbers(weight.grad) for weight in moving if weight.grad is not None],
            [moment["exp_avg"] for moment in moments],
            [moment["exp_avg_sq"] for moment in moments],
            [],
            [moment["step"] for moment in moments],
            beta1=BETAS[0], beta2=BETAS[1], lr=rate, weight_decay=self.weight_decay, eps=EPSILON,
            amsgrad=False, maximize=False, fused=True,
        )  # fmt: skip


def fresh_moments(weight: Tensor) -> Moments:
    """The moments of a weight before its first update."""
    step = torch.zeros((), dtype=torch.float32, device=weight.device)
    exp_avg, exp_avg_sq = torch.zeros_like(weight), torch.zeros_like(weight)
    return {"step": step, "exp_avg": real_numbers(exp_avg), "exp_avg_sq": real_numbers(exp_avg_sq)}
