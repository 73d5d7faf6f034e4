"""Splits into training, validation and test: a sequence is in one of them, with all states taken of it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Index = NDArray[np.int64]

SEQUENCES = 1280
"""Sequences of a template, unless values or states need more."""
FRACTIONS = (0.6, 0.2, 0.2)
EACH, PLENTY = 10, 32
"""Training sequences for every value: the fewest that are accepted, and as many as are sampled by default."""
CROWD = 64
"""Numbers of a state for every training sequence, at most: with more, a reader that finds nothing says little."""


class Split(NamedTuple):
    """Indices of states, in order."""

    train: Index
    validation: Index
    test: Index


def split(sequences: ArrayLike, random_state: int = 0) -> Split:
    """Split states by the sequence [n] that each belongs to. Raises ValueError for fewer than 10 sequences."""
    owners = np.asarray(sequences)
    if owners.ndim != 1 or not len(owners):
        raise ValueError(f"sequences names the sequence of each state: [n], not {list(owners.shape)}")
    names = np.unique(owners)
    if len(names) < 10:
        raise ValueError(f"{len(names)} sequences cannot be split into training, validation and test: take at least 10")
    order = np.random.Generator(np.random.Philox(key=[random_state, 5])).permutation(names)
    first, second = (round(sum(FRACTIONS[:i]) * len(names)) for i in (1, 2))
    parts = order[:first], order[first:second], order[second:]
    return Split(*(np.flatnonzero(np.isin(owners, part)) for part in parts))


def check_enough(sequences: int, num_values: int, features: int) -> None:
    """Raises ValueError where sequences are too few for so many values, or for states of so many numbers."""
    fitted, total = round(FRACTIONS[0] * sequences), enough(num_values, features)
    for need, what in (
        (EACH * num_values, f"{num_values:,} values take {EACH} training sequences each"),
        (-(-features // CROWD), f"a state of {features:,} numbers takes one training sequence for each {CROWD}"),
    ):
        if fitted < need:
            raise ValueError(f"{what}, {total:,} in all with those for validation and test, not {sequences:,}")


def enough(num_values: int, features: int, least: int = 0, each: int = EACH) -> int:
    """The fewest sequences, at least `least`, that hold `each` training ones for every value and enough for states."""
    need = max(each * num_values, -(-features // CROWD))
    return max(least, math.ceil(need / FRACTIONS[0] - 1e-9))


def shuffled_order(parts: Split, rng: np.random.Generator) -> Index:
    """A random order of all states in which every part of the split keeps its own."""
    order = np.arange(sum(len(part) for part in parts))
    for part in parts:
        order[part] = rng.permutation(part)
    return order
