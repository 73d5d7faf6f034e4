"""The matrices of `measures` as tensors, rounded once from float64 and kept for the next call."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ..transforms import outside_transforms
from . import measures
from .invariant import powers, toeplitz
from .legendre import Array

Kind = tuple[torch.dtype, torch.device]
Pair = tuple[Tensor, Tensor]

ENTRIES = 2**18
"""Entries of the steps that are made at once."""


def constant(matrix: Array, kind: Kind) -> Tensor:
    dtype, device = kind
    with outside_transforms():  # made while evaluating, used again while training
        return torch.tensor(matrix, dtype=dtype, device=device)


@lru_cache(maxsize=128)
def make_steps(measure: str, N: int, theta: int, first: int, count: int, kind: Kind) -> Pair:
    Abar, Bbar = measures.steps(measure, N, theta, first, count)
    return constant(Abar.swapaxes(1, 2), kind), constant(Bbar, kind)


def steps(measure: str, N: int, theta: int, first: int, kind: Kind) -> Pair:
    """Abar transposed [n, N, N] and Bbar [n, N] of the steps from `first` tokens on, as many as are at hand.

    At least one; where all steps are the same, that one.
    """
    if not measures.MEASURES[measure].scaled:
        return make_steps(measure, N, theta, 0, 1, kind)
    count = max(1, ENTRIES // N**2)
    start = first - first % count
    Abar, Bbar = make_steps(measure, N, theta, start, count, kind)
    return Abar[first - start :], Bbar[first - start :]


@lru_cache(maxsize=64)
def chunk(measure: str, N: int, theta: int, C: int, kind: Kind) -> Pair:
    """Coefficients after each of C tokens: [C, N, N] times those before, and [C, N, C] times the tokens."""
    Abar, Bbar = measures.step(measure, N, theta)
    return constant(powers(Abar, C), kind), constant(toeplitz(Abar, Bbar, C), kind)
