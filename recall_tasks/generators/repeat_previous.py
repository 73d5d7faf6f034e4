"""Repeat previous: at every step the symbol shown a fixed number of steps ago is asked.

Source: Morad et al. 2023, "POPGym: Benchmarking Partially Observable Reinforcement Learning" (arXiv
2303.01859).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Stored
from ..task import Preset, difficulty
from .symbols import Symbols

_SUITS = "suits are independent, not dealt from decks; k = lag + 1 counts the card just shown"


@dataclass(frozen=True)
class RepeatPrevious(Symbols):
    """Say the symbol shown `lag` steps ago, at every step that has one.

        tokens   s1 s2 s3 s4 s5        lag 2
        targets   _  _ s1 s2 s3        _ is IGNORE

    Symbols are independent and uniform, so the token that asks is the answer by chance only. A queue of
    `lag` symbols must be kept and moved on at each step: the payload is lag * log2 num_symbols at any
    length that asks as many questions, since any `lag` successive questions rest on the state before
    them. Length adds questions, not distance. Ids: 0 the blank, which is never shown, then symbols. What
    is asked is the order, so the position floor is 1 and says nothing against the task.

    Unlike in POPGym, suits are not dealt from decks: there, counting cards tells the last ones.
    """

    name: ClassVar[str] = "repeat_previous"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "lag"
    presets: ClassVar[Mapping[str, Preset]] = {
        "popgym_easy": Preset({"lag": 3, "num_symbols": 4}, 51, _SUITS),
        "popgym_medium": Preset({"lag": 31, "num_symbols": 4}, 103, _SUITS),
        "popgym_hard": Preset({"lag": 63, "num_symbols": 4}, 155, _SUITS),
    }

    lag: int = difficulty(4, "steps between a symbol and its question, and symbols held", moves="load")
    num_symbols: int = difficulty(32, "size of the alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("lag", 1)
        self.at_least("num_symbols", 2)

    @property
    def min_length(self) -> int:
        return self.lag + 1

    @property
    def load_words(self) -> str:
        return f"{self.lag} step{'s' * (self.lag != 1)} back"

    def num_questions(self, length: int) -> int:
        return length - self.lag

    def payload_bits(self, length: int) -> float:
        return min(self.lag, self.num_questions(length)) * float(np.log2(self.num_symbols))

    def bottlenecks(self, length: int) -> list[tuple[float, NDArray[np.float64]]]:
        """Windows of `lag` questions, each about as many symbols held before it, and what is left of the last."""
        asks = self.num_questions(length)
        windows, rest = divmod(asks, self.lag)
        held = ((windows * self.lag, self.lag), (rest, rest))
        return [(questions / asks, np.full(items, 1 / items)) for questions, items in held if questions]

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        asks = self.num_questions(length)
        tokens = draws.uniform(rng, rows, length, self.answers)
        asked = np.broadcast_to(np.arange(self.lag, length, dtype=np.int32), (rows, asks))
        answers = tokens[:, :asks].copy()
        stored = Stored(asked - np.int32(self.lag), np.full_like(answers, -1), answers)
        return Batch(tokens, asked, answers, stored.positions, stored)

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        return {t: tokens[t - self.lag] for t in range(self.lag, len(tokens))}
