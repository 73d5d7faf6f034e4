"""Numbers found a second way: in NumPy, from the equations and the weights, by nothing of `models` but its projections.

Where fast form and definition share a step (an angle, a place, a mix of memories), nothing else would see it wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf

from models import MEMORIES, build, build_memory
from models.banks.blocks import single
from models.hippo.measures import step
from models.memories.attention import rotate

torch.set_num_threads(1)
B, WIDTH, HEADS, T, L = 2, 8, 2, 15, 4
Floats = NDArray[np.float64]


def make(name: str, **options: Any) -> Any:
    torch.manual_seed(1)
    memory = build_memory(MEMORIES[name], WIDTH, heads=HEADS, **options).double()
    for weight in memory.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    return memory


def tokens() -> torch.Tensor:
    return torch.randn(B, T, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def numbers(x: torch.Tensor) -> Floats:
    return x.detach().numpy()


def turn(x: Floats, places: Any) -> Floats:
    """x [..., n, K]: channels 2 j and 2 j + 1 as one complex number, times e^(i place / 10,000^(2 j / K))."""
    K = x.shape[-1]
    angles = np.asarray(places, float)[:, None] / 10_000.0 ** (np.arange(0, K, 2) / K)
    z = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


def softmax(logits: Floats) -> Floats:
    weights: Floats = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def attend(q: Floats, k: Floats, v: Floats) -> Floats:
    """One query q [B, H, 1, K] to all keys k, v [B, H, n, K]."""
    return softmax(q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])) @ v


def read_out(memory: Any, reads: list[Floats]) -> Floats:
    """Reads [B, H, 1, K] of each token through the matrix of the memory: [B, T, D]."""
    heads = np.concatenate(reads, axis=2).swapaxes(1, 2)
    return heads.reshape(*heads.shape[:2], -1) @ numbers(memory.read_out.weight)


def assert_close(mine: torch.Tensor, other: Floats) -> None:
    assert np.abs(numbers(mine) - other).max() < 1e-10


def silu(x: Floats) -> Floats:
    return x / (1 + np.exp(-x))


def norm(x: Floats) -> Floats:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)


def test_projections_mix_a_token_with_three_before_it_heads_have_gates_and_norms_of_their_own() -> None:
    memory, x = make("titans", size=6), tokens()
    y, taps, whole = numbers(x) @ numbers(memory.project.weight), numbers(memory.project.taps), np.zeros((B, T, 36))
    for t in range(T):
        for back in range(min(t + 1, 4)):
            whole[:, t] += taps[back] * y[:, t - back]
    for i, found in enumerate(memory.project(x)[0]):
        for head in range(HEADS):
            start = (i * HEADS + head) * 6
            assert_close(found[:, head], silu(whole[:, :, start : start + 6]))
    logits = numbers(x) @ numbers(memory.gates.weight) + numbers(memory.gates.bias)
    assert_close(memory.gates(x), np.stack([logits[:, :, 3 * h : 3 * h + 3] for h in range(HEADS)], axis=1))
    reads, out = memory.project(x)[0][0], memory.read_out
    heads = [
        norm(numbers(reads[:, h])) * numbers(out.scale[h]) @ numbers(out.weight[6 * h : 6 * h + 6])
        for h in range(HEADS)
    ]
    assert_close(out(reads), sum(heads))


@pytest.mark.parametrize("start", [0, 1, 1000])
def test_pairs_of_channels_turn_by_the_angle_of_their_place(start: int) -> None:
    x = tokens()
    assert_close(rotate(x, start), turn(numbers(x), range(start, start + T)))


@pytest.mark.parametrize(
    ("name", "options", "first"),
    [
        ("attention", {"rope": True}, lambda t: 0),
        ("window", {"rope": True, "window": 5}, lambda t: max(0, t - 4)),
        ("transformer_xl", {"block": L, "cache": 6}, lambda t: max(0, t // L * L - 6)),
        ("transformer_xl", {"block": L, "cache": 1}, lambda t: max(0, t // L * L - 1)),
        ("memorizing", {"block": L}, lambda t: t // L * L),
    ],
)
def test_a_token_attends_to_places_from_a_first_one_on(
    name: str, options: dict[str, Any], first: Callable[[int], int]
) -> None:
    memory, x = make(name, **options), tokens()
    if name == "memorizing":
        memory.gate.data.fill_(-1e9)  # the tokens of closed blocks have no part
    q, k, v = map(numbers, memory.project(x)[0])
    q, k = turn(q, range(T)), turn(k, range(T))
    reads = [attend(q[:, :, t : t + 1], k[:, :, first(t) : t + 1], v[:, :, first(t) : t + 1]) for t in range(T)]
    for form in (memory, memory.definition):
        assert_close(form(x)[0], read_out(memory, reads))


def test_elastic_memory_turns_a_block_from_its_first_token_and_memory_not_at_all() -> None:
    memory, x, reads = make("elastic", block=L, num_coefficients=6, num_samples=3), tokens(), []
    q, k, v = map(numbers, memory.project(x)[0])
    CK = CV = np.zeros((B, HEADS, 6, WIDTH // HEADS))
    for t in range(T):
        block, place = divmod(t, L)
        P, K, R = map(numbers, single(memory.bank, 3, block, True, x))
        own = slice(t - place, t + 1)
        keys, values = turn(k[:, :, own], range(place + 1)), v[:, :, own]
        if block:
            keys, values = np.concatenate([R @ CK, keys], axis=2), np.concatenate([R @ CV, values], axis=2)
        reads.append(attend(turn(q[:, :, t : t + 1], [place]), keys, values))
        if place == L - 1:
            CK, CV = P @ CK + K @ k[:, :, own], P @ CV + K @ v[:, :, own]
    for form in (memory, memory.definition):
        assert_close(form(x)[0], read_out(memory, reads))


@pytest.mark.parametrize(("num_memory", "num_summary"), [(2, 3), (2, 2)])
def test_melodi_lays_memory_window_and_summary_side_by_side(num_memory: int, num_summary: int) -> None:
    memory, x = make("melodi", block=L, num_memory=num_memory, num_summary=num_summary), tokens()
    given, mix = numbers(x), numbers(memory.mix)
    window_places = range(num_memory, num_memory + L)
    summary_places = range(num_memory + L, num_memory + L + num_summary)

    def projected(a: Floats) -> list[Floats]:
        parts = silu(norm(a) @ numbers(memory.project.weight)).reshape(B, -1, 3, HEADS, WIDTH // HEADS)
        return [parts[:, :, i].swapaxes(1, 2) for i in range(3)]

    def reads_in_order(q: Floats, k: Floats, v: Floats, before: int) -> Floats:
        ends = range(before + 1, before + 1 + q.shape[2])
        return read_out(memory, [attend(q[:, :, i : i + 1], k[:, :, :n], v[:, :, :n]) for i, n in enumerate(ends)])

    q, k, v = map(numbers, memory.project(x)[0])
    Z, U, ys = None, np.broadcast_to(numbers(memory.summary), (B, num_summary, WIDTH)), []
    for start in range(0, T, L):
        own = slice(start, min(T, start + L))
        places = window_places[: own.stop - start]
        keys, values, before = turn(k[:, :, own], places), v[:, :, own], 0
        if Z is not None:
            _, k_Z, v_Z = projected(Z)
            keys, values = np.concatenate([turn(k_Z, range(num_memory)), keys], 2), np.concatenate([v_Z, values], 2)
            before = num_memory
        y = reads_in_order(turn(q[:, :, own], places), keys, values, before)
        ys.append(y)
        if own.stop - start == L:
            q_U, k_U, v_U = projected(U)
            keys, values = np.concatenate([keys, turn(k_U, summary_places)], 2), np.concatenate([values, v_U], 2)
            U = U + reads_in_order(turn(q_U, summary_places), keys, values, before + L)
            Z = mix @ np.concatenate([norm(given[:, own] + y), norm(U)], axis=1)
            Z = Z + U if num_memory == num_summary else Z
    for form in (memory, memory.definition):
        found, state = form(x)
        assert_close(found, np.concatenate(ys, axis=1))
        assert_close(state.Z, Z)
        assert_close(state.U, U)


@pytest.mark.parametrize("base", ["dla", "titans"])
@pytest.mark.parametrize("name", ["residual", "grm", "soup"])
def test_deep_memories_are_summed_weighed_or_mixed_token_by_token(name: str, base: str) -> None:
    memory, x = make(name, base=base, segment=L, inner=2, expansion=2), tokens()
    memory.read_out = torch.nn.Identity()
    q, k, v, g, _ = memory.inputs(x, None)
    states, ends, M = [], [], None
    for t in range(T):
        M = memory.rule.step(M if t % L else memory.rule.start(x), k[:, :, t], v[:, :, t], g[:, :, t])
        states.append((numbers(M.W1), numbers(M.W2)))
        ends += states[-1:] * (t % L == L - 1)
    queries, keys = numbers(q), numbers(k)
    K, reads = queries.shape[-1], []
    for t in range(T):
        segment = t // L
        pools = [keys[:, :, s * L : min(t + 1, s * L + L)].mean(2) for s in range(segment + 1)]
        weights = np.ones((B, HEADS, segment + 1))
        if name != "residual":
            u = (numbers(x)[:, t] @ numbers(memory.gate.weight)).reshape(B, HEADS, K)
            weights = softmax(np.stack([(u * pool).sum(-1) for pool in pools], axis=-1) / np.sqrt(K))
        layers = list(zip(*ends[:segment], states[t], strict=True))
        W1, W2 = (np.stack(layer, axis=2) for layer in layers)  # [B, H, 1 + N, in, out], oldest first
        if name == "soup":
            W1, W2 = (np.einsum("bhn,bhnio->bhio", weights, W)[:, :, None] for W in (W1, W2))
            weights = np.ones((B, HEADS, 1))
        z = np.einsum("bhk,bhnkf->bhnf", queries[:, :, t], W1)
        answers = queries[:, :, t, None] + np.einsum("bhnf,bhnfk->bhnk", z * (1 + erf(z / np.sqrt(2))) / 2, W2)
        reads.append(np.einsum("bhn,bhnk->bhk", weights, answers))
    for form in (memory, memory.definition):
        assert_close(form(x)[0], np.stack(reads, axis=2))


def test_the_parallel_lmu_answers_by_one_matrix_for_every_coefficient_and_channel() -> None:
    memory, x, m, reads = build_memory(MEMORIES["lmu_parallel"], WIDTH, order=3, window=6).double(), tokens(), 0.0, []
    A, b = (np.asarray(a, float) for a in step("lmu", 3, 6))
    for u, own in zip(numbers(memory.project(x)[0][0])[:, 0].swapaxes(0, 1), numbers(x).swapaxes(0, 1), strict=True):
        m = np.einsum("nm,bmc->bnc", A, np.zeros((B, 3, WIDTH)) + m) + b[:, None] * u[:, None]
        reads.append(silu(np.einsum("bnc,nco->bo", m, numbers(memory.W_m)) + own @ numbers(memory.W_x)))
    expected = norm(np.stack(reads, axis=1)) * numbers(memory.read_out.scale[0]) @ numbers(memory.read_out.weight)
    for form in (memory, memory.definition):
        assert_close(form(x)[0], expected)


@pytest.mark.parametrize("mlp_ratio", [0, 2])
def test_a_model_is_embedding_blocks_and_a_read_out_by_the_embeddings_of_answers(mlp_ratio: int) -> None:
    model = build("linear", 20, range(10, 17), width=WIDTH, layers=2, mlp_ratio=mlp_ratio).double()
    ids = torch.randint(0, 20, (B, T), generator=torch.Generator().manual_seed(0))
    row, place = torch.tensor([0, 0, 1, 1]), torch.tensor([3, T - 1, 0, 7])
    E = numbers(model.embedding)
    stream = E[ids.numpy()]
    for block in model.blocks:
        stream = stream + numbers(block.memory(torch.from_numpy(norm(stream)))[0])
        if mlp_ratio:
            stream = stream + silu(norm(stream) @ numbers(block.mlp.inner)) @ numbers(block.mlp.outer)
    logits = norm(stream)[row, place] @ E[10:17].T
    assert_close(model(ids, (row, place))[0], logits)


def test_weights_begin_at_these_sizes() -> None:
    """Root mean squares, of models as wide as 64 with 6 heads of 16: of their inputs' number, but for four."""
    model = build("titans", 200, range(10, 17), width=64, heads=6, size=16)
    gates, taps = [8.0, 0.0, -2.0] * 6, model.blocks[0].memory.project.taps
    expected = {"embedding": 0.1, "project.weight": 64**-0.5, "gates.weight": 0.02, "read_out.weight": 96**-0.5}
    expected |= {"rule.W1": 1, "rule.W2": (64 * 16) ** -0.5, "mlp.inner": 64**-0.5, "mlp.outer": 128**-0.5}
    found = {name: float(np.sqrt((numbers(weight) ** 2).mean())) for name, weight in model.named_parameters()}
    for name, size in expected.items():
        mine = [value for full, value in found.items() if full.endswith(name)]
        assert mine == pytest.approx([size] * len(mine), rel=0.1)
        assert len(mine) == (1 if name == "embedding" else 2)
    assert model.blocks[1].memory.gates.bias.tolist() == gates
    assert numbers(taps.mean(1)) == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0], abs=0.03)
    assert numbers(taps.std(1)) == pytest.approx([0.1] * 4, rel=0.15)
