"""What holds of memories whose weights learn by gradient descent: DLA and Titans. That fast form and definition
agree is in `test_rules.py`.
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.inner_loop import Bend, bound
from models.memories.deep import Deep
from models.memories.dla import DeepAdditive
from models.memories.linear import Additive, Sum
from models.memories.titans import Surprise, TitansState
from models.memory import num_floats
from models.rule import Open, multiplier, unit

torch.set_num_threads(1)
B, H, K = 2, 2, 4
ON, OFF = 800.0, -800.0
Weights = tuple[Tensor, ...]
both = pytest.mark.parametrize("kind", [DeepAdditive, Surprise], ids=["dla", "titans"])


def make(kind: type[Deep], inner: int = 1, size: int = K, unbounded: bool = False) -> Deep:
    torch.manual_seed(1)
    return kind(H, size, inner=inner, unbounded=unbounded).double()


def pairs(T: int, size: int = K, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    k, v = (torch.randn(B, H, T, size, dtype=torch.float64, generator=draw) for _ in range(2))
    return unit(k), v / v.square().mean(-1, keepdim=True).sqrt() / 2


def gates(rule: Deep, T: int, **logits: float) -> Tensor:
    """Without decay and momentum unless told otherwise, at a rate of 1/(2 F)."""
    values = {"decay": ON, "momentum": OFF, "rate": 0.0} | logits
    return torch.tensor([values[name] for name, _ in rule.gates], dtype=torch.float64).expand(B, H, T, -1)


def start(rule: Deep) -> Open:
    return rule.start(torch.zeros(B, 1, dtype=torch.float64))


def answer(weights: Weights, x: Tensor) -> Tensor:
    return x + F.gelu(x @ weights[0]) @ weights[1]


def loss(rule: Deep, weights: Weights, k: Tensor, v: Tensor) -> Tensor:
    """The papers' loss, of every token [B, H, T]."""
    said = answer(weights, k)
    return -(said * v).sum(-1) if isinstance(rule, DeepAdditive) else (said - v).square().sum(-1)


def slope(rule: Deep, weights: Weights, k: Tensor, v: Tensor) -> Weights:
    """The gradient of the loss of tokens k, v [B, H, T, K] by autograd."""
    held = tuple(W.detach().requires_grad_() for W in weights)
    return torch.autograd.grad(loss(rule, held, k, v).sum(), held)


def assert_close(mine: Weights, other: Weights, atol: float = 1e-12) -> None:
    assert all(torch.allclose(a, b, atol=atol, rtol=0) for a, b in zip(mine, other, strict=True))


@both
def test_every_token_is_a_step_of_gradient_descent(kind: type[Deep]) -> None:
    rule, (k, v) = make(kind), pairs(6)
    M = start(rule)
    weights, g = rule.matrices(M), gates(rule, 1)[:, :, 0]
    for t in range(6):
        M = rule.step(M, k[:, :, t], v[:, :, t], g)
        found = slope(rule, weights, k[:, :, t : t + 1], v[:, :, t : t + 1])
        weights = tuple(W - 0.5 / rule.wide * dW for W, dW in zip(weights, found, strict=True))
        assert_close(rule.matrices(M), weights)


@both
def test_the_tokens_of_an_inner_chunk_are_one_batch(kind: type[Deep]) -> None:
    rule, (k, v) = make(kind, inner=4), pairs(12)
    weights = rule.matrices(start(rule))
    for n in range(0, 12, 4):
        chunk = slice(n, n + 4)
        found = slope(rule, weights, k[:, :, chunk], v[:, :, chunk])
        weights = tuple(W - 0.5 / rule.wide * dW for W, dW in zip(weights, found, strict=True))
    _, M = rule.write(start(rule), k, v, gates(rule, 12))
    assert_close(rule.matrices(M), weights)


@both
def test_online_descent_sees_what_the_chunk_before_it_wrote(kind: type[Deep]) -> None:
    (k, v), ends = pairs(4), []
    for inner in (1, 4):
        rule = make(kind, inner)
        ends.append(rule.matrices(rule.write(start(rule), k, v, gates(rule, 4))[1]))
    assert not torch.allclose(ends[0][0], ends[1][0], atol=1e-6)


def test_titans_learns_what_dla_would_without_what_it_knows() -> None:
    """grad |M(k) - v|^2 is twice that of -<M(k), v> with the answer M(k) taken from v."""
    titans, dla, (k, v) = make(Surprise), make(DeepAdditive), pairs(1)
    weights = titans.matrices(start(titans))
    unknown = (v - answer(weights, k)) / 4  # in the range in which neither shortens it
    target = (answer(weights, k) + unknown)[:, :, 0]
    added = dla.step(start(dla), k[:, :, 0], unknown[:, :, 0], gates(dla, 1)[:, :, 0])
    learned = titans.step(start(titans), k[:, :, 0], target, gates(titans, 1)[:, :, 0])
    for before, after, once in zip(weights, titans.matrices(learned), dla.matrices(added), strict=True):
        assert torch.allclose(after - before, 2 * (once - before), atol=1e-12)


def test_the_second_layer_of_dla_is_linear_attention_over_hidden_keys() -> None:
    rule, (k, v) = make(DeepAdditive, inner=8), pairs(8)
    W1, W2 = rule.matrices(start(rule))
    multiply, _ = rule.write(start(rule), k, v, gates(rule, 8))
    hidden, x = F.gelu(k @ W1), torch.randn(B, H, 8, rule.wide, dtype=torch.float64)
    linear, _ = Additive(H, K).write(Sum(W2), hidden, v * 0.5 / rule.wide, torch.empty(B, H, 8, 0))
    plain = x @ W2 + ((x @ hidden.mT).tril() @ v) * 0.5 / rule.wide
    assert torch.allclose(multiply(1, x), plain, atol=1e-12)
    assert torch.allclose(linear(0, x), plain, atol=1e-12)


@both
@pytest.mark.parametrize("inner", [1, 4])
def test_the_inner_loss_falls_while_pairs_repeat(kind: type[Deep], inner: int) -> None:
    rule, (k, v) = make(kind, inner), pairs(4)
    M = start(rule)
    losses = [loss(rule, rule.matrices(M), k, v).sum(-1)]
    for _ in range(12):
        _, M = rule.write(M, k, v, gates(rule, 4, rate=-2.0))
        losses.append(loss(rule, rule.matrices(M), k, v).sum(-1))
    assert (torch.stack(losses).diff(dim=0) < 0).all()
    if kind is Surprise:
        assert (losses[-1] < 0.3 * losses[0]).all()


def test_a_chunk_of_one_token_over_and_over_does_not_overshoot() -> None:
    """At the gates a memory begins with, of the size it is used at."""
    rule, (k, v) = make(Surprise, inner=16, size=32), pairs(1, size=32)
    M, g = start(rule), gates(rule, 16, **dict(rule.gates))
    errors = [loss(rule, rule.matrices(M), k, v)]
    for _ in range(6):
        _, M = rule.write(M, k.repeat(1, 1, 16, 1), v.repeat(1, 1, 16, 1), g)
        errors.append(loss(rule, rule.matrices(M), k, v))
    assert (errors[1] < errors[0]).all()
    assert (errors[-1] < 0.1 * errors[0]).all()


@both
def test_weights_of_zero_never_learn(kind: type[Deep]) -> None:
    rule, (k, v) = make(kind, inner=4), pairs(20)
    with torch.no_grad():
        rule.W1.zero_()
        rule.W2.zero_()
    multiply, M = rule.write(start(rule), k, v, gates(rule, 20))
    assert not any(W.any() for W in rule.matrices(M))
    assert torch.equal(rule.read(multiply, k), k)


def moved(rule: Deep, momentum: float) -> tuple[TitansState, Weights]:
    """A memory after one token of this momentum from rest, and the gradient the token had."""
    k, v = pairs(1)
    M = rule.step(start(rule), k[:, :, 0], v[:, :, 0], gates(rule, 1, momentum=momentum)[:, :, 0])
    return M, slope(rule, rule.matrices(start(rule)), k, v)


def test_surprise_goes_on_when_nothing_surprises() -> None:
    rule, (k, v) = make(Surprise), pairs(5)
    M, _ = moved(rule, 1.0)
    beta = torch.tensor(1.0, dtype=torch.float64).sigmoid()
    for t in range(5):
        after = rule.step(M, k[:, :, t], v[:, :, t], gates(rule, 1, momentum=1.0, rate=OFF)[:, :, 0])
        assert_close((after.S1, after.S2), (beta * M.S1, beta * M.S2))
        assert_close((after.W1 - M.W1, after.W2 - M.W2), (beta * M.S1, beta * M.S2))
        M = after


@pytest.mark.parametrize("momentum", [OFF, -1.0, 0.0, 2.0])
def test_momentum_spreads_a_gradient_and_adds_nothing(momentum: float) -> None:
    rule = make(Surprise, inner=16)
    M, gradient = moved(rule, momentum)
    k = torch.zeros(B, H, 400, K, dtype=torch.float64)
    _, end = rule.write(M, k, k, gates(rule, 400, momentum=momentum, rate=OFF))
    before = rule.matrices(start(rule))
    assert_close(rule.matrices(end), tuple(W - 0.5 / rule.wide * dW for W, dW in zip(before, gradient, strict=True)))


def test_decay_of_0_forgets_everything_the_empty_memory_too() -> None:
    rule, (k, v) = make(Surprise, inner=4), pairs(6)
    _, M = rule.write(start(rule), k, v, gates(rule, 6))
    M = rule.step(M, k[:, :, 0], v[:, :, 0], gates(rule, 1, decay=OFF, rate=OFF)[:, :, 0])
    assert torch.equal(rule.read(multiplier(rule.matrices(M)), k), k)


def test_only_weights_are_read() -> None:
    rule, (k, v) = make(Surprise, inner=4), pairs(6)
    _, M = rule.write(start(rule), k, v, gates(rule, 6, momentum=1.0))
    other = M._replace(S1=M.S1 + 1, S2=M.S2 - 1, begun1=M.begun1 * 2, begun2=M.begun2 * 2)
    assert torch.equal(rule.read(multiplier(rule.matrices(other)), k), rule.read(multiplier(rule.matrices(M)), k))
    assert torch.allclose(rule.read(multiplier(rule.matrices(M)), k), answer((M.W1, M.W2), k), atol=1e-12)


def test_the_slope_of_the_activation_is_its_derivative() -> None:
    z = torch.linspace(-6, 6, 25, dtype=torch.float64, requires_grad=True)
    h, slope = Bend.apply(z)  # type: ignore[no-untyped-call]
    assert torch.allclose(h, F.gelu(z), atol=1e-14)
    (found,) = torch.autograd.grad(F.gelu(z).sum(), z)
    assert torch.allclose(slope, found, atol=1e-14)
    assert torch.autograd.gradcheck(Bend.apply, z)


def test_errors_are_shortened_beyond_the_limit_alone() -> None:
    e = torch.tensor([[0.1, -0.2], [2.9, 0.0], [3.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    short = bound(e, 2.1)  # a length of 2.1 sqrt(2) = 2.97
    assert torch.equal(short[[0, 1, 3]], e[[0, 1, 3]])
    assert torch.allclose(short[2], e[2] * 2.1 * 2**0.5 / 5, atol=1e-9)


@pytest.mark.parametrize("unbounded", [False, True])
@pytest.mark.parametrize("rms", [0.5, 3.99, 4.01, 400.0])
def test_a_token_of_titans_learns_by_the_paper_s_gradient_up_to_an_error_of_4(rms: float, unbounded: bool) -> None:
    """Beyond it, the step is that of an error of 4 in the same direction, unless nothing is to be shortened."""
    rule, (k, direction) = make(Surprise, unbounded=unbounded), pairs(1)
    weights = rule.matrices(start(rule))
    direction = direction * 2  # of root mean square 1
    said = answer(weights, k)
    found = slope(rule, weights, k, said - (rms if unbounded else min(rms, 4.0)) / 2 * direction)
    _, M = rule.write(start(rule), k, said - rms / 2 * direction, gates(rule, 1))
    assert_close(rule.matrices(M), tuple(W - 0.5 / rule.wide * dW for W, dW in zip(weights, found, strict=True)))


@pytest.mark.parametrize("unbounded", [False, True])
def test_dla_written_in_loops(unbounded: bool) -> None:
    """Each limit, 1 of values and 4 of hidden numbers and their gradients, binds for some of the tokens."""
    rule, (keys, values) = make(DeepAdditive, unbounded=unbounded), pairs(8)
    k, v = (x * torch.linspace(0.2, size, 8)[:, None] for x, size in ((keys, 30.0), (values, 3.0)))
    begun = W1, W2 = tuple(factor * W for factor, W in zip((1, 20), rule.matrices(start(rule)), strict=True))
    _, M = rule.write(rule.carry(begun, None, begun, 0), k, v, gates(rule, 8))
    first, second, wide, reached = W1[0, 0].tolist(), W2[0, 0].tolist(), range(rule.wide), set()

    def short(name: str, x: list[float], limit: float) -> list[float]:
        longest, length = limit * len(x) ** 0.5, math.hypot(*x)
        reached.add((name, length > longest))
        return x if unbounded or length <= longest else [value * longest / length for value in x]

    for k_t, v_t in zip(k[0, 0].tolist(), v[0, 0].tolist(), strict=True):
        z = [sum(k_t[i] * first[i][f] for i in range(K)) for f in wide]
        Phi = [(1 + math.erf(a / 2**0.5)) / 2 for a in z]
        bends = [P + a * math.exp(-a * a / 2) / (2 * math.pi) ** 0.5 for a, P in zip(z, Phi, strict=True)]
        e = short("e", [-x for x in v_t], 1)
        d = short("d", [sum(second[f][i] * e[i] for i in range(K)) * bends[f] for f in wide], 4)
        h = short("h", [a * P for a, P in zip(z, Phi, strict=True)], 4)
        first = [[first[i][f] - k_t[i] * d[f] / 2 / rule.wide for f in wide] for i in range(K)]
        second = [[second[f][i] - h[f] * e[i] / 2 / rule.wide for i in range(K)] for f in wide]
    assert reached == {(name, binds) for name in "edh" for binds in (False, True)}
    for mine, other in zip(rule.matrices(M), (first, second), strict=True):
        assert torch.allclose(mine[0, 0], torch.tensor(other, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@both
def test_where_no_limit_is_reached_none_is_felt(kind: type[Deep]) -> None:
    k, v = pairs(20)
    ends = [
        rule.matrices(rule.write(start(rule), k, v, gates(rule, 20))[1])
        for rule in (make(kind, inner=4, unbounded=unbounded) for unbounded in (False, True))
    ]
    assert all(torch.equal(mine, other) for mine, other in zip(*ends, strict=True))


@both
@pytest.mark.parametrize("repeat", [False, True])
def test_long_rows_of_large_numbers_stay_finite(kind: type[Deep], repeat: bool) -> None:
    """At the full rate: weights of DLA grow by a factor of e every expansion sqrt(K) tokens at most."""
    rule, (k, v) = make(kind, inner=16).float(), pairs(1 if repeat else 512)
    k, v = (x.float().expand(-1, -1, 512, -1) for x in (k, v * 1e3))
    for logits in ({"rate": ON}, {"rate": ON, "momentum": 3.0}, {"rate": ON, "decay": 3.0}):
        multiply, M = rule.write(rule.start(torch.zeros(B, 1)), k, v, gates(rule, 512, **logits).float())
        assert all(x.isfinite().all() for x in (*rule.matrices(M), rule.read(multiply, k)))


@both
def test_the_state_is_weights_momentum_and_those_its_chunk_began_with(kind: type[Deep]) -> None:
    rule = make(kind, inner=4)
    M = start(rule)
    assert num_floats(M) == rule.floats() == (6 if kind is Surprise else 4) * H * K * rule.wide
    _, M = rule.write(M, *pairs(6), gates(rule, 6))
    assert M.tokens == 2
    assert num_floats(M) == rule.floats()


@pytest.mark.parametrize("option", ["expansion", "inner"])
@both
def test_sizes_that_cannot_be_are_refused(kind: type[Deep], option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} is 0: a deep memory takes at least 1"):
        kind(H, K, **{option: 0})
