"""Repeat first: the symbols at the beginning are asked again and again, or once at the very end.

Sources: Morad et al. 2023, "POPGym: Benchmarking Partially Observable Reinforcement Learning" (arXiv
2303.01859); Osband et al. 2020, "Behaviour Suite for Reinforcement Learning" (arXiv 1908.03568) for one
question at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Stored
from ..task import Preset, difficulty
from .symbols import Symbols

_SUITS = "suits are independent, not dealt from decks; the first step asks nothing"


@dataclass(frozen=True)
class RepeatFirst(Symbols):
    """Say the first symbol at every later step, whatever is shown there.

        tokens   s1 s5 s2 s2 s4        one first symbol
        targets   _ s1 s1 s1 s1        _ is IGNORE
        tokens   s1 s2 s5 s2 s4        two: at step t the symbol of step t mod 2 is asked
        targets   _  _  _ s2 s1

    Symbols are independent and uniform, so what stands at a question says nothing of its answer. With
    `asked last` only the last steps ask, each first symbol once; with `stream constant` blanks follow the
    first symbols. Where the number of steps left over is no multiple of num_first, the earliest ask
    nothing: every first symbol is asked equally often. Ids: 0 the blank, then symbols.

    Unlike in POPGym, suits are not dealt from decks, where cards seen later tell a little of the first.

    One first symbol is no test of capacity: it asks for log2 num_symbols bits at any length. The step
    says which symbol is asked, so the position floor is 1; in a constant stream one symbol is also the
    only one ever shown (bag and recency floors of 1). What is tested is holding on for long.
    """

    name: ClassVar[str] = "repeat_first"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_first"
    presets: ClassVar[Mapping[str, Preset]] = {
        "popgym_easy": Preset({"num_symbols": 4}, 51, _SUITS),
        "popgym_medium": Preset({"num_symbols": 4}, 415, _SUITS),
        "popgym_hard": Preset({"num_symbols": 4}, 831, _SUITS),
        "bsuite_memory_len": Preset(
            {"num_symbols": 2, "asked": "last", "stream": "constant"},
            100,
            "the longest of 23 lengths from 1 to 100; no clock is shown",
        ),
    }

    num_first: int = difficulty(1, "symbols at the beginning that are asked", moves="load")
    num_symbols: int = difficulty(32, "size of the alphabet", moves="vocabulary")
    asked: str = difficulty("every", "every later step asks, or the last only", "questions", choices=("every", "last"))
    stream: str = difficulty(
        "symbols", "what follows: random symbols, or constant (blanks)", "interference", choices=("symbols", "constant")
    )

    def check_fields(self) -> None:
        self.at_least("num_first", 1)
        self.at_least("num_symbols", 2)

    @property
    def min_length(self) -> int:
        return 2 * self.num_first

    @property
    def load_words(self) -> str:
        return f"{self.num_first} first symbol{'s' * (self.num_first != 1)}"

    def num_questions(self, length: int) -> int:
        rounds = length // self.num_first - 1 if self.asked == "every" else 1
        return rounds * self.num_first

    def payload_bits(self, length: int) -> float:
        return self.num_first * float(np.log2(self.num_symbols))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        first, asks = self.num_first, self.num_questions(length)
        tokens = np.zeros((rows, length), np.int32)
        shown = length if self.stream == "symbols" else first
        tokens[:, :shown] = draws.uniform(rng, rows, shown, self.answers)

        asked = np.broadcast_to(np.arange(length - asks, length, dtype=np.int32), (rows, asks))
        written = np.broadcast_to(np.arange(first, dtype=np.int32), (rows, first))
        values = tokens[:, :first].copy()
        answers = np.take_along_axis(values, asked % first, axis=1)
        return Batch(tokens, asked, answers, asked % first, Stored(written, np.full_like(values, -1), values))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        return {t: tokens[t % self.num_first] for t in range(self.num_first, len(tokens))}
