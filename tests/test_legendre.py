"""Identities of HiPPO-LegS, against `scipy.linalg.expm` and plain projections."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from models.hippo import legendre

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("N", [1, 2, 8, 64, 256])
def test_the_basis_is_orthonormal(N: int) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(N)
    phi = legendre.evaluate(N, (nodes + 1) / 2)
    assert np.allclose((phi * weights[:, None] / 2).T @ phi, np.eye(N), atol=1e-10)


@pytest.mark.parametrize("N", [1, 8, 64])
def test_write_weights_are_integrals_of_the_basis_over_cells(N: int) -> None:
    t = 7
    nodes, weights = np.polynomial.legendre.leggauss(N)
    cells = [(legendre.evaluate(N, (j + (nodes + 1) / 2) / t) * weights[:, None]).sum(0) / (2 * t) for j in range(t)]
    assert np.allclose(legendre.write_weights(N, t), np.array(cells).T, atol=1e-13)
    assert np.array_equal(legendre.write_weights(N, t, 3), legendre.write_weights(N, t)[:, -3:])


def test_carries_compose() -> None:
    longer, shorter = legendre.carry(32, 7, 50), legendre.carry(32, 7, 19)
    assert np.allclose(legendre.carry(32, 19, 50) @ shorter, longer, atol=1e-13)
    assert np.array_equal(legendre.carry(32, 7, 7), np.eye(32))
    assert not legendre.carry(32, 0, 7).any()


@pytest.mark.parametrize("N", [64, 256])
def test_a_carry_never_expands_and_its_norm_is_the_root_of_the_ratio(N: int) -> None:
    norm = np.linalg.norm(legendre.carry(N, 30720, 32768), 2)
    assert norm == pytest.approx(math.sqrt(30720 / 32768), abs=1e-10)
    assert norm == pytest.approx(0.968246, abs=1e-6)


@pytest.mark.parametrize(("t", "last"), [(1, 1), (512, 512), (32768, 2048)])
def test_the_norm_of_the_write_weights_is_one_over_root_t(t: int, last: int) -> None:
    # cells are orthogonal functions of norm 1/sqrt(t); the projection reaches it for a constant,
    # and for the smooth end of a long signal up to the coefficients left out
    norm = np.linalg.norm(legendre.write_weights(64, t, last), 2)
    assert norm == pytest.approx(t**-0.5, rel=1e-5)


@pytest.mark.parametrize("N", [1, 5, 32])
def test_the_matrix_of_the_paper_moves_constants_by_its_input_vector(N: int) -> None:
    A = legendre.transition(N)
    B = np.sqrt(2 * np.arange(N) + 1)
    assert np.allclose(A[:, 0], B)
    if N == 5:
        assert A[3, 1] == pytest.approx(math.sqrt(7 * 3))
        assert A[1, 3] == 0
        assert A[3, 3] == 4


@pytest.mark.parametrize(("N", "k"), [(8, 1), (32, 1), (32, 40), (64, 300)])
def test_a_step_is_the_matrix_exponential_in_log_time(N: int, k: int) -> None:
    A = legendre.transition(N)
    B = np.sqrt(2 * np.arange(N) + 1)
    Abar, Bbar = legendre.step(N, k)
    exact = expm(-A * math.log((k + 1) / k))
    assert np.allclose(Abar, exact, atol=1e-10)
    assert np.allclose(Bbar, np.linalg.solve(A, (np.eye(N) - exact) @ B), atol=1e-10)


def test_a_block_is_its_steps_one_after_another() -> None:
    N, t0, t1 = 24, 13, 29
    f = RNG.normal(size=(t1, 3))
    A, c = legendre.transition(N), np.zeros((N, 3))
    c[0] = f[0]
    for k in range(1, t1):
        if k == t0:
            at_t0 = c
        Abar = expm(-A * math.log((k + 1) / k))
        held = np.zeros_like(c)
        held[0] = f[k]
        c = Abar @ (c - held) + held
    assert np.allclose(legendre.write_weights(N, t1) @ f, c, atol=1e-10)
    block = legendre.carry(N, t0, t1) @ at_t0 + legendre.write_weights(N, t1, t1 - t0) @ f[t0:]
    assert np.allclose(block, c, atol=1e-10)


def test_a_constant_is_its_first_coefficient() -> None:
    c = legendre.write_weights(16, 37).sum(1)
    assert np.allclose(c, np.eye(16)[0], atol=1e-14)
    assert np.allclose(legendre.evaluate(16, np.linspace(0, 1, 9)) @ c, 1)


@pytest.mark.parametrize("t", [64, 256, 1024])
def test_a_polynomial_is_kept_up_to_the_width_of_a_token(t: int) -> None:
    x = legendre.uniform(t)
    f = 3 * x**3 - 2 * x + 0.5
    read = legendre.evaluate(6, x) @ legendre.write_weights(6, t) @ f
    assert np.abs(read - f).max() < 3 / t**1.5


@pytest.mark.parametrize(("N", "expected"), [(32, 0.969), (128, 0.878), (512, 0.554)])
def test_noise_is_lost_in_proportion_to_what_does_not_fit(N: int, expected: float) -> None:
    t = 1024
    read = legendre.evaluate(N, legendre.uniform(t)) @ legendre.write_weights(N, t)
    assert ((np.eye(t) - read) ** 2).sum() / t == pytest.approx(expected, abs=1e-3)


def test_a_smooth_signal_is_kept_far_better_than_noise() -> None:
    x = legendre.uniform(1024)
    f = sum(np.sin(2 * np.pi * k * x) for k in range(1, 6))
    read = legendre.evaluate(32, x) @ legendre.write_weights(32, 1024) @ f
    assert ((read - f) ** 2).mean() < 1e-6


def test_the_ends_are_remembered_and_the_middle_is_blurred() -> None:
    t = 64
    curve = legendre.resolution(t // 2, t)
    assert curve[[0, 1, -2, -1]].min() > 0.99
    assert curve[t // 2 - 4 : t // 2 + 4].mean() == pytest.approx(0.33, abs=0.02)
    assert np.all((curve > 0) & (curve < 1 + 1e-9))
    assert np.allclose(curve, curve[::-1], atol=1e-6)
    assert curve[: t // 2 : 4].tolist() == sorted(curve[: t // 2 : 4], reverse=True)


@pytest.mark.parametrize("t", [16, 64])
def test_half_pi_coefficients_a_token_keep_every_token(t: int) -> None:
    assert legendre.resolution(math.ceil(math.pi / 2 * t), t).min() > 0.999
    assert legendre.resolution(3 * t // 4, t).min() < 0.9


def test_the_sum_of_the_resolution_is_the_number_of_directions_kept() -> None:
    assert legendre.resolution(32, 64).sum() == pytest.approx(32)
    assert legendre.resolution(64, 64).sum() == pytest.approx(54)
    assert legendre.resolution(64, 64, tolerance=0.1).sum() == pytest.approx(52)


def test_places_run_from_the_oldest_to_the_present() -> None:
    assert np.allclose(legendre.uniform(4), [0.125, 0.375, 0.625, 0.875])
    x = legendre.exponential(8, 1000)
    ages = 1 - x
    assert np.all(np.diff(x) > 0)
    assert np.allclose(ages[1:] / ages[:-1], 1000 ** (-1 / 8))
    assert 1 / 1000 < ages[-1] < ages[0] < 1
