"""How segments and caches lie side by side: whole segments beside heads to be written at once, caches in stacks."""

from __future__ import annotations

import torch
from torch import Tensor

from ..rule import Multiply


def stack_caches(stacks: list[Tensor]) -> Tensor:
    """[B, H, N, ...] one behind the other; a single one is not copied."""
    full = [stack for stack in stacks if stack.shape[2]] or stacks[:1]
    return full[0] if len(full) == 1 else torch.cat(full, dim=2)


def split_segments(a: Tensor, n: int) -> Tensor:
    """[B, H, n C, ...] -> [B, H n, C, ...]: segments beside heads."""
    B, H, T, *rest = a.shape
    return a.reshape(B, H * n, T // n, *rest)


def merge_segments(a: Tensor, n: int) -> Tensor:
    """[B, H n, ...] -> [B, H, n, ...]."""
    B, X, *rest = a.shape
    return a.reshape(B, X // n, n, *rest)


def repeat_start(a: Tensor | int, n: int) -> Tensor | int:
    """What a rule starts with, n times over: [B, H, ...] -> [B, H n, ...]."""
    return a.unsqueeze(2).expand(-1, -1, n, *a.shape[2:]).flatten(1, 2) if isinstance(a, Tensor) else a


def join_runs(parts: list[tuple[int, int, Multiply]]) -> Multiply:
    """One multiplication of all tokens out of those of the runs: (segments beside heads, tokens, multiply)."""
    sizes = [tokens for _, tokens, _ in parts]

    def multiply(layer: int, x: Tensor) -> Tensor:
        runs = zip(parts, torch.split(x, sizes, dim=2), strict=True)
        done = [merge_segments(f(layer, split_segments(x_n, n)), n).flatten(2, 3) for (n, _, f), x_n in runs]
        return done[0] if len(done) == 1 else torch.cat(done, dim=2)

    return multiply
