"""The contract of a rule, over every rule of the registry, and what the papers say of single ones.

A gate named "decay" is what is left of the memory; all others are strengths.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models import MEMORIES, build_memory
from models.memories.delta import Delta
from models.memories.gated_linear import GatedAdditive
from models.memories.linear import Additive, Sum
from models.memory import num_floats
from models.recurrent import Recurrent
from models.rule import Gates, Open, Rule, multiplier, unit
from models.rules import RULES

torch.set_num_threads(1)
H, K, B = 2, 6, 2
every_rule = pytest.mark.parametrize("name", RULES)
Tokens = tuple[Tensor, Tensor, Tensor]


def make(name: str, dtype: torch.dtype = torch.float64, size: int = K) -> Rule:
    torch.manual_seed(1)
    return RULES[name](H, size).to(dtype)


def randoms(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gates(rule: Rule, T: int, **logits: float) -> Tensor:
    """Logits of gates set by name; those not named as `others` says, and without it where they begin."""
    begin = [logits.get(name, logits.get("others", bias)) for name, bias in rule.gates]
    return torch.tensor(begin, dtype=torch.float64).expand(B, H, T, len(begin))


def tokens(rule: Rule, T: int, seed: int = 0) -> Tokens:
    k, v = randoms(seed, B, H, T, rule.size), randoms(seed + 1, B, H, T, rule.size)
    g = gates(rule, T) + randoms(seed + 2, B, H, T, len(rule.gates))
    return unit(k) if rule.unit else k * rule.size**-0.5, v, g


def tensors(M: Any) -> list[Tensor]:
    if isinstance(M, Tensor):
        return [M]
    return [t for part in M for t in tensors(part)] if isinstance(M, tuple | list) else []


def mapped(M: Any, change: Any) -> Any:
    """M with every tensor changed."""
    if isinstance(M, Tensor):
        return change(M)
    if isinstance(M, tuple):
        parts = [mapped(part, change) for part in M]
        return type(M)(*parts) if hasattr(M, "_fields") else tuple(parts)
    return M


def steps(rule: Rule, M: Open, k: Tensor, v: Tensor, g: Tensor) -> tuple[list[tuple[Tensor, ...]], Open]:
    """The matrices after every token, and the end."""
    after = []
    for t in range(k.shape[2]):
        M = rule.step(M, k[:, :, t], v[:, :, t], g[:, :, t])
        after.append(rule.matrices(M))
    return after, M


def begun(rule: Rule) -> Open:
    """A memory that holds something, three tokens after its start."""
    _, M = steps(rule, rule.start(torch.zeros(B, 1, dtype=torch.float64)), *tokens(rule, 3, seed=50))
    return mapped(M, lambda x: x.detach())


def asked(rule: Rule, T: int, dtype: torch.dtype) -> list[Tensor]:
    """x [B, H, T, in] for each layer."""
    shapes = [matrix.shape[-2] for matrix in rule.matrices(rule.start(torch.zeros(B, 1)))]
    return [randoms(90 + layer, B, H, T, size).to(dtype) for layer, size in enumerate(shapes)]


def outcome(rule: Rule, M: Open, inputs: Tokens, fast: bool) -> tuple[list[Tensor], list[Tensor]]:
    """What every layer answers every token and the last state; the gradients to k, v, g and the state before."""
    M = mapped(M, lambda x: x.detach().clone().requires_grad_())
    held = [x.detach().clone().requires_grad_() for x in inputs]
    questions = asked(rule, inputs[0].shape[2], inputs[0].dtype)
    if fast:
        multiply, end = rule.write(M, *held)
        answers = [multiply(layer, x) for layer, x in enumerate(questions)]
    else:
        after, end = steps(rule, M, *held)
        answers = [
            torch.stack([(x[:, :, t].unsqueeze(-2) @ after[t][layer]).squeeze(-2) for t in range(x.shape[2])], dim=2)
            for layer, x in enumerate(questions)
        ]
    results = [*answers, *tensors(end)]
    loss = torch.stack([(x * torch.linspace(-1, 2, x.numel()).view(x.shape).to(x)).sum() for x in results]).sum()
    wanted = [x for x in [*held, *tensors(M)] if x.numel()]
    found = torch.autograd.grad(loss, wanted, allow_unused=True)
    return results, [torch.zeros_like(w) if f is None else f for f, w in zip(found, wanted, strict=True)]


def near(mine: Tensor, other: Tensor, share: float) -> bool:
    """Within this share of the largest number, or of 1."""
    scale = other.detach().abs().max().clamp(min=1.0)
    return mine.shape == other.shape and bool((mine - other).abs().max() <= share * scale)


def assert_fast_is_slow(rule: Rule, M: Open, inputs: Tokens) -> None:
    fast, slow = (outcome(rule, M, inputs, form) for form in (True, False))
    assert all(near(mine, other, 1e-10) for mine, other in zip(fast[0], slow[0], strict=True))
    assert all(near(mine, other, 1e-9) for mine, other in zip(fast[1], slow[1], strict=True))


@pytest.mark.parametrize("T", [1, 5, 32, 33, 70])
@every_rule
def test_a_write_is_its_steps(name: str, T: int) -> None:
    rule = make(name)
    assert_fast_is_slow(rule, begun(rule), tokens(rule, T))


@every_rule
def test_a_write_is_its_steps_at_gates_of_0_and_1(name: str) -> None:
    rule = make(name)
    k, v, g = tokens(rule, 70)
    hard = torch.tensor([-800.0, 800.0, -50.0, 0.0], dtype=torch.float64)
    drawn = torch.randint(4, g.shape, generator=torch.Generator().manual_seed(7))
    assert_fast_is_slow(rule, begun(rule), (k, v, hard[drawn]))
    for logit in (-800.0, 800.0):
        assert_fast_is_slow(rule, begun(rule), (k, v, torch.full_like(g, logit)))


def keys(kind: str, rule: Rule, T: int) -> Tensor:
    different = unit(randoms(3, B, H, 4, rule.size))
    return {
        "zero": torch.zeros(B, H, T, rule.size, dtype=torch.float64),
        "one": different[:, :, :1].repeat(1, 1, T, 1),
        "four": different.repeat(1, 1, -(-T // 4), 1)[:, :, :T],
    }[kind]


@pytest.mark.parametrize("kind", ["zero", "one", "four"])
@every_rule
def test_keys_that_repeat_lose_no_digits(name: str, kind: str) -> None:
    rule, T = make(name), 70
    k, v, g = keys(kind, rule, T), tokens(rule, T)[1], gates(rule, T, decay=8.0, others=6.0)
    assert_fast_is_slow(rule, begun(rule), (k, v, g))
    exact, _ = outcome(rule, begun(rule), (k, v, g), fast=True)
    single = mapped(begun(rule), lambda x: x.float())
    close, found = outcome(make(name, torch.float32), single, (k.float(), v.float(), g.float()), fast=True)
    assert all(x.isfinite().all() for x in found)
    assert all(near(mine, other, 1e-5) for mine, other in zip(close, exact, strict=True))


@every_rule
def test_strong_decay_keeps_single_precision_finite_and_close(name: str) -> None:
    rule, T = make(name, torch.float32), 70
    k, v, g = tokens(rule, T)
    logits = torch.where(randoms(8, *g.shape) < 0, -40.0, 3.0)
    exact, wanted = outcome(make(name), begun(make(name)), (k, v, logits.double()), fast=True)
    M = mapped(begun(make(name)), lambda x: x.float())
    close, found = outcome(rule, M, (k.float(), v.float(), logits.float()), fast=True)
    assert all(near(mine, other, 1e-5) for mine, other in zip([*close, *found], [*exact, *wanted], strict=True))


@pytest.mark.parametrize("cut", [1, 31, 32, 37])
@every_rule
def test_two_writes_are_one(name: str, cut: int) -> None:
    rule = make(name)
    inputs = tokens(rule, 70)
    multiply, end = rule.write(begun(rule), *inputs)
    first, between = rule.write(begun(rule), *(x[:, :, :cut] for x in inputs))
    second, last = rule.write(between, *(x[:, :, cut:] for x in inputs))
    for layer, x in enumerate(asked(rule, 70, torch.float64)):
        pieces = torch.cat([first(layer, x[:, :, :cut]), second(layer, x[:, :, cut:])], dim=2)
        assert torch.allclose(pieces, multiply(layer, x), atol=1e-10)
    for mine, other in zip(tensors(last), tensors(end), strict=True):
        assert torch.allclose(mine, other, atol=1e-10)


@every_rule
def test_a_write_may_be_multiplied_by_twice(name: str) -> None:
    rule = make(name)
    multiply, _ = rule.write(begun(rule), *tokens(rule, 37))
    for layer, x in enumerate(asked(rule, 37, torch.float64)):
        assert torch.equal(multiply(layer, x), multiply(layer, x))
        assert torch.allclose(multiply(layer, 2 * x), 2 * multiply(layer, x), atol=1e-12)


@every_rule
def test_a_write_leaves_what_it_is_given_as_it_is(name: str) -> None:
    rule = make(name)
    M, inputs = begun(rule), tokens(rule, 37)
    before = mapped((M, inputs), lambda x: x.clone())
    rule.write(M, *inputs)
    rule.step(M, *(x[:, :, 0] for x in inputs))
    assert all(torch.equal(a, b) for a, b in zip(tensors((M, inputs)), tensors(before), strict=True))


@every_rule
def test_the_size_of_a_memory_is_counted_from_its_tensors(name: str) -> None:
    rule = make(name)
    M = rule.start(torch.zeros(3, 1, dtype=torch.float64))
    assert rule.floats() == num_floats(M)
    assert all(x.isfinite().all() and x.shape[:2] == (3, H) and x.dtype == torch.float64 for x in tensors(M))
    assert len(rule.matrices(M)) == rule.depth
    assert rule.matrix_floats() == num_floats(rule.matrices(M))
    for end in (rule.write(M, *(x[:1].expand(3, -1, -1, -1) for x in tokens(rule, 37)))[1], begun(rule)):
        assert rule.floats() == num_floats(end)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.gates or name == "linear"])
def test_a_decay_of_1_and_strengths_of_0_change_no_matrix(name: str) -> None:
    rule, M = make(name), begun(make(name))
    k, v, _ = tokens(rule, 37)
    if not rule.gates:
        k = torch.zeros_like(k)  # what writes without a gate declines by its key
    multiply, end = rule.write(M, k, v, gates(rule, 37, decay=800.0, others=-800.0))
    for before, after in zip(rule.matrices(M), rule.matrices(end), strict=True):
        assert torch.allclose(before, after, atol=1e-12)
    for layer, x in enumerate(asked(rule, 37, torch.float64)):
        assert torch.allclose(multiply(layer, x), multiplier(rule.matrices(M))(layer, x), atol=1e-12)


@every_rule
def test_gates_begin_at_their_bias(name: str) -> None:
    rule = make(name)
    read = Gates(8, rule).double()(torch.zeros(B, 5, 8, dtype=torch.float64))
    assert torch.allclose(read, gates(rule, 5), atol=1e-6)


def test_biases_of_gates_are_these() -> None:
    assert {name: [bias for _, bias in kind.gates] for name, kind in RULES.items()} == {
        "linear": [], "gated": [6, 2], "swla": [6, -2, 2], "delta": [-2], "gated_delta": [6, -2],
        "dla": [-2], "titans": [8, 0, -2],
    }  # fmt: skip


@pytest.mark.parametrize("form", ["plain", "grm"])
@every_rule
def test_queries_and_keys_have_unit_length_where_the_papers_have_them_so(
    name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: Any = build_memory(MEMORIES["grm"], 8, heads=2, base=name) if form == "grm" else MEMORIES[name](8, heads=2)
    projected = tuple(randoms(seed, B, 2, 9, 4) for seed in (1, 2, 3))
    monkeypatch.setattr(memory.project, "forward", lambda x, recent: (projected, recent))
    for part, found, plain in zip("qkv", memory.double().inputs(randoms(4, B, 9, 8), None), projected, strict=False):
        if part != "v" and name in ("delta", "gated_delta", "dla", "titans"):
            assert torch.allclose(found, plain / plain.norm(dim=-1, keepdim=True), atol=1e-4)
        else:
            assert torch.equal(found, plain)


def answers(name: str, inputs: tuple[Tensor, Tensor], x: Tensor, **logits: float) -> Tensor:
    """What a fresh rule answers x at its gates, given by name."""
    rule = make(name, size=inputs[0].shape[-1])
    T = x.shape[2]
    multiply, _ = rule.write(rule.start(torch.zeros(B, 1, dtype=torch.float64)), *inputs, gates(rule, T, **logits))
    return multiply(0, x)


def pairs(T: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
    return (unit(randoms(1, B, H, T, K)), randoms(2, B, H, T, K)), randoms(3, B, H, T, K)


ON, OFF = 800.0, -800.0


def test_gated_without_decay_at_full_strength_is_linear() -> None:
    inputs, x = pairs(70)
    gated = answers("gated", inputs, x, decay=ON, strength=ON)
    assert torch.allclose(gated, answers("linear", inputs, x), atol=1e-12)


def test_gated_at_a_decay_of_0_knows_the_last_pair_alone() -> None:
    (k, v), x = pairs(40)
    expected = (x * k).sum(-1, keepdim=True) * v
    assert torch.allclose(answers("gated", (k, v), x, decay=OFF, strength=ON), expected, atol=1e-12)


def test_a_gated_pair_fades_by_every_decay_after_it() -> None:
    (k, v), x = pairs(40)
    alpha = torch.tensor(3.0, dtype=torch.float64).sigmoid()
    t = torch.arange(40)
    weight = (alpha ** (t[:, None] - t).double()).tril() * torch.tensor(-1.0, dtype=torch.float64).sigmoid()
    expected = ((x @ k.mT) * weight) @ v
    assert torch.allclose(answers("gated", (k, v), x, decay=3.0, strength=-1.0), expected, atol=1e-12)


def test_a_window_without_the_previous_pair_is_gated() -> None:
    inputs, x = pairs(70)
    swla = answers("swla", inputs, x, decay=3.0, previous=OFF, strength=1.0)
    assert torch.allclose(swla, answers("gated", inputs, x, decay=3.0, strength=1.0), atol=1e-12)


def test_a_window_of_the_previous_pair_alone_is_gated_one_token_late() -> None:
    (k, v), x = pairs(70)
    late = tuple(F.pad(a, (0, 0, 1, 0))[:, :, :-1] for a in (k, v))
    swla = answers("swla", (k, v), x, decay=3.0, previous=1.0, strength=OFF)
    assert torch.allclose(swla, answers("gated", (late[0], late[1]), x, decay=3.0, strength=1.0), atol=1e-12)


def test_delta_with_orthonormal_keys_is_linear() -> None:
    (_, v), x = pairs(K)
    k = torch.linalg.qr(randoms(4, B, H, K, K)).Q
    assert torch.allclose(answers("delta", (k, v), x, strength=ON), answers("linear", (k, v), x), atol=1e-12)


def test_delta_overwrites_where_linear_adds() -> None:
    (k, v), _ = pairs(2)
    k = (k / k.norm(dim=-1, keepdim=True))[:, :, :1].repeat(1, 1, 2, 1)
    assert torch.allclose(answers("delta", (k, v), k, strength=ON), v, atol=1e-12)
    assert torch.allclose(answers("linear", (k, v), k)[:, :, 1], v.sum(2), atol=1e-12)


def test_delta_of_strength_0_keeps_what_it_holds() -> None:
    (k, v), x = pairs(40)
    rule, S = Delta(H, K), randoms(5, B, H, K, K)
    multiply, end = rule.write(Sum(S), k, v, gates(rule, 40, strength=OFF))
    assert torch.equal(end.S, S)
    assert torch.allclose(multiply(0, x), x @ S, atol=1e-12)


def test_delta_comes_to_know_as_many_keys_as_it_has_rows() -> None:
    """Any K independent keys, shown often enough, answer exactly: a sum of them never does."""
    (k, v), _ = pairs(K)
    again = tuple(a.repeat(1, 1, 2000, 1) for a in (torch.linalg.qr(k).Q + 0.1 * k, v))
    k, v = unit(again[0]), again[1]
    assert torch.allclose(answers("delta", (k, v), k, strength=ON)[:, :, -K:], v[:, :, -K:], atol=1e-6)
    assert not torch.allclose(answers("linear", (k, v), k)[:, :, -K:] / 2000, v[:, :, -K:], atol=1e-2)


def test_gated_delta_without_decay_is_delta() -> None:
    inputs, x = pairs(70)
    for strength in (-2.0, 1.0, ON):
        gated = answers("gated_delta", inputs, x, decay=ON, strength=strength)
        assert torch.allclose(gated, answers("delta", inputs, x, strength=strength), atol=1e-12)


def test_gated_delta_measures_its_error_after_the_decay() -> None:
    (k, v), _ = pairs(2)
    k = (k / k.norm(dim=-1, keepdim=True))[:, :, :1].repeat(1, 1, 2, 1)
    half, beta = 0.5, torch.tensor(1.0, dtype=torch.float64).sigmoid()
    first = beta * v[:, :, 0]
    second = half * first + beta * (v[:, :, 1] - half * first)
    read = answers("gated_delta", (k, v), k, decay=0.0, strength=1.0)
    assert torch.allclose(read, torch.stack([first, second], dim=2), atol=1e-12)


def test_steps_of_ones_own_are_not_written_by_the_fast_form_of_another() -> None:
    class Doubling(Additive):
        def step(self, M: Sum, k: Tensor, v: Tensor, g: Tensor) -> Sum:
            return Sum(2 * M.S + torch.einsum("bhk,bhv->bhkv", k, v))

    class Doubled(Recurrent):
        kind = Doubling

    assert Doubling.write is Rule.write
    assert GatedAdditive.write is not Rule.write
    memory, x = Doubled(8).double(), torch.randn(2, 9, 8, dtype=torch.float64)
    assert torch.allclose(memory(x)[0], memory.definition(x)[0], atol=1e-12)


def test_a_memory_without_a_rule_is_told_so() -> None:
    with pytest.raises(ValueError, match="names no rule"):
        type("Half", (Recurrent,), {})(8)
