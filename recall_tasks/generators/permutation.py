"""Permutation state: the running product of permutations, the word problem of the symmetric group.

Source: Merrill et al. 2024, "The Illusion of State in State-Space Models" (arXiv 2404.08819).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from math import factorial
from typing import ClassVar

import numpy as np

from ..batch import Ints
from ..task import Preset, difficulty
from .tracking import Tracking, asked, steps


@dataclass(frozen=True)
class PermutationState(Tracking):
    """Say how the objects stand after all the permutations so far.

        tokens   s102  . s201  . s021        . is the blank
        targets     _  _ s210  _ s201        _ is IGNORE

    `s201` names an arrangement: object 2 in place 0, then 0, then 1. The first symbol is how the objects
    stand at first; each further one says which place each place is filled from: after `s201` place 0
    holds what place 2 held. Symbols are independent and uniform over the group, so every arrangement is
    as likely as any other whatever the last symbol was. Ids: 0 the blank, then the permutations in
    alphabetical order, which are the answers as well: naming the whole arrangement asks for all that is
    carried, where the object in one place would be a coarser score of the same state. Symbols stand
    evenly spaced, the last at the last token.

    A control, not recall: log2 num_objects! bits are carried however many symbols were shown. The group
    does not commute from three objects on and cannot be solved from five on.

    Unlike the paper, the first symbol is not asked, and symbols are always of the whole group.
    """

    name: ClassVar[str] = "permutation"
    version: ClassVar[int] = 1
    presets: ClassVar[Mapping[str, Preset]] = {
        "s5": Preset(
            {"num_objects": 5, "num_steps": 24, "asked": "every"},
            25,
            "the group as published; the length is chosen here",
        ),
    }

    num_steps: int = steps(16)
    asked: str = asked()
    num_objects: int = difficulty(3, "objects that are permuted", moves="load")

    def check_fields(self) -> None:
        super().check_fields()
        self.within("num_objects", 2, 8)

    @property
    def answers(self) -> range:
        return range(1, 1 + factorial(self.num_objects))

    @property
    def balanced(self) -> bool:
        return True

    def payload_bits(self, length: int) -> float:
        return float(np.log2(factorial(self.num_objects)))

    def track(self, rng: np.random.Generator, rows: int) -> tuple[Ints, Ints]:
        # Where the states are independent and uniform, so are the permutations that lead from one to the next.
        states = rng.integers(0, len(self.answers), size=(rows, self.num_steps + 1), dtype=np.int32)
        arrangements = _group(self.num_objects)[states]
        found_at = np.argsort(arrangements[:, :-1], axis=2, kind="stable").astype(np.int32)
        moves = np.take_along_axis(found_at, arrangements[:, 1:], axis=2)
        symbols = np.concatenate([states[:, :1], _rank(moves)], axis=1)
        return symbols + np.int32(1), states + np.int32(1)

    def move(self, state: int | None, symbol: int) -> tuple[int, int]:
        if state is None:
            return symbol - 1, symbol
        group = _words(self.num_objects)
        after = _ranks(self.num_objects)[tuple(group[state][place] for place in group[symbol - 1])]
        return after, after + 1

    def word(self, token: int) -> str:
        if token not in self.answers:
            return "."
        return "s" + "".join(map(str, _words(self.num_objects)[token - 1]))


@lru_cache(maxsize=8)
def _words(size: int) -> list[tuple[int, ...]]:
    """All permutations in alphabetical order."""
    return list(permutations(range(size)))


@lru_cache(maxsize=8)
def _ranks(size: int) -> dict[tuple[int, ...], int]:
    """The place of each permutation in alphabetical order."""
    return {word: rank for rank, word in enumerate(_words(size))}


@lru_cache(maxsize=8)
def _group(size: int) -> Ints:
    """All permutations in alphabetical order: [size!, size]."""
    return np.array(_words(size), np.int32)


def _rank(arrangements: Ints) -> Ints:
    """As `_ranks`, all at once, from how many smaller ones follow each (the Lehmer code): [..., size] to [...]."""
    size = arrangements.shape[-1]
    rank = np.zeros(arrangements.shape[:-1], np.int32)
    for place in range(size - 1):
        smaller = (arrangements[..., place + 1 :] < arrangements[..., place, None]).sum(axis=-1)
        rank += (smaller * factorial(size - 1 - place)).astype(np.int32)
    return rank
