"""Compositional recall: keys of two tokens, neither of which tells the value.

Source: Arora et al. 2023, "Zoology" (arXiv 2312.04927); the form is that of the code published with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isqrt
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .bindings import Bindings

_CELLS = ((4, 64), (9, 64), (16, 128), (25, 256), (36, 256), (64, 512), (144, 1024), (256, 2048))
"""Pairs and the length at which they were asked."""


@dataclass(frozen=True)
class Compositional(Bindings):
    """Recall the value that was shown with two key tokens, first a, then b; it is asked at b.

        tokens   a1 b1 v1 a2 b1 v2 a1 b2 v3 a2 b2 v4  . a2 b1 a1 b1 ...        . is the blank
        targets   _  _  _  _  _  _  _  _  _  _  _  _  _  _ v2  _ v1 ...        _ is IGNORE

    Each first half and each second half of a row stands in similarity + 1 of its keys, give or take one
    where the pairs do not come out even: with k (k + 1) pairs or more, `similarity` = k can be had. On
    k + 1 times k + 1 pairs that is the whole grid. At 0 each half stands alone and suffices. From 1 on
    every half stands in several keys, unless there are 2, 3 or 5 pairs, for which no such keys exist.
    Which half is on which line of the grid, the order of the pairs, that of the questions and their slots
    are uniform and independent. Values are independent and may repeat. Ids: 0 the blank, then first
    halves, second halves and values. Moving `similarity` leaves counts, lengths and places as they are.

    Unlike the source, the grid need not be whole, questions take uniform slots, gaps are blank, and values
    may repeat.

    A reader that knows one half of the key does no better than to name the commonest value of the d keys
    that share it: about 1 / d, exactly E[largest multiplicity of d values] / d. It is no proof of bound
    halves, though: a reader that lets each half vote for every value seen with it is right where no other
    value has as many votes, in 92 % of questions at the defaults. High `similarity` leaves it less (49 % on
    a grid of 8 times 8).
    """

    name: ClassVar[str] = "compositional"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_pairs"
    presets: ClassVar[Mapping[str, Preset]] = {
        f"zoology_{pairs}": Preset(
            {"num_pairs": pairs, "similarity": isqrt(pairs) - 1, "num_keys": 2730, "num_values": 2731},
            length,
            "uniform slots, blank filler, values may repeat; one more first half (2730)",
        )
        for pairs, length in _CELLS
    }

    num_pairs: int = difficulty(9, "pairs shown, and questions asked", moves="load")
    similarity: int = difficulty(
        2, "other keys of the row with the same first half, and as many with the same second", moves="interference"
    )
    num_keys: int = difficulty(32, "size of the alphabet of first halves, and of that of second halves", "vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_pairs", 1)
        self.at_least("similarity", 0)
        most = _most_similar(self.num_pairs)
        if self.similarity > most:
            raise ValueError(
                f"{self.name}: similarity must be at most {most} among {self.num_pairs} pairs, not {self.similarity} "
                f"(try --similarity {most} or --num-pairs {self.similarity * (self.similarity + 1)})"
            )
        self.check_alphabets(self.num_halves, "halves of a kind")

    @property
    def num_halves(self) -> int:
        """First halves of a row, and as many second halves: no fewer than the pairs need to be distinct."""
        return max(self.num_pairs // (self.similarity + 1), isqrt(self.num_pairs - 1) + 1)

    @property
    def firsts(self) -> range:
        return range(1, 1 + self.num_keys)

    @property
    def seconds(self) -> range:
        return range(self.firsts.stop, self.firsts.stop + self.num_keys)

    @property
    def keys(self) -> range:
        return range(self.firsts.start, self.seconds.stop)

    @property
    def independent(self) -> bool:
        return True

    @property
    def min_length(self) -> int:
        return 5 * self.num_pairs

    def num_questions(self, length: int) -> int:
        return self.num_pairs

    def payload_bits(self, length: int) -> float:
        return self.num_pairs * float(np.log2(self.num_values))

    def at_load(self, load: int) -> Compositional:
        """The same task with `load` pairs, as similar as so many can be."""
        return replace(self, num_pairs=load, similarity=min(self.similarity, _most_similar(load)))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        pairs, halves = self.num_pairs, self.num_halves
        # Cell n of the grid lies on line n mod H and on diagonal n div H: every H cells use each half once.
        cell = draws.shuffled(rng, rows, pairs)
        line, diagonal = cell % halves, cell // halves
        firsts, seconds = (draws.distinct(rng, rows, halves, self.num_keys) for _ in range(2))
        a = np.take_along_axis(firsts, line, axis=1) + np.int32(self.firsts.start)
        b = np.take_along_axis(seconds, (line + diagonal) % halves, axis=1) + np.int32(self.seconds.start)
        values = draws.uniform(rng, rows, pairs, self.answers)
        which = draws.shuffled(rng, rows, pairs)
        # A question is drawn as one cell of what is left and moved on by the questions before it.
        slots: Ints = np.sort(draws.subsets(rng, rows, pairs, length - 4 * pairs), axis=1)
        asked = np.arange(3 * pairs + 1, 4 * pairs + 1, dtype=np.int32) + slots

        tokens = np.zeros((rows, length), np.int32)
        tokens[:, : 3 * pairs] = np.stack([a, b, values], axis=2).reshape(rows, 3 * pairs)
        np.put_along_axis(tokens, asked - 1, np.take_along_axis(a, which, axis=1), axis=1)
        np.put_along_axis(tokens, asked, np.take_along_axis(b, which, axis=1), axis=1)

        written = np.broadcast_to(np.arange(2, 3 * pairs, 3, dtype=np.int32), (rows, pairs))
        answers = np.take_along_axis(values, which, axis=1)
        return Batch(tokens, asked, answers, 3 * which + 2, Stored(written, np.full_like(values, -1), values))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        pairs: dict[tuple[int, int], int] = {}
        answers: dict[int, int] = {}
        for t, token in enumerate(tokens):
            if token in self.seconds and (tokens[t - 1], token) in pairs:
                answers[t] = pairs[tokens[t - 1], token]
            elif token in self.answers:
                pairs[tokens[t - 2], tokens[t - 1]] = token
        return answers

    def word(self, token: int) -> str:
        for letter, ids in (("a", self.firsts), ("b", self.seconds)):
            if token in ids:
                return f"{letter}{token - ids.start}"
        return super().word(token)


def _most_similar(pairs: int) -> int:
    """The largest k for which k (k + 1) is at most `pairs`."""
    return (isqrt(4 * pairs + 1) - 1) // 2
