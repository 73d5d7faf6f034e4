"""HiPPO: matrices against the integrals they come from, rules against exact steps, memories against projections."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.polynomial.laguerre import laggauss
from numpy.polynomial.legendre import leggauss
from scipy.linalg import expm

from models.hippo import discretise, invariant, legendre, matrices, measures, reconstruct, tensors
from models.hippo.legendre import Array
from models.memories.hippo import HiPPO
from models.memories.lmu import LMU
from models.memories.lmu_parallel import CHUNK, ParallelLMU

torch.set_num_threads(1)
RNG = np.random.default_rng(0)
INVARIANT = ("legt", "lmu", "lagt", "fourier")


def sines(count: int, x: Array) -> Array:
    return np.sum([np.sin(2 * np.pi * k * x) for k in range(1, count + 1)], axis=0)


def window(points: int) -> tuple[Array, Array]:
    """Nodes and weights of an integral over the ages 0 .. 1."""
    nodes, weights = leggauss(points)
    return (nodes + 1) / 2, weights / 2


# Matrices


def test_entries_of_the_matrices() -> None:
    s3, s5, s15, s2 = (math.sqrt(x) for x in (3, 5, 15, 2))
    A, B = matrices.legs(3)
    assert np.allclose(A, [[-1, 0, 0], [-s3, -2, 0], [-s5, -s15, -3]])
    assert np.allclose(B, [1, s3, s5])
    A, B = matrices.legt(3)
    assert np.allclose(A, [[-1, s3, -s5], [-s3, -3, s15], [-s5, -s15, -5]])
    assert np.allclose(B, [1, s3, s5])
    A, B = matrices.lmu(3)
    assert np.allclose(A, [[-1, -1, -1], [3, -3, -3], [-5, 5, -5]])
    assert np.allclose(B, [1, -3, 5])
    A, B = matrices.lagt(3)
    assert np.allclose(A, [[-0.5, 0, 0], [-1, -0.5, 0], [-1, -1, -0.5]])
    assert np.allclose(B, 1)
    A, B = matrices.lagt(3, tilt=1)
    assert np.allclose(A, -np.tri(3))
    A, B = matrices.fout(4)
    assert np.allclose(A, [[-2, 0, -2 * s2, 0], [0, 0, 0, 0], [-2 * s2, 0, -4, -2 * np.pi], [0, 0, 2 * np.pi, 0]])
    assert np.allclose(B, [2, 0, 2 * s2, 0])


@pytest.mark.parametrize("N", [1, 5, 32])
def test_a_constant_is_at_rest(N: int) -> None:
    A, B = matrices.legs(N)
    assert np.allclose(A[:, 0], -B)
    A, B = matrices.legt(N)
    assert np.allclose(A[:, 0], -B)
    A, B = matrices.fout(2 * N)
    assert np.allclose(A[:, 0], -B)


def cubic(x: Array) -> tuple[Array, Array]:
    return 3 * x**3 - x + 0.5, 9 * x**2 - 1


def periodic(x: Array) -> tuple[Array, Array]:
    turn = 2 * np.pi
    return 0.3 + np.cos(turn * x) + np.sin(2 * turn * x), turn * (2 * np.cos(2 * turn * x) - np.sin(turn * x))


@pytest.mark.parametrize(
    ("pair", "basis", "f"),
    [
        (matrices.legt, reconstruct.legs, cubic),
        (matrices.fout, reconstruct.fourier, periodic),
        (matrices.fourier_decay, reconstruct.fourier, periodic),
    ],
)
def test_a_window_follows_the_equation_of_its_integrals(pair: Any, basis: Any, f: Any) -> None:
    """c_n = int_0^1 f(t - a) g_n(a) da, so dc/dt is the same integral of f'; here theta = 1, t = 0.7."""
    N = 6
    ages, weights = window(40)
    values, slopes = f(0.7 - ages)
    c, moving = ((signal * weights) @ basis(N, ages) for signal in (values, slopes))
    A, B = pair(N)
    assert np.allclose(A @ c + B * f(np.array(0.7))[0], moving, atol=1e-10)


@pytest.mark.parametrize("tilt", [0.0, 0.3, 1.0])
def test_laguerre_follows_the_equation_of_its_integrals(tilt: float) -> None:
    nodes, weights = laggauss(60)
    ages, weights = 2 * nodes / (1 + tilt), weights * 2 / (1 + tilt)  # for exp(-(1 + tilt) age / 2)
    L = reconstruct.lagt(5, ages, tilt=1)
    c, moving = ((signal * weights) @ L for signal in (np.cos(0.7 - ages), -np.sin(0.7 - ages)))
    A, B = matrices.lagt(5, tilt)
    assert np.allclose(A @ c + B * np.cos(0.7), moving, atol=1e-9)
    ages, weights = laggauss(60)
    basis = reconstruct.lagt(5, ages, tilt)
    gram = basis.T @ (basis * (weights * np.exp((1 - tilt) * ages))[:, None])  # under exp(-tilt age)
    assert np.allclose(gram, np.eye(5), atol=1e-9)


def test_legs_follows_the_equation_of_its_integrals() -> None:
    """c_n = int_0^1 f(t (1 - a)) g_n(a) da, so t dc/dt has the slope t (1 - a) f'."""
    N, t = 6, 2.3
    ages, weights = window(40)
    values, slopes = periodic(t * (1 - ages))
    c, moving = ((s * weights) @ reconstruct.legs(N, ages) for s in (values, slopes * t * (1 - ages)))
    A, B = matrices.legs(N)
    assert np.allclose(A @ c + B * periodic(np.array(t))[0], moving, atol=1e-8)


def test_a_damped_spectrum_has_its_kernel_in_closed_form() -> None:
    Abar, Bbar = matrices.foud(6, decay=0.5)
    for age in (0.0, 0.3, 2.7):
        exact = reconstruct.fourier(6, np.array(age)) * math.exp(-age / 4)
        assert np.allclose(expm(age * Abar) @ Bbar, exact, atol=1e-12)


def test_the_lmu_is_legt_in_other_units() -> None:
    N = 9
    (A, B), (A_lmu, B_lmu) = matrices.legt(N), matrices.lmu(N)
    units = matrices.signs(N) * matrices.roots(N)
    assert np.allclose(units[:, None] * A / units, A_lmu)
    assert np.allclose(units * B, B_lmu)
    legt, lmu = (measures.write_weights(name, N, 20, 50) for name in ("legt", "lmu"))
    assert np.allclose(units[:, None] * legt, lmu, atol=1e-12)
    ages = np.linspace(0, 1, 7)
    assert np.allclose(reconstruct.legs(N, ages) @ legt, reconstruct.lmu(N, ages) @ lmu, atol=1e-11)


def test_cosines_without_their_sines_are_refused() -> None:
    with pytest.raises(ValueError, match="must be even, not 5"):
        matrices.fout(5)
    with pytest.raises(ValueError, match="even order"):
        HiPPO(8, order=5, measure="fourier")
    with pytest.raises(ValueError, match=r"between 0 and 1, not 1\.5"):
        matrices.lagt(4, tilt=1.5)


# Rules


@pytest.mark.parametrize("name", INVARIANT)
@pytest.mark.parametrize(("N", "theta"), [(8, 20), (64, 16)])
def test_held_steps_are_matrix_exponentials(name: str, N: int, theta: int) -> None:
    A, B = measures.MEASURES[name].matrices(N)
    Abar, Bbar = discretise.discretise(A, B, 1 / theta)
    assert np.allclose(Abar, expm(A / theta), atol=1e-11)
    halves, weights = window(200)
    held = sum(w * expm(A * (s / theta)) @ B / theta for s, w in zip(halves, weights, strict=True))
    assert N > 8 or np.allclose(Bbar, held, atol=1e-12)
    assert np.allclose(A @ Bbar, (Abar - np.eye(N)) @ B, atol=1e-8)


def test_rules_of_one_coefficient() -> None:
    A, B = -np.eye(1), np.ones(1)
    for rule, kept in (("forward", 0.9), ("bilinear", 0.95 / 1.05), ("backward", 1 / 1.1), ("zoh", math.exp(-0.1))):
        Abar, Bbar = discretise.discretise(A, B, 0.1, rule)
        assert Abar.item() == pytest.approx(kept)
        assert Bbar.item() == pytest.approx(1 - kept)


@pytest.mark.parametrize(("rule", "order"), [("forward", 1), ("backward", 1), ("bilinear", 2)])
def test_rules_come_closer_at_the_speed_of_their_order(rule: str, order: int) -> None:
    A, B = matrices.legt(4)
    errors = []
    for steps in (400, 800):
        ends = [
            np.linalg.matrix_power(discretise.discretise(A, B, 1 / steps, name)[0], steps) for name in (rule, "zoh")
        ]
        errors.append(np.abs(ends[0] - ends[1]).max())
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.03)


@pytest.mark.parametrize(
    ("rule", "step", "mend"), [("euler", 0.1, "forward, bilinear, backward, zoh"), ("zoh", 0.0, "longer than 0")]
)
def test_steps_that_cannot_be_are_refused(rule: str, step: float, mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        discretise.discretise(*matrices.legt(3), step, rule)


def test_forward_euler_leaves_single_precision_and_held_steps_do_not() -> None:
    f = sines(5, legendre.uniform(40))
    for rule, largest in (("forward", math.inf), ("zoh", 10)):
        sizes = [np.abs(discretise.legs_run(64, f[:T], rule, first=1)).max() for T in range(20, 40, 4)]
        assert max(sizes) > torch.finfo(torch.float32).max if rule == "forward" else max(sizes) < largest
    for N, theta, radius in ((64, 256, 1.07), (256, 1024, 2.3)):
        A, B = matrices.lmu(N)
        Abar, _ = discretise.discretise(A, B, 1 / theta, "forward")
        assert np.abs(np.linalg.eigvals(Abar)).max() == pytest.approx(radius, abs=0.05)
        assert np.abs(np.linalg.eigvals(measures.step("lmu", N, theta)[0])).max() < 1


@pytest.mark.parametrize(
    ("N", "T", "expected"),
    [
        (16, 64, {"zoh": 0.361, "bilinear": 0.310, "backward": 0.525, "forward": 2.28}),
        (64, 64, {"zoh": 0.729, "bilinear": 1.32, "backward": 0.859, "forward": 5e17}),
        (64, 256, {"zoh": 0.377, "bilinear": 0.542, "backward": 0.765, "forward": 600}),
    ],
)
def test_steps_from_an_empty_first_token_are_this_far_from_the_projection(
    N: int, T: int, expected: dict[str, float]
) -> None:
    """Over all signals at once, as white noise has them: relative norms of the maps from signal to coefficients."""
    exact = legendre.write_weights(N, T)

    def off(rule: str, first: int) -> float:
        return float(np.linalg.norm(discretise.legs_run(N, np.eye(T), rule, first) - exact) / np.linalg.norm(exact))

    assert off("zoh", 0) < 1e-10
    for rule, error in expected.items():
        assert off(rule, 1) == pytest.approx(error, rel=0.1 if error < 10 else 0.5)
    assert expected["zoh"] < expected["backward"] < expected["forward"] > expected["bilinear"]


TABLE = [(1, "zoh", 1.2e-5), (3, "zoh", 2.3e-4), (5, "zoh", 9.8e-4)]
TABLE += [(5, "forward", 3.3e-3), (5, "backward", 2.9e-3), (5, "bilinear", 4.8e-4)]


@pytest.mark.parametrize(("count", "rule", "published"), TABLE)
def test_the_published_errors_are_those_of_an_empty_first_token(count: int, rule: str, published: float) -> None:
    """Table 12 of Elastic Memory (arXiv 2602.11212), N = 32, T = 1024, to its two digits."""
    f = sines(count, reconstruct.POINTS["left"](1024))
    c = discretise.legs_run(32, f, rule, first=1)
    assert float(f"{reconstruct.legs_error(f, c, 'ends'):.1e}") == published


def test_held_tokens_read_at_their_middles_are_ten_thousand_times_closer() -> None:
    f = sines(5, legendre.uniform(1024))
    error = {rule: reconstruct.legs_error(f, discretise.legs_run(32, f, rule)) for rule in ("zoh", *discretise.RULES)}
    assert error["zoh"] == pytest.approx(1.1e-7, rel=0.05)
    assert error["bilinear"] > 500 * error["zoh"]
    assert error["backward"] > 20 * error["bilinear"]
    assert error["forward"] > error["backward"]
    exact = legendre.write_weights(32, 1024) @ f
    assert reconstruct.legs_error(f, exact, "left") > 1e3 * reconstruct.legs_error(f, exact)
    smaller = sines(5, legendre.uniform(1024)) / np.arange(1, 6).sum()
    assert reconstruct.legs_error(smaller, exact / 15) < 1e-9
    with pytest.raises(ValueError, match="middle, left, ends"):
        reconstruct.legs_error(f, exact, "right")


# LegS


def test_a_signal_twice_as_slow_has_the_same_coefficients() -> None:
    f = RNG.normal(size=30)
    once = legendre.write_weights(16, 30) @ f
    for slower in (2, 7):
        assert np.allclose(legendre.write_weights(16, 30 * slower) @ f.repeat(slower), once, atol=1e-12)
    bilinear = [discretise.legs_run(16, f.repeat(slower), "bilinear") for slower in (1, 2)]
    assert np.linalg.norm(bilinear[0] - bilinear[1]) > 0.1 * np.linalg.norm(once)


@pytest.mark.parametrize("N", [4, 16])
def test_the_gradient_to_a_token_falls_as_one_over_t(N: int) -> None:
    lengths = 1000 * 2 ** np.arange(4)
    norms = [np.linalg.norm(legendre.write_weights(N, int(t))[:, 0]) for t in lengths]
    assert np.allclose(norms * lengths, N, rtol=0.1)  # phi_n(0)^2 = 2n+1, and these add up to N^2
    fading = [np.linalg.norm(measures.write_weights("legt", N, 100, t)[:, 0]) for t in (1000, 2000)]
    assert fading[1] < 1e-3 * fading[0]


def test_a_linear_probe_of_the_coefficients_sees_the_analytic_resolution() -> None:
    N, T, rows = 12, 32, 8000
    tokens = RNG.choice([-1.0, 1.0], size=(rows, T))
    c = np.zeros((rows, N))
    Abar, Bbar = measures.steps("legs", N, 1, 0, T)
    for k in range(T):
        c = c @ Abar[k].T + np.multiply.outer(tokens[:, k], Bbar[k])
    train, test = slice(0, rows // 2), slice(rows // 2, rows)
    ridge = c[train].T @ c[train] + 1e-3 * np.eye(N)
    read = c[test] @ np.linalg.solve(ridge, c[train].T @ tokens[train])
    explained = 1 - np.square(tokens[test] - read).mean(0) / np.square(tokens[test]).mean(0)
    curve = legendre.resolution(N, T)
    assert np.abs(explained - curve).max() < 0.04
    assert curve[0] > 0.9 > 0.4 > curve[T // 2]  # a U: the beginning and the present, and less between


def test_the_expected_error_of_noise_is_its_sample_mean() -> None:
    N, T = 8, 24
    W, R = legendre.write_weights(N, T), legendre.evaluate(N, legendre.uniform(T))
    noise = RNG.normal(size=(T, 20000))
    sample = np.square(noise - R @ (W @ noise)).mean(1)
    assert np.allclose(sample, reconstruct.noise_error(R, W), rtol=0.06)


# Windows


@pytest.mark.parametrize("name", INVARIANT)
def test_a_convolution_is_the_recurrence(name: str) -> None:
    N, T, C = 6, 20, 5
    u, c = RNG.normal(size=(T, 2)), np.zeros((N, 2))
    Abar, Bbar = measures.step(name, N, 9)
    P, K = invariant.powers(Abar, C), invariant.toeplitz(Abar, Bbar, C)
    for t in range(T):
        if t % C == 0:
            chunk = P @ c + K @ u[t : t + C]
        c = Abar @ c + np.multiply.outer(Bbar, u[t])
        assert np.allclose(chunk[t % C], c, atol=1e-12)
        assert np.allclose(measures.write_weights(name, N, 9, t + 1) @ u[: t + 1], c, atol=1e-12)


@pytest.mark.parametrize("name", ["legt", "lmu"])
def test_a_window_holds_its_last_tokens_and_forgets_what_is_older(name: str) -> None:
    theta, T = 64, 256
    f = sines(3, np.arange(T) / 100)
    W, basis = measures.write_weights(name, 24, theta, T), measures.MEASURES[name].basis
    read = reconstruct.read_back(basis, W @ f, theta, theta)
    assert np.square(read - f[-theta:]).mean() < 1e-4 * np.square(f).mean()
    older = f.copy()
    older[: T - 2 * theta] += 100 * RNG.normal(size=T - 2 * theta)
    again = reconstruct.read_back(basis, W @ older, theta, theta)
    assert np.abs(again - read).max() < 0.05  # of noise of 100
    strength = np.linalg.norm(W, axis=0)
    assert strength[-theta // 2] > 100 * strength[-3 * theta // 2]


def test_fourier_holds_what_is_periodic_in_its_window() -> None:
    theta, T = 50, 400
    x = (np.arange(T) + 0.5) / theta
    f = 0.5 + np.sin(2 * np.pi * x) - np.cos(6 * np.pi * x)
    c = measures.write_weights("fourier", 12, theta, T) @ f
    assert np.abs(reconstruct.read_back(reconstruct.fourier, c, theta, theta) - f[-theta:]).max() < 0.02
    assert c[1] == 0


def test_laguerre_holds_all_ages_the_newest_best() -> None:
    T, theta = 300, 3
    x = np.arange(T) / 40
    f = np.exp(-np.square(x - x[-1]) / 2) * np.cos(x)
    read = reconstruct.read_back(reconstruct.lagt, measures.write_weights("lagt", 64, theta, T) @ f, theta, T)
    assert np.abs(read - f).max() < 0.05
    R = reconstruct.lagt(16, (T - legendre.uniform(T) * T) / theta)
    error = reconstruct.noise_error(R, measures.write_weights("lagt", 16, theta, T))
    assert error[-8:].mean() < error[-80:-40].mean() < error[:40].mean()


# Memories


def tokens(T: int) -> torch.Tensor:
    return torch.randn(2, T, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(T))


@pytest.mark.parametrize("name", measures.MEASURES)
def test_what_a_cell_holds_is_the_projection_of_what_it_wrote(name: str) -> None:
    cell, T = HiPPO(8, order=6, measure=name, window=5).double(), 13
    with torch.no_grad():
        cell.w_h.zero_()
        _, state = cell(tokens(T))
        wrote = (cell.conv(tokens(T))[0] @ cell.from_x[:, 0]).numpy()
    assert np.allclose(state.c.numpy(), wrote @ measures.write_weights(name, 6, 5, T).T, atol=1e-12)
    assert state.seen == T


def held(A: Array, B: Array, step: float) -> tuple[Array, Array]:
    """Exact steps of held tokens, in one exponential with the token as a coordinate that stays."""
    N = len(A)
    both = expm(step * np.block([[A, B[:, None]], [np.zeros((1, N + 1))]]))
    return both[:N, :N], both[:N, N]


def parts_of(cell: Any, x: torch.Tensor) -> tuple[Array, dict[str, Array]]:
    """What comes out of the convolution, [T, B, D], and the parameters."""
    return cell.conv(x)[0].detach().numpy().swapaxes(0, 1), {
        name: p.detach().numpy() for name, p in cell.named_parameters()
    }


@pytest.mark.parametrize("name", ["legs", "legt"])
def test_the_gated_cell_is_its_equations_in_numpy(name: str) -> None:
    """A gate of 1 takes the proposal, a gate of 0 leaves h as it was."""
    N, D, T, theta = 5, 8, 12, 7
    cell = HiPPO(D, order=N, measure=name, window=theta).double()
    xs, p = parts_of(cell, tokens(T))
    w_x, W_gx, W_hx = np.split(p["from_x"], [1, 1 + D], axis=1)
    W_gc, W_hc = np.split(p["from_c"], 2, axis=1)
    A, B = measures.MEASURES[name].matrices(N)
    h, c, hs = np.zeros((2, D)), np.zeros((2, N)), []
    for t, x in enumerate(xs):
        u = x @ w_x[:, 0] + h @ p["w_h"]
        if name == "legt":
            Abar, Bbar = held(A, B, 1 / theta)
        else:  # t dc/dt = A c + B f is linear in log t; a first token is a constant
            Abar, Bbar = held(A, B, math.log((t + 1) / t)) if t else (np.zeros((N, N)), np.eye(N)[0])
        c = c @ Abar.T + np.multiply.outer(u, Bbar)
        g = 1 / (1 + np.exp(-(x @ W_gx + c @ W_gc)))
        h = (1 - g) * h + g * np.tanh(x @ W_hx + c @ W_hc)
        hs.append(h)
    with torch.no_grad():
        y, state = cell(tokens(T))
    assert np.allclose(state.c.numpy(), c, atol=1e-11)
    assert np.allclose(state.h.numpy(), h, atol=1e-11)
    assert np.allclose(y.numpy(), np.stack(hs, axis=1) @ p["read_out.weight"], atol=1e-11)


def test_the_legendre_memory_unit_is_its_equations_in_numpy() -> None:
    N, D, T, theta = 5, 8, 12, 7
    cell = LMU(D, order=N, window=theta).double()
    with torch.no_grad():
        cell.e_m.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    xs, p = parts_of(cell, tokens(T))
    Abar, Bbar = held(*matrices.lmu(N), 1 / theta)
    h, m, hs = np.zeros((2, D)), np.zeros((2, N)), []
    for x in xs:
        u = (x @ p["e_x"] + h @ p["e_h"] + m @ p["e_m"])[:, 0]
        m = m @ Abar.T + np.multiply.outer(u, Bbar)
        h = np.tanh(x @ p["W_x"] + h @ p["W_h"] + m @ p["W_m"])
        hs.append(h)
    with torch.no_grad():
        y, state = cell(tokens(T))
    assert np.allclose(state.m.numpy(), m, atol=1e-11)
    assert np.allclose(state.h.numpy(), h, atol=1e-11)
    assert np.allclose(y.numpy(), np.stack(hs, axis=1) @ p["read_out.weight"], atol=1e-11)


def test_legs_has_no_longest_sequence_and_its_steps_come_in_any_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, x = HiPPO(8, order=5).double(), tokens(23)
    whole, last = cell(x)
    monkeypatch.setattr(tensors, "ENTRIES", 4 * 25)
    first, between = cell(x[:, :6])
    rest, state = cell(x[:, 6:], between)
    assert torch.allclose(torch.cat([first, rest], dim=1), whole, atol=1e-12)
    assert torch.allclose(state.c, last.c, atol=1e-12)
    far = last._replace(seen=10**7)
    for mine, paper in zip(cell(x[:, :3], far)[1][:3], cell.definition(x[:, :3], far)[1][:3], strict=True):
        assert torch.allclose(mine, paper, atol=1e-12)


def test_an_lmu_without_feedback_writes_what_the_parallel_one_does() -> None:
    T = 2 * CHUNK + 3
    cell, parallel = LMU(8, order=6, window=9).double(), ParallelLMU(8, order=6, window=9, channels=1).double()
    with torch.no_grad():
        cell.e_h.zero_()
        x = tokens(T)
        window = measures.write_weights("lmu", 6, 9, T)
        _, state = cell(x)
        wrote = (cell.conv(x)[0] @ cell.e_x)[..., 0].numpy()
        assert np.allclose(state.m.numpy(), wrote @ window.T, atol=1e-12)
        (u,), _ = parallel.project(x)
        assert np.allclose(parallel(x)[1].m[..., 0].numpy(), u[:, 0, :, 0].numpy() @ window.T, atol=1e-12)


def test_an_lmu_feeds_its_window_back() -> None:
    cell, x = LMU(8, order=4, window=9).double(), tokens(11)
    with torch.no_grad():
        before, _ = cell(x)
        cell.e_m.normal_(0, 0.3)
        after, state = cell(x)
        paper, last = cell.definition(x)
    assert (after - before)[:, 1:].abs().min() > 0
    assert torch.equal(after[:, 0], before[:, 0])
    assert torch.allclose(after, paper, atol=1e-12)
    assert torch.allclose(state.m, last.m, atol=1e-12)


def test_a_window_of_one_token_and_one_coefficient_is_a_decaying_mean() -> None:
    Abar, Bbar = measures.step("lmu", 1, 1)
    assert (Abar.item(), Bbar.item()) == pytest.approx((math.exp(-1), 1 - math.exp(-1)))


@pytest.mark.parametrize(
    ("make", "mend"),
    [
        (lambda: HiPPO(8, order=0), "order must be at least 1, not 0"),
        (lambda: HiPPO(8, measure="leg"), "choose one of legs, legt, lmu, lagt, fourier"),
        (lambda: HiPPO(8, measure="legt", window=0), "window must be at least 1 token, not 0"),
        (lambda: LMU(8, order=0), "order must be at least 1, not 0"),
        (lambda: ParallelLMU(8, window=0), "window must be at least 1 token, not 0"),
        (lambda: ParallelLMU(8, channels=-1), "channels must be at least 1"),
    ],
)
def test_memories_that_cannot_be_are_refused(make: Callable[[], object], mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        make()
