"""Rows to fit on, to choose by and to test on: a sequence is in one of them, with all its rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Index = NDArray[np.int64]

ROWS = 1280
SHARES = (0.6, 0.2, 0.2)
EACH, PLENTY = 10, 32
"""Sequences to fit on for every value: the fewest that are taken, and as many as are drawn unasked."""
CROWD = 64
"""Numbers of a state for every sequence to fit on, at most: with more, a reader that finds nothing says little."""


class Split(NamedTuple):
    """Rows, as indices in order."""

    train: Index
    validation: Index
    test: Index


def split(sequences: ArrayLike, random_state: int = 0) -> Split:
    """Which rows go where, by the sequence [n] that each is of. Raises ValueError for too few sequences."""
    of = np.asarray(sequences)
    if of.ndim != 1 or not len(of):
        raise ValueError(f"sequences say of which sequence each row is: [rows], not {list(of.shape)}")
    names = np.unique(of)
    if len(names) < 10:
        raise ValueError(f"{len(names)} sequences cannot be split to fit, choose and test on: take 10 at least")
    order = np.random.Generator(np.random.Philox(key=[random_state, 5])).permutation(names)
    first, second = (round(sum(SHARES[:i]) * len(names)) for i in (1, 2))
    parts = order[:first], order[first:second], order[second:]
    return Split(*(np.flatnonzero(np.isin(of, part)) for part in parts))


def check_enough(sequences: int, num_values: int, features: int) -> None:
    """Raises ValueError where so many sequences are too few for these values or for states of so many numbers."""
    fitted = round(SHARES[0] * sequences)
    for need, what in (
        (EACH * num_values, f"{num_values:,} values take {EACH} sequences each to fit on"),
        (-(-features // CROWD), f"a state of {features:,} numbers takes one sequence to fit on for each {CROWD}"),
    ):
        if fitted < need:
            rows = enough(num_values, features)
            raise ValueError(f"{what}, {rows:,} in all with those to choose by and to test on, not {sequences:,}")


def enough(num_values: int, features: int, least: int = 0, each: int = EACH) -> int:
    """The fewest sequences, `least` at least, of which `each` for every value are fitted on, as many as states take."""
    need = max(each * num_values, -(-features // CROWD))
    return max(least, math.ceil(need / SHARES[0] - 1e-9))
