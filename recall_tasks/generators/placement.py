"""Where the questions of MQAR go: three laws, each written as one word so that it travels in JSON.

    uniform           any set of slots is as likely as any other; a slot says nothing about its pair
    power:0.01        slots near the pairs are likelier, weight (s + 1)^(a - 1); early keys ask early
    distance:32-64    every question of a row exactly d tokens after its answer, d uniform in 32..64

`power` is the law of Arora et al. 2023 (arXiv 2312.04927), drawn as an exponential race: slot s waits
an exponential time of rate w_s, and the first K to ring are a weighted draw without replacement, in
order. Since early keys take early slots it leaks: `bounds` measures by how much.
`distance` fixes what no other law does, at a price: pairs are asked in the order they were shown, so a
reader that counts questions needs no key and scores everything (its position floor is 1), as does one
that always looks d tokens back where d never varies. Use it to test, not to train.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .. import draws
from ..task import Ints


class Placement(Protocol):
    def slots_needed(self, pairs: int) -> int:
        """Tokens after the pairs that this law needs."""
        ...

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Ints:
        """Position of the question of each pair: [rows, pairs]."""
        ...


@dataclass(frozen=True)
class Uniform:
    def slots_needed(self, pairs: int) -> int:
        return pairs

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Ints:
        return 2 * pairs + draws.distinct(rng, rows, pairs, length - 2 * pairs)


@dataclass(frozen=True)
class PowerLaw:
    exponent: float

    def slots_needed(self, pairs: int) -> int:
        return 2 * pairs

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Ints:
        slots = (length - 2 * pairs) // 2
        weight = np.arange(1, slots + 1, dtype=np.float64) ** (self.exponent - 1)
        ring = rng.standard_exponential((rows, slots)) / weight
        first = np.argsort(ring, axis=1, kind="stable")[:, :pairs]
        return (2 * pairs + 2 * first).astype(np.int32)


@dataclass(frozen=True)
class Distance:
    low: int
    high: int

    def slots_needed(self, pairs: int) -> int:
        return self.high

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Ints:
        distance = rng.integers(self.low, self.high + 1, size=(rows, 1), dtype=np.int32)
        return np.arange(1, 2 * pairs, 2, dtype=np.int32) + distance


def parse(text: str, pairs: int) -> Placement:
    """The law a word names. Raises ValueError for a word that names none, or none for so many pairs."""
    word, _, rest = text.partition(":")
    try:
        match word:
            case "uniform" if not rest:
                return Uniform()
            case "power":
                exponent = float(rest)
                if 0 < exponent <= 1:
                    return PowerLaw(exponent)
            case "distance":
                low, _, high = rest.partition("-")
                law = Distance(int(low), int(high or low))
                if law.low < 2 * pairs - 1:
                    raise ValueError(
                        f"{pairs} pairs can be asked {2 * pairs - 1} tokens after their answers at the "
                        f"nearest, not {law.low} (try --placement distance:{2 * pairs - 1}-{law.high})"
                    )
                if law.low <= law.high:
                    return law
    except ValueError as error:
        if "tokens after" in str(error):
            raise
    raise ValueError(f"unknown placement {text!r}: uniform, power:A with 0 < A <= 1, or distance:LOW-HIGH in tokens")
