"""The signal as its coefficients tell it, and how far that is from the signal.

A basis takes ages in units of theta (LegS: of t), 0 for now, and gives R [points, N]: R @ c is the signal
there. A token is held for one unit of time, so it is read at the middle of its own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial.laguerre import lagvander
from numpy.polynomial.legendre import legvander

from . import legendre
from .legendre import Array

Basis = Callable[[int, Array], Array]

POINTS: dict[str, Callable[[int], Array]] = {
    "middle": legendre.uniform,
    "left": lambda T: np.arange(T) / T,
    "ends": lambda T: np.linspace(0, 1, T),
}
"""Where T tokens may be read, oldest first, from 0 for the beginning to 1 for now; `middle` is right."""


def legs(N: int, age: Array) -> Array:
    """sqrt(2n+1) P_n(1 - 2 age): LegS and LegT, whose polynomials run from the oldest to the newest."""
    return legendre.evaluate(N, 1 - age)


def lmu(N: int, age: Array) -> Array:
    """P_n(2 age - 1), from the newest to the oldest."""
    return np.asarray(legvander(2 * age - 1, N - 1), dtype=np.float64)


def lagt(N: int, age: Array, tilt: float = 0.0) -> Array:
    """L_n(age) exp((tilt - 1) age / 2); with tilt 1 the polynomials alone, which grow with age."""
    return np.multiply(lagvander(age, N - 1), np.exp((tilt - 1) * age / 2)[..., None], dtype=np.float64)


def fourier(N: int, age: Array) -> Array:
    """1, 0, sqrt(2) cos(2 pi age), sqrt(2) sin(2 pi age), ...: the order of `matrices.turning`."""
    angle = 2 * np.pi * np.multiply.outer(age, np.arange(N // 2))
    R: Array = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=-1).reshape(*age.shape, N)
    R[..., 0] = 1
    return R


def read_back(basis: Basis, c: Array, theta: float, tokens: int) -> Array:
    """[tokens, ...]: the last `tokens` tokens, oldest first, from coefficients c [N, ...]; LegS: theta = t."""
    R = basis(len(c), (tokens - legendre.uniform(tokens) * tokens) / theta)
    return R @ c


def legs_error(f: Array, c: Array, points: str = "middle") -> float:
    """Mean over the tokens of f [T] of (f - what LegS coefficients c [N] say)^2, with tokens at `points`.

    Raises ValueError for points that do not exist.
    """
    if points not in POINTS:
        raise ValueError(f"unknown points {points!r}: choose one of {', '.join(POINTS)}")
    read = legendre.evaluate(len(c), POINTS[points](len(f))) @ c
    return float(np.square(read - f).mean())


def noise_error(R: Array, W: Array) -> Array:
    """[T]: the expected squared error at every token of white noise, for coefficients W f read by R.

    The rows of I - R W, squared and summed; its mean is the number that is reported for noise.
    """
    T = W.shape[1]
    error: Array = np.square(np.eye(T) - R @ W).sum(axis=1)
    return error
