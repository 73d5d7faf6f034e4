"""Embedding -> blocks of (memory, MLP) -> read-out at the asked positions only.

Everything but the memory is the same for every model: what a comparison shows is the memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layers import MLP
from .memory import Memory, State, fullest
from .transforms import inside_transform


def norm(x: Tensor) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), eps=1e-6)


def check_indices(what: str, indices: object, count: int) -> None:
    """Raises ValueError for what is no tensor of integers and, where it costs no waiting for a device, for others."""
    if not isinstance(indices, Tensor) or indices.dtype not in (torch.int32, torch.int64):
        found = indices.dtype if isinstance(indices, Tensor) else type(indices).__name__
        raise ValueError(f"{what} are a tensor of integers (torch.int64), not {found}")
    if indices.device.type != "cpu" or not indices.numel() or torch.compiler.is_compiling() or inside_transform():
        return
    low, high = map(int, indices.aminmax())
    if low < 0 or high >= count:
        raise ValueError(f"{what} run from 0 to {count - 1}, not from {low} to {high}")


class Block(nn.Module):
    """x + memory(norm x), then x + MLP(norm x)."""

    def __init__(self, width: int, memory: Memory, mlp_ratio: int) -> None:
        super().__init__()
        self.memory = memory
        self.mlp = MLP(width, mlp_ratio) if mlp_ratio else None

    def remember(self, x: Tensor, state: State | None, oracle_positions: Tensor | None = None) -> tuple[Tensor, State]:
        positions = (oracle_positions,) if getattr(self.memory, "uses_oracle", False) else ()
        y, state = self.memory(norm(x), state, *positions)
        return x + y, state

    def think(self, x: Tensor) -> Tensor:
        return x if self.mlp is None else x + self.mlp(norm(x))


class SequenceModel(nn.Module):
    """Answers questions about a sequence of tokens.

    vocab_size   token ids run from 0 to vocab_size - 1
    answers      the ids that can be an answer; logits are over these alone, so an untrained model
                 scores 1 / len(answers)
    memory       called once per layer with the width; returns the layer's memory
    """

    def __init__(
        self,
        vocab_size: int,
        answers: range,
        memory: Callable[[int], Memory],
        width: int = 32,
        layers: int = 2,
        mlp_ratio: int = 2,
    ) -> None:
        super().__init__()
        self.answers, self.width = answers, width
        self.embedding = nn.Parameter(torch.randn(vocab_size, width) * 0.1)
        self.blocks: list[Block] = nn.ModuleList(  # type: ignore[assignment]
            Block(width, memory(width), mlp_ratio) for _ in range(layers)
        )

    def forward(
        self,
        tokens: Tensor,
        queries: tuple[Tensor, Tensor],
        states: list[State] | None = None,
        oracle_positions: Tensor | None = None,
    ) -> tuple[Tensor, list[State]]:
        """tokens [B, T] and the asked places (row [Q], position [Q]) -> logits [Q, answers], states.

        The last block's MLP and the read-out see the asked places only. oracle_positions [B, T], where the answer of
        each token was written and -1 where it asks nothing, reaches the memories of `uses_oracle`.
        """
        check_indices("tokens", tokens, len(self.embedding))
        if tokens.dim() != 2 or not tokens.numel():
            raise ValueError(f"tokens are [rows, length] with at least one of each, not {list(tokens.shape)}")
        if not isinstance(queries, tuple | list) or len(queries) != 2:
            raise ValueError(f"queries are two tensors, (row [Q], position [Q]), not {type(queries).__name__}")
        for name, indices, count in zip(("rows", "positions"), queries, tokens.shape, strict=True):
            check_indices(f"{name} of queries", indices, count)
        x = F.embedding(tokens, self.embedding)
        after = []
        for i, block in enumerate(self.blocks):
            x, state = block.remember(x, states[i] if states else None, oracle_positions)
            if i == len(self.blocks) - 1:
                x = x[queries]
            x = block.think(x)
            after.append(state)
        return norm(x) @ self.embedding[self.answers.start : self.answers.stop].T, after

    @property
    def uses_oracle(self) -> bool:
        """True if any memory takes the positions at which answers were written."""
        return any(getattr(block.memory, "uses_oracle", False) for block in self.blocks)

    @property
    def reads_whole(self) -> bool:
        """True if any memory reads whole sequences only."""
        return any(getattr(part, "reads_whole", False) for part in self.modules() if part is not self)

    def state_floats(self, length: int) -> int:
        """Numbers the whole model carries per sequence after `length` tokens."""
        return sum(block.memory.state_floats(length) for block in self.blocks)

    def fullest_floats(self, length: int) -> int:
        """The most numbers carried per sequence after any of the first `length` tokens, all layers together."""
        memories = [block.memory for block in self.blocks]
        bound = sum(memory.fullest_floats(length) for memory in memories)  # reached where layers are alike
        return fullest(self.state_floats, length, math.lcm(*(memory.period for memory in memories)), bound)
