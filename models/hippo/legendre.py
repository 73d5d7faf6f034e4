"""HiPPO-LegS in closed form: a growing signal as N Legendre coefficients (Gu et al. 2020, arXiv 2008.07669).

Every token j of a channel is held for one unit of time, so after t tokens the signal is f(x) = f_j for
x in [j/t, (j+1)/t), with x = 0 the first token and x = 1 the present. Its coefficients are

    c_n = int_0^1 f(x) phi_n(x) dx,    phi_n(x) = sqrt(2n+1) P_n(2x - 1),    n = 0 .. N-1

The paper reaches them through the differential equation dc/dt = (-A c + B f) / t. Held inputs (ZOH) make
its steps exact, so the coefficients after any number of tokens are plain integrals of polynomials: no
matrix exponential, no scan and no longest length. `transition` and `step` give the paper's way, for
the definition and for tests. Everything is float64 numpy; whoever uses a matrix rounds it once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander
from numpy.typing import NDArray

Array = NDArray[np.float64]


def evaluate(N: int, x: Array) -> Array:
    """R [points, N]: R @ c is the signal, as the coefficients tell it, at the places x in [0, 1]."""
    R: Array = np.multiply(legvander(2 * x - 1, N - 1), np.sqrt(2 * np.arange(N) + 1), dtype=np.float64)
    return R


def integral(N: int, x: Array) -> Array:
    """[points, N]: the integral of phi_n from 0 to x, by (2n+1) P_n = P'_(n+1) - P'_(n-1)."""
    P = legvander(2 * x - 1, N)
    upper = P[:, 1:]
    lower = np.concatenate([-np.ones_like(P[:, :1]), P[:, : N - 1]], axis=1)
    total: Array = (upper - lower) / (2 * np.sqrt(2 * np.arange(N) + 1))
    return total


def write_weights(N: int, t: int, last: int | None = None) -> Array:
    """K [N, last]: what each of the last `last` of t tokens (None: of all) adds to the coefficients."""
    first = 0 if last is None else t - last
    return np.diff(integral(N, np.arange(first, t + 1) / t), axis=0).T


@lru_cache(maxsize=16)
def quadrature(N: int) -> tuple[Array, Array]:
    """Gauss and Legendre's nodes y [N] on [0, 1], and the basis there times their weights [N, N]."""
    nodes, weights = leggauss(N)
    y = (nodes + 1) / 2
    return y, evaluate(N, y) * (weights / 2)[:, None]


def carry(N: int, t0: int, t1: int) -> Array:
    """P [N, N]: the coefficients at t0 tokens, shrunk into the first t0 of t1, so that

        c(t1) = carry(N, t0, t1) @ c(t0) + write_weights(N, t1, t1 - t0) @ f[t0:t1]

    P_nk = r int_0^1 phi_n(r y) phi_k(y) dy with r = t0 / t1: degree 2N - 2 at most, which N nodes of
    Gauss and Legendre integrate exactly. It is the power r^A of the paper's matrix.
    """
    if t0 == t1:
        return np.eye(N)
    r = t0 / t1
    y, weighted = quadrature(N)
    return np.tril(r * evaluate(N, r * y).T @ weighted)


def transition(N: int) -> Array:
    """A [N, N] of dc/dt = (-A c + B f) / t; B_n = sqrt(2n+1) is its first column, so A e_0 = B."""
    s = np.sqrt(2 * np.arange(N) + 1)
    return np.tril(np.outer(s, s), -1) + np.diag(np.arange(N) + 1.0)


def step(N: int, k: int) -> tuple[Array, Array]:
    """Abar [N, N], Bbar [N] of the paper's step from k tokens to k + 1: c_k = Abar c_(k-1) + Bbar f_k.

    Abar = (k / (k+1))^A and Bbar = A^-1 (I - Abar) B. Since A e_0 = B, Bbar = e_0 - Abar e_0: a held
    input moves c towards f e_0, the coefficients of a constant. The first token (k = 0) is one.
    """
    Abar = carry(N, k, k + 1)
    return Abar, np.eye(N)[0] - Abar[:, 0]


def uniform(points: int, offset: float = 0.5) -> Array:
    """Places in equal cells, oldest first: x_j = (j + offset) / points, by default the cells' middles."""
    return (np.arange(points) + offset) / points


def exponential(points: int, t: int, alpha: float = 0.0, offset: float = 0.5) -> Array:
    """Places dense near the present, oldest first: ages x t of equal ratio between t tokens and one.

    x_j = 1 - alpha^(j + offset), by default the middles, in ratio, of cells of age. alpha = 0 stands for
    t^(-1/points), with which the cells end one token before the present.
    """
    ratio = alpha or float(t) ** (-1 / points)
    ages: Array = np.power(ratio, np.arange(points) + offset, dtype=np.float64)
    return 1 - ages


def resolution(N: int, t: int, tolerance: float = 1e-3) -> Array:
    """[t]: how much of each token a linear reader of the coefficients can win back, from 0 to 1.

    The diagonal of W^+ W for W = write_weights(N, t): the projection on what is kept, without
    directions weaker than `tolerance` of the strongest. Its sum is the number of tokens' worth kept.
    """
    _, strength, directions = np.linalg.svd(write_weights(N, t), full_matrices=False)
    kept: Array = np.square(directions[strength > tolerance * strength[0]]).sum(axis=0)
    return kept
