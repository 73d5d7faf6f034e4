"""How segments and caches lie side by side: whole segments in the batch to be written at once, caches in stacks.

Segments stand in the batch and not beside the heads, so that a rule meets its own number of heads whatever it is
written for.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..rule import Multiply


def stack_caches(stacks: list[Tensor]) -> Tensor:
    """[B, H, N, ...] one behind the other; a single one is not copied."""
    full = [stack for stack in stacks if stack.shape[2]] or stacks[:1]
    return full[0] if len(full) == 1 else torch.cat(full, dim=2)


def split_segments(a: Tensor, n: int) -> Tensor:
    """[B, H, n C, ...] -> [B n, H, C, ...]: segments in the batch."""
    B, H, T, *rest = a.shape
    return a.reshape(B, H, n, T // n, *rest).transpose(1, 2).flatten(0, 1)


def merge_segments(a: Tensor, n: int) -> Tensor:
    """[B n, H, ...] -> [B, H, n, ...]."""
    return a.view(-1, n, *a.shape[1:]).transpose(1, 2)


def repeat_start(a: Tensor | int, n: int) -> Tensor | int:
    """What a rule starts with, n times over: [B, H, ...] -> [B n, H, ...]."""
    return a.unsqueeze(1).expand(-1, n, *a.shape[1:]).flatten(0, 1) if isinstance(a, Tensor) else a


def join_runs(parts: list[tuple[int, int, Multiply]]) -> Multiply:
    """One multiplication of all tokens out of those of the runs: (segments, tokens, multiply)."""
    sizes = [tokens for _, tokens, _ in parts]

    def multiply(layer: int, x: Tensor) -> Tensor:
        runs = zip(parts, torch.split(x, sizes, dim=2), strict=True)
        done = [merge_segments(f(layer, split_segments(x_n, n)), n).flatten(2, 3) for (n, _, f), x_n in runs]
        return done[0] if len(done) == 1 else torch.cat(done, dim=2)

    return multiply
