"""N tokens drawn uniformly from the past: a reservoir (Vitter 1985) without a generator.

Each position has a number hashed from itself and the seed, and the N positions of least number are kept:
a uniform draw without repetition from the tokens so far, the same for any batch, cut or block length.
Slots are in the order of the tokens; those not filled yet hold zero and are not read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .slots import EMPTY, Positions, Slots

WORD = 2**64


def hash_positions(positions: Positions, seed: int) -> NDArray[np.uint64]:
    """A number of 64 bits for each position: the finaliser of SplitMix64 (Steele, Lea and Flood 2014), twice."""
    x = positions.astype(np.uint64)
    for round in (1, 2):
        x = x + np.uint64((seed + round) * 0x9E3779B97F4A7C15 % WORD)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return x


class Random(Slots):
    """Raw tokens drawn uniformly, by the seed."""

    def choose(self, candidates: Positions, t: int) -> Positions:
        least = np.argsort(hash_positions(candidates, self.seed), kind="stable")[: self.N]
        kept = np.full(self.N, EMPTY)
        kept[: len(least)] = np.sort(candidates[least])
        return kept
