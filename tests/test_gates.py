"""What gates weigh memories by: against plain loops over tokens, segments and heads."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models import build_memory
from models.caching import gates
from models.memories.caching import GRM

torch.set_num_threads(1)
B, WIDTH, HEADS, SIZE, SEGMENT = 2, 8, 2, 6, 4


class Plain(nn.Module):
    """A read-out that changes nothing."""

    def forward(self, reads: Tensor) -> Tensor:
        return reads


def make(**options: Any) -> Any:
    torch.manual_seed(1)
    memory = build_memory(GRM, WIDTH, heads=HEADS, size=SIZE, segment=SEGMENT, **options).double()
    memory.read_out = Plain()  # type: ignore[assignment]
    for weight in memory.gate.parameters():
        weight.data.normal_()
    return memory


def randoms(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape) + shape[-2]))


def pool_of(rows: Tensor, pool: str) -> Tensor:
    """[P] out of the tokens [n, P] of one segment."""
    total = torch.zeros_like(rows[0])
    for row in rows:
        total = total + row
    return total / len(rows) if pool in ("mean", "mean_inputs") else total


CASES = [
    *[("inputs", pool, scaled) for pool in ("mean", "sum", "mean_inputs", "sum_inputs") for scaled in (True, False)],
    *[("queries", pool, scaled) for pool in ("mean", "sum") for scaled in (True, False)],
    *[(gate, "mean", True) for gate in ("position", "constant")],
]


@pytest.mark.parametrize(("gate", "pool", "scaled"), CASES)
def test_gated_residual_memory_is_its_equations_in_loops(gate: str, pool: str, scaled: bool) -> None:
    memory, T = make(gate=gate, pool=pool, scaled=scaled), 11
    x = randoms(B, T, WIDTH)
    (q, k, v), _ = memory.project(x)
    y, state = memory(x)
    paper, _ = memory.definition(x)
    for b in range(B):
        for h in range(HEADS):
            rows = x[b] if pool.endswith("inputs") else k[b, h]
            P = rows.shape[-1]
            for t in range(T):
                logits, reads = [], []
                for first in range(0, t + 1, SEGMENT):  # oldest first, and the open one last
                    those = slice(first, min(first + SEGMENT, t + 1))
                    p = pool_of(rows[those], pool)
                    if gate == "position":
                        age = t // SEGMENT - first // SEGMENT
                        logit = x[b, t] @ memory.gate.weight[:, h * 16 + age]
                    elif gate == "constant":
                        logit = torch.zeros((), dtype=torch.float64)
                    else:
                        own = q[b, h, t] if gate == "queries" else x[b, t] @ memory.gate.weight[:, h * P : (h + 1) * P]
                        logit = own @ p / (math.sqrt(P) if scaled else 1)
                    logits.append(logit)
                    reads.append(q[b, h, t] @ (k[b, h, those].T @ v[b, h, those]))
                expected = torch.stack(logits).softmax(0) @ torch.stack(reads)
                assert torch.allclose(y[b, h, t], expected, atol=1e-11)
                assert torch.allclose(paper[b, h, t], expected, atol=1e-11)
            if gate in ("inputs", "queries"):
                for n in range(2):
                    closed = rows[n * SEGMENT : (n + 1) * SEGMENT]
                    assert torch.allclose(state.pools[b, h, n], pool_of(closed, pool), atol=1e-12)
                assert torch.allclose(state.pooled[b, h], rows[8:].sum(0), atol=1e-12)
    assert state.pools.shape[2] == 2


@pytest.mark.parametrize("N", [0, 3, 20])
def test_positions_tell_sixteen_ages_apart_and_call_all_older_ones_the_oldest(N: int) -> None:
    gate = gates.PositionGate(WIDTH, HEADS, SIZE).double()
    gate.weight.data.normal_(generator=torch.Generator().manual_seed(1))
    x, q = randoms(B, 5, WIDTH), randoms(B, HEADS, 5, SIZE)
    logits = gate.logits(gate.queries(x, q), gate.pooled(x, q), randoms(B, HEADS, N, 1)[..., :0])
    assert logits.shape == (B, HEADS, 5, 1 + N)
    for h in range(HEADS):
        for place in range(1 + N):
            age = 0 if place == 0 else 1 + N - place
            weight = gate.weight[:, h * 16 + min(age, 15)]
            assert torch.allclose(logits[:, h, :, place], x @ weight, atol=1e-12)
        distinct = {round(value, 9) for value in logits[0, h, 0].tolist()}
        assert len(distinct) == min(1 + N, 16)


@pytest.mark.parametrize("decay", [1.0, 0.5, 0.1])
def test_an_average_weighs_a_segment_by_a_power_of_its_age(decay: float) -> None:
    gate, N = gates.DecayGate(WIDTH, HEADS, SIZE, decay), 4
    empty = randoms(B, HEADS, 5, SIZE)[..., :0]
    weights = gate.logits(empty, empty, empty[:, :, :N]).softmax(-1)
    powers = torch.tensor([decay**age for age in (0, 4, 3, 2, 1)], dtype=torch.float64)  # the open one, oldest first
    assert torch.allclose(weights, (powers / powers.sum()).expand(B, HEADS, 5, -1), atol=1e-12)
