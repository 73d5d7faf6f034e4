"""The inner loss of deep memories, falling: the same pairs shown again and again to a memory that nobody trained.

Keys are random of unit length, values standard normal; gates are at what they begin with. The loss is each
memory's own, over all pairs: -<M(k), v> of DLA, |M(k) - v|^2 of Titans; 0 passes is the memory before.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

from models.rule import multiplier, unit
from models.rules import RULES
from models.seeding import seeded_weights

PASSES, PAIRS, SIZE, SEEDS = (0, 1, 2, 4, 8, 16, 32), 16, 32, 8


Loss = Callable[[Tensor, Tensor], Tensor]
"""(M(k), v) -> the mean over pairs."""


def table(passes: tuple[int, ...] = PASSES) -> pd.DataFrame:
    """rule, passes, loss (mean over pairs and seeds), least, most (over seeds)."""
    rows = []
    for name, loss in (("dla", hebbian), ("titans", squared)):
        curves = torch.stack([curve(name, loss, seed, max(passes)) for seed in range(SEEDS)])
        rows += [(name, n, *(float(f(curves[:, n])) for f in (torch.mean, torch.amin, torch.amax))) for n in passes]
    return pd.DataFrame(rows, columns=["rule", "passes", "loss", "least", "most"])


@torch.no_grad()
def curve(name: str, loss: Loss, seed: int, passes: int) -> Tensor:
    """The loss before the first pass and after each."""
    with seeded_weights(seed):
        rule = RULES[name](1, SIZE)
    draw = torch.Generator().manual_seed(seed)
    k, v = (torch.randn(1, 1, PAIRS, SIZE, generator=draw) for _ in range(2))
    k, g = unit(k), torch.tensor([bias for _, bias in rule.gates]).expand(1, 1, PAIRS, -1)
    M, found = rule.start(k), []
    for n in range(passes + 1):
        if n:
            _, M = rule.write(M, k, v, g)
        found.append(loss(rule.read(multiplier(rule.matrices(M)), k), v))
    return torch.stack(found)


def hebbian(read: Tensor, v: Tensor) -> Tensor:
    return -(read * v).sum(-1).mean()


def squared(read: Tensor, v: Tensor) -> Tensor:
    return (read - v).square().sum(-1).mean()
