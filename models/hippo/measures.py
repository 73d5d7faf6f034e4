"""Measures by name, as a memory uses them: matrices of a step for any tokens, and a basis to read back with.

`legs` grows with the sequence: its steps differ and are closed forms, without end. All others have a window,
or a scale, of theta tokens and one step; the step is exact for held tokens (ZOH).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import legendre, matrices, reconstruct
from .discretise import zoh
from .invariant import kernel
from .legendre import Array
from .matrices import Pair


@dataclass(frozen=True)
class Measure:
    """matrices: N -> (A, B); basis: N, ages -> values; scaled: theta is t itself; paired: N must be even."""

    matrices: Callable[[int], Pair]
    basis: reconstruct.Basis
    scaled: bool = False
    paired: bool = False


MEASURES = {
    "legs": Measure(matrices.legs, reconstruct.legs, scaled=True),
    "legt": Measure(matrices.legt, reconstruct.legs),
    "lmu": Measure(matrices.lmu, reconstruct.lmu),
    "lagt": Measure(matrices.lagt, reconstruct.lagt),
    "fourier": Measure(matrices.fout, reconstruct.fourier, paired=True),
}


def check(measure: str, N: int, theta: int) -> Measure:
    """The measure of this name. Raises ValueError where it, N or theta cannot be."""
    if measure not in MEASURES:
        raise ValueError(f"unknown measure {measure!r}: choose one of {', '.join(MEASURES)}")
    if N < 1:
        raise ValueError(f"order must be at least 1, not {N}")
    if theta < 1:
        raise ValueError(f"window must be at least 1 token, not {theta}")
    if MEASURES[measure].paired and N % 2:
        raise ValueError(f"measure {measure} takes an even order, a cosine and a sine a frequency, not {N}")
    return MEASURES[measure]


@lru_cache(maxsize=64)
def step(measure: str, N: int, theta: float) -> Pair:
    """The one step of a measure with a fixed theta."""
    return zoh(*MEASURES[measure].matrices(N), 1 / theta)


def steps(measure: str, N: int, theta: float, first: int, count: int) -> Pair:
    """Abar [count, N, N], Bbar [count, N]: the steps from `first` tokens on; one step where all are the same."""
    if not MEASURES[measure].scaled:
        Abar, Bbar = step(measure, N, theta)
        return Abar[None], Bbar[None]
    k = np.arange(first, first + count)
    r = k / (k + 1)
    y, weighted = legendre.quadrature(N)
    basis = legendre.evaluate(N, np.multiply.outer(r, y)) * r[:, None, None]
    rows = basis.transpose(2, 0, 1).reshape(N * count, N)  # one product for all steps
    Abar = np.tril((rows @ weighted).reshape(N, count, N).swapaxes(0, 1))
    return Abar, np.eye(N)[0] - Abar[:, :, 0]


def write_weights(measure: str, N: int, theta: float, T: int) -> Array:
    """W [N, T]: the coefficients after T tokens are W @ f."""
    if MEASURES[measure].scaled:
        return legendre.write_weights(N, T)
    return kernel(*step(measure, N, theta), T)[::-1].T
