"""Where the questions of MQAR go: laws, each written as one word so that it travels in JSON.

    uniform           any set of slots is as likely as any other; a slot says nothing about its pair
    power:0.01        slots near the pairs are likelier, weight (s + 1)^(a - 1); early keys ask early
    within:20-60      every question 20 to 60 tokens after its answer; a slot says nothing about its pair
    even:20-83        the same with every distance equally likely, for pairs written with gaps
    distance:32-64    every question of a row exactly d tokens after its answer, d uniform in 32..64
    late:32-64        the same at the end of the row: in longer rows more comes before the pairs

`power` is the law of Arora et al. 2023 (arXiv 2312.04927), drawn as an exponential race: slot s waits
an exponential time of rate w_s, and the first K to ring are a weighted draw without replacement, in
order. Since early keys take early slots it leaks: `bounds` measures by how much.

`within` and `even` fix the distance without a shortcut: the K questions take a uniform subset of a window
of slots that lies in reach of every pair, in uniform order. K pairs back to back span 2K - 2 tokens and
their questions K - 1 more, so no range of fewer than 3K - 3 will do, and middle distances are likelier
than the ends. With pairs g tokens apart and a window of g slots every distance of a range of K g is
equally likely: the window lays the gaps end to end. That takes g >= K, hence K^2 tokens and more.

`distance` and `late` fix what no other law does, at a price: pairs are asked in the order they were shown, so a
reader that counts questions needs no key and scores everything (its position floor is 1), as does one
that always looks d tokens back where d never varies. No law can mend that: one distance for all makes
the order of the questions that of the pairs. Use it to test, not to train.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .. import draws
from ..batch import Ints

Placed = tuple[Ints, Ints]
"""Positions of the questions, ascending, and which pair each asks: both [rows, pairs]."""


class Placement(Protocol):
    @property
    def stride(self) -> int:
        """Tokens from the key of one pair to the next."""
        ...

    def min_length(self, pairs: int) -> int:
        """The shortest row this law fits into, in tokens."""
        ...

    def first(self, pairs: int, length: int) -> int:
        """Where the first pair stands."""
        ...

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Placed: ...


@dataclass(frozen=True)
class Uniform:
    stride: int = 2

    def min_length(self, pairs: int) -> int:
        return 3 * pairs

    def first(self, pairs: int, length: int) -> int:
        return 0

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Placed:
        return _scattered(rng, rows, pairs, range(2 * pairs, length))


@dataclass(frozen=True)
class PowerLaw:
    exponent: float
    stride: int = 2

    def min_length(self, pairs: int) -> int:
        return 4 * pairs

    def first(self, pairs: int, length: int) -> int:
        return 0

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Placed:
        slots = (length - 2 * pairs) // 2
        weight = np.arange(1, slots + 1, dtype=np.float64) ** (self.exponent - 1)
        ring = rng.standard_exponential((rows, slots)) / weight
        first = draws.order(ring.view(np.uint64))[:, :pairs]
        which = np.argsort(first, axis=1).astype(np.int32)
        return 2 * pairs + 2 * np.take_along_axis(first, which, axis=1), which


@dataclass(frozen=True)
class Within:
    """Distances from low to high with pairs `stride` apart; `even` where the stride is the window's size."""

    low: int
    high: int
    stride: int = 2

    def min_length(self, pairs: int) -> int:
        return self.high + 2

    def first(self, pairs: int, length: int) -> int:
        return 0

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Placed:
        last_value = 1 + self.stride * (pairs - 1)
        return _scattered(rng, rows, pairs, range(last_value + self.low, self.high + 2))


@dataclass(frozen=True)
class Distance:
    low: int
    high: int
    stride: int = 2
    late: bool = False

    def min_length(self, pairs: int) -> int:
        return 2 * pairs + self.high

    def first(self, pairs: int, length: int) -> int:
        return length - self.min_length(pairs) if self.late else 0

    def place(self, rng: np.random.Generator, rows: int, pairs: int, length: int) -> Placed:
        distance = rng.integers(self.low, self.high + 1, size=(rows, 1), dtype=np.int32)
        which = np.broadcast_to(np.arange(pairs, dtype=np.int32), (rows, pairs))
        return self.first(pairs, length) + 2 * which + 1 + distance, which


def _scattered(rng: np.random.Generator, rows: int, pairs: int, slots: range) -> Placed:
    """A uniform subset of the slots, in an order of the pairs that is uniform and independent of it."""
    asked = np.sort(draws.subsets(rng, rows, pairs, len(slots)), axis=1) + np.int32(slots.start)
    return asked, draws.shuffled(rng, rows, pairs)


def parse(text: str, pairs: int) -> Placement:
    """The law a word names. Raises ValueError for a word that names none, or none for so many pairs."""
    word, _, rest = text.partition(":")
    if text == "uniform":
        return Uniform()
    if word == "power" and (exponent := _number(rest)) is not None and 0 < exponent <= 1:
        return PowerLaw(exponent)
    low, _, high = rest.partition("-")
    if word in ("within", "even", "distance", "late") and low.isdecimal() and (high or low).isdecimal():
        return _ranged(word, int(low), int(high or low), pairs)
    raise ValueError(
        f"unknown placement {text!r}: uniform, power:A with 0 < A <= 1, or within:LOW-HIGH, even:LOW-HIGH, "
        f"distance:LOW-HIGH or late:LOW-HIGH in tokens"
    )


def _ranged(word: str, low: int, high: int, pairs: int) -> Placement:
    least = 2 * pairs - 1 if word in ("distance", "late") else 1
    if low < least:
        raise ValueError(
            f"{pairs} pairs can be asked {least} tokens after their answers at the nearest, not {low} "
            f"(try --placement {word}:{least}-{max(least, high)})"
        )
    span = high - low + 1
    if word in ("distance", "late") and span > 0:
        return Distance(low, high, late=word == "late")
    if word == "within" and span >= 3 * pairs - 2:
        return Within(low, high)
    if word == "even" and span >= pairs**2 and span % pairs == 0:
        return Within(low, high, stride=max(2, span // pairs))
    need = {
        "distance": ("a distance of at least the lowest", low),
        "late": ("a distance of at least the lowest", low),
        "within": (f"distances from {low} to at least", low + 3 * pairs - 3),
        "even": (
            f"a multiple of {pairs} distances from {low}, for example to",
            low + pairs * max(pairs, -(-span // pairs)) - 1,
        ),
    }
    told, mend = need[word]
    raise ValueError(
        f"{pairs} {'pair needs' if pairs == 1 else 'pairs need'} {told} {mend}, not {high} "
        f"(try --placement {word}:{low}-{mend})"
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
