"""Identities of the baselines of the Elastic Memory and Memory Caching papers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models import MEMORIES, build_memory
from models.layers import recent_floats
from models.memories.attention import Attention, rotate
from models.memories.gated_linear import GatedLinear
from models.memories.hybrid import Hybrid
from models.memories.infini import Infini
from models.memories.melodi import Melodi
from models.memories.memorizing import Memorizing
from models.memories.sliding_window import SlidingWindow
from models.memories.transformer_xl import TransformerXL
from models.memory import Memory

torch.set_num_threads(1)
WIDTH, L = 8, 4
LARGE = 1e9
"""A gate's logit whose sigmoid is 1 in float64, and 0 with a minus."""


def make(kind: type[Any], **options: Any) -> Any:
    torch.manual_seed(1)
    return build_memory(kind, WIDTH, **options).double()


def tokens(T: int, seed: int = 0) -> Tensor:
    return torch.randn(2, T, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, atol=1e-11, rtol=0)


def alike(memory: Memory, other: Memory) -> None:
    """The other gets the parameters both have."""
    own = other.state_dict()
    other.load_state_dict({name: part for name, part in memory.state_dict().items() if name in own})


def reached(memory: Memory, x: Tensor, t: int) -> list[int]:
    """The inputs that have a gradient from the output at t."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(memory(x)[0][:, t].square().sum(), x)
    return gradient.abs().sum((0, 2)).nonzero().flatten().tolist()


def block_local(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Rotary causal attention inside each block of L, a block at a time."""
    cuts = list(range(L, q.shape[2], L))
    blocks = zip(*(a.tensor_split(cuts, dim=2) for a in (q, k, v)), strict=True)
    reads = [F.scaled_dot_product_attention(rotate(a, 0), rotate(b, 0), c, is_causal=True) for a, b, c in blocks]
    return torch.cat(reads, dim=2)


def attention_gradients(memory: Memory, x: Tensor) -> dict[str, Tensor]:
    y, _ = memory(x)
    parameters = dict(memory.named_parameters())
    return dict(zip(parameters, torch.autograd.grad(y.square().sum(), list(parameters.values())), strict=True))


# Transformer-XL


@pytest.mark.parametrize("cache", [20, 21, 40])
def test_transformer_xl_that_caches_everything_is_attention(cache: int) -> None:
    x, xl, full = tokens(21), make(TransformerXL, block=L, cache=cache), make(Attention, rope=True)
    assert close(xl(x)[0], full(x)[0])


def test_the_matrices_learn_from_the_cache_as_from_the_block() -> None:
    x, xl, full = tokens(21), make(TransformerXL, block=L, cache=20), make(Attention, rope=True)
    mine, other = attention_gradients(xl, x), attention_gradients(full, x)
    assert all(torch.allclose(mine[name], other[name], atol=1e-9) for name in other)


def test_no_gradient_enters_an_earlier_block_though_its_values_are_used() -> None:
    x, xl = tokens(21), make(TransformerXL, block=L, cache=6, heads=2)
    assert reached(xl, x, 8) == [8]
    assert reached(xl, x, 11) == [8, 9, 10, 11]
    y, _ = xl(x)
    for earlier in (2, 7):  # 8 - 6 is the first that is cached
        other = x.clone()
        other[:, earlier] += 1
        assert not torch.allclose(xl(other)[0][:, 8:12], y[:, 8:12], atol=1e-6)


def test_transformer_xl_sees_its_memory_and_no_further() -> None:
    x, xl = tokens(24), make(TransformerXL, block=L, cache=6)
    other = x.clone()
    other[:, : 16 - 6 - 3] = 9  # the convolution of the first that is cached sees three further back
    assert close(xl(other)[0][:, 16:], xl(x)[0][:, 16:])
    assert not close(xl(other)[0][:, 12:16], xl(x)[0][:, 12:16])


# Memorizing Transformer


def test_memorizing_shut_is_attention_inside_blocks() -> None:
    x, memory = tokens(14), make(Memorizing, block=L, heads=2)
    memory.gate.data.fill_(-LARGE)
    reads = block_local(*memory.project(x)[0])
    assert close(memory(x)[0], memory.read_out(reads))


def test_memorizing_open_is_attention_to_closed_blocks_without_positions() -> None:
    x, memory = tokens(14), make(Memorizing, block=L, heads=2)
    memory.gate.data.fill_(LARGE)
    q, k, v = memory.project(x)[0]
    reads = [block_local(q, k, v)[:, :, :L]]
    for start in range(L, 14, L):
        past = k[:, :, :start], v[:, :, :start]
        reads.append(F.scaled_dot_product_attention(q[:, :, start : start + L], *past))
    assert close(memory(x)[0], memory.read_out(torch.cat(reads, dim=2)))


def test_memorizing_in_its_first_block_is_attention() -> None:
    x, memory, full = tokens(14), make(Memorizing, block=14), make(Attention, rope=True)
    alike(memory, full)
    assert close(memory(x)[0], full(x)[0])


def test_the_queue_keeps_the_last_tokens_of_closed_blocks() -> None:
    x, memory = tokens(18), make(Memorizing, block=L, queue=5)
    _, k, v = memory.project(x)[0]
    _, state = memory(x)
    assert close(state.k, k[:, :, 11:])  # 11 .. 15 of closed blocks, 16 and 17 of the open one
    assert close(state.v, v[:, :, 11:])
    assert reached(memory, x, 17) == list(range(11 - 3, 18))


def test_a_queue_over_everything_keeps_everything() -> None:
    x, memory, full = tokens(18), make(Memorizing, block=L, queue=16), make(Memorizing, block=L)
    assert close(memory(x)[0], full(x)[0])


# Infini-attention


@pytest.mark.parametrize("delta", [False, True])
def test_infini_is_the_paper_s_equations_by_hand(delta: bool) -> None:
    x, memory = tokens(14), make(Infini, block=L, delta=delta)
    memory.gate.data.fill_(0.3)
    q, k, v = memory.project(x)[0]
    local, g = block_local(q, k, v), torch.sigmoid(torch.tensor(0.3, dtype=torch.float64))
    for b in range(2):
        M, z, rows = torch.zeros(WIDTH, WIDTH).double(), torch.zeros(WIDTH).double(), []
        for start in range(0, 14, L):
            Q, K, V, A = (a[b, 0, start : start + L] for a in (q, k, v, local))
            sigma_Q, sigma_K = (torch.where(a > 0, a + 1, a.exp()) for a in (Q, K))
            if start:
                A = g * (sigma_Q @ M) / (sigma_Q @ z)[:, None] + (1 - g) * A
            rows.append(A)
            if len(K) == L:
                stored = (sigma_K @ M) / (sigma_K @ z)[:, None] if delta and start else 0.0
                M, z = M + sigma_K.T @ (V - stored), z + sigma_K.sum(0)
        y, state = memory(x[b : b + 1])
        assert close(y[0], memory.read_out(torch.cat(rows)[None, None])[0])
        assert close(state.M[0, 0], M)
        assert close(state.z[0, 0], z)


def test_infini_open_is_normalised_linear_attention_to_closed_segments() -> None:
    x, memory = tokens(14), make(Infini, block=L, heads=2)
    memory.gate.data.fill_(LARGE)
    q, k, v = memory.project(x)[0]
    weights = (F.elu(q) + 1) @ (F.elu(k) + 1).mT
    places = torch.arange(14) // L
    weights = weights * (places[:, None] > places)
    reads = (weights @ v / weights.sum(-1, keepdim=True))[:, :, L:]
    assert close(memory(x)[0][:, L:], memory.read_out(reads))


@pytest.mark.parametrize("delta", [False, True])
def test_infini_shut_is_attention_inside_segments(delta: bool) -> None:
    x, memory = tokens(14), make(Infini, block=L, heads=2, delta=delta)
    memory.gate.data.fill_(-LARGE)
    assert close(memory(x)[0], memory.read_out(block_local(*memory.project(x)[0])))


@pytest.mark.parametrize(("delta", "times"), [(True, [1, 1, 1.5, 2]), (False, [1, 2, 3, 4])])
def test_the_delta_rule_leaves_a_pair_alone_that_is_stored(delta: bool, times: list[float]) -> None:
    """Written s times M is s/2 of once, for z counts all s and what is read is half of the value."""
    memory, x = make(Infini, block=L, heads=2, delta=delta), tokens(1).repeat(1, 3 + 4 * L, 1)
    _, begun = memory(x[:, :3])  # the convolution now sees the same token at every tap
    begun = begun._replace(k=begun.k[:, :, :0], v=begun.v[:, :, :0])
    _, once = memory(x[:, 3 : 3 + L], begun)
    assert once.M.abs().min() > 1e-4
    for segments, factor in enumerate(times, 1):
        _, state = memory(x[:, 3 : 3 + segments * L], begun)
        assert close(state.M, factor * once.M)
        assert close(state.z, segments * once.z)


# MELODI


def test_melodi_in_its_first_window_is_attention() -> None:
    x, memory, full = tokens(9), make(Melodi, block=9), make(Attention, rope=True)
    alike(memory, full)
    assert close(memory(x)[0], full(x)[0])


@pytest.mark.parametrize(("num_memory", "agree"), [(3, True), (2, False)])
def test_memory_is_a_mix_of_tokens_and_the_summary_is_added_where_sizes_agree(num_memory: int, agree: bool) -> None:
    memory, x = make(Melodi, block=L, num_memory=num_memory, num_summary=3, heads=2), tokens(L)
    y, state = memory(x)
    rows = torch.cat([x + y, state.U], dim=1)
    rows = rows / (rows.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    mixed = torch.einsum("zl,bld->bzd", memory.mix, rows)
    assert close(state.Z, mixed + state.U if agree else mixed)


def test_a_later_window_reaches_the_earlier_ones_through_memory_and_summary_alone() -> None:
    memory, x = make(Melodi, block=L, num_memory=2, num_summary=3), tokens(12).requires_grad_()
    _, state = memory(x[:, :8])
    for kept, expected in (({}, True), ({"Z": state.Z.detach(), "recent": state.recent.detach()}, False)):
        y, after = memory(x[:, 8:], state._replace(**kept))
        (gradient,) = torch.autograd.grad(y.sum(), x, retain_graph=True)
        assert bool((gradient[:, :8].abs().sum((0, 2)) > 0).all()) == expected
        assert bool(gradient[:, :8].any()) == expected
    (gradient,) = torch.autograd.grad(after.Z.sum(), x)  # the summary that was handed over writes the next memory
    assert gradient[:, :8].any()


def test_a_window_does_not_see_its_own_summary() -> None:
    memory, x = make(Melodi, block=L, num_memory=2, num_summary=3), tokens(8)
    before, _ = memory(x)
    memory.summary.data += 1
    after, _ = memory(x)
    assert close(after[:, :L], before[:, :L])
    assert not torch.allclose(after[:, L:], before[:, L:], atol=1e-6)


# Hybrid


def test_hybrid_is_its_parts_one_after_the_other() -> None:
    x, memory = tokens(14), make(Hybrid, window=3, heads=2)
    first, second = make(GatedLinear, heads=2), make(SlidingWindow, window=3, heads=2, rope=True)
    first.load_state_dict(memory.recurrent.state_dict())
    second.load_state_dict(memory.window.state_dict())
    a, state_a = first(x)
    inside = x + a
    b, state_b = second(inside / (inside.square().mean(-1, keepdim=True) + 1e-6).sqrt())
    y, state = memory(x)
    assert close(y, a + b)
    read = memory.contents(state)
    assert close(read["recurrent_S"], state_a.M.S)
    assert close(read["window_keys"], state_b.k)


def test_hybrid_rotates_where_it_is_told_to() -> None:
    x, reads = tokens(14), []
    for rope in (True, False):
        memory, window = make(Hybrid, window=3, heads=2, rope=rope), make(SlidingWindow, window=3, heads=2, rope=rope)
        window.load_state_dict(memory.window.state_dict())
        a, _ = memory.recurrent(x)
        inside = x + a
        b, _ = window(inside / (inside.square().mean(-1, keepdim=True) + 1e-6).sqrt())
        reads.append(memory(x)[0])
        assert close(reads[-1], a + b)
    rotated, plain = reads  # of the same weights
    assert close(rotated[:, 0], plain[:, 0])
    assert (rotated - plain)[:, 1:].abs().amax(-1).min() > 1e-4


# Sizes


@pytest.mark.parametrize(
    ("times", "millions"),
    [(1, "1.5"), (2, "3.1"), (4, "6.4"), (8, "13.5"), (16, "30.1")],
)
def test_melodi_adds_the_parameters_of_elastic_memory_s_third_table(times: int, millions: str) -> None:
    layers, width, window, N = 12, 720, 2048, 45 * times
    memory, plain = Melodi(width, heads=8, block=window, num_memory=N, num_summary=N), Attention(width, heads=8)
    added = sum(p.numel() for p in memory.parameters()) - sum(p.numel() for p in plain.parameters())
    assert added == N * width + N * (window + N)
    assert f"{layers * added / 1e6:.1f}" == millions


@pytest.mark.parametrize(
    ("name", "options", "layers", "beside"),
    [
        ("memorizing", {"block": 2048, "queue": 540}, 1, 0),
        ("infini", {"block": 2048}, 12, 720),
        ("melodi", {"block": 2048, "num_memory": 45, "num_summary": 45}, 12, 0),
        ("elastic", {"block": 2048, "num_coefficients": 540}, 1, 0),
    ],
)
def test_memories_are_as_large_as_in_elastic_memory_s_tables(
    name: str, options: dict[str, Any], layers: int, beside: int
) -> None:
    memory = build_memory(MEMORIES[name], 720, heads=8, **options)
    # `beside`: z, which the table leaves out, as it does what the convolution carries.
    floats = memory.state_floats(16 * 2048) - recent_floats(720) - beside
    assert layers * floats == 777_600
    gates = [p.numel() for key, p in memory.named_parameters() if key == "gate"]
    assert gates == ([8] if name in ("memorizing", "infini") else [])


@pytest.mark.parametrize(
    ("kind", "options", "mend"),
    [
        (TransformerXL, {"block": 0}, "block must be at least 1, not 0"),
        (TransformerXL, {"cache": 0}, "cache must be at least 1, not 0"),
        (Memorizing, {"block": 0}, "block must be at least 1"),
        (Memorizing, {"queue": -1}, "at least 1 token"),
        (Infini, {"block": 0}, "block must be at least 1"),
        (Melodi, {"num_memory": 0}, "num_memory must be at least 1"),
        (Melodi, {"num_summary": 0}, "num_summary must be at least 1"),
        (Hybrid, {"window": 0}, "window >= 1"),
        *[(kind, {"heads": 8}, "even head size") for kind in (TransformerXL, Memorizing, Infini, Melodi, Hybrid)],
    ],
)
def test_what_cannot_be_is_refused(kind: type[Any], options: dict[str, Any], mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        make(kind, **options)
