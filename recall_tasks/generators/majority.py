"""Cumulative majority: which of two symbols has been shown more often so far.

Source: Arora et al. 2023, "Zoology" (arXiv 2312.04927), whose code asks for the majority at the last token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import draws
from ..batch import Ints
from ..information import naming_bits
from ..task import Preset, difficulty
from .tracking import Tracking, asked


@dataclass(frozen=True)
class Majority(Tracking):
    """Say which symbol leads; at a tie, the one that led before it.

        tokens   s1  . s0  . s0  . s1        . is the blank
        targets   _  _ s1  _ s0  _ s0        _ is IGNORE

    Symbols are independent and uniform, and the rule for ties favours neither: both answers are equally
    likely at every place. Ids: 0 the blank, then the symbols, which are the answers as well. Symbols
    stand evenly spaced, the last at the last token.

    A control, not recall: one lead is carried. A lead that the symbols left cannot overturn need not be
    known exactly, so (num_steps + 4) // 2 states must be told apart at worst, and most of them are rare.
    Knowing how often each was shown is the task itself, so the bag floor is 1 but for ties.
    Without memory the t-th symbol is right with probability 1/2 if t is even (it changes no leader) and
    1/2 + C(t - 1, (t - 1) / 2) / 2^t if t is odd (it decides a tie): the memoryless floor and the ceiling
    at no bits are above chance unless the last symbol alone is asked and is an even one.

    Unlike the source, the number of symbols is the same in every row, ties go to neither symbol, and no
    end token follows.
    """

    name: ClassVar[str] = "majority"
    version: ClassVar[int] = 1
    presets: ClassVar[Mapping[str, Preset]] = {
        "zoology": Preset({"num_steps": 63, "asked": "last"}, 64, "no end token; always 64 bits; ties keep the leader"),
    }

    num_steps: int = difficulty(16, "symbols after the first, each of which moves the lead", moves="load")
    asked: str = asked()

    @property
    def answers(self) -> range:
        return range(1, 3)

    @property
    def balanced(self) -> bool:
        return self.asked == "last" and self.num_steps % 2 == 1

    def payload_bits(self, length: int) -> float:
        return float(np.log2((self.num_steps + 4) // 2))

    def bits_for(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """What naming one of two takes, less what the symbol that asks tells of its answer."""
        asking = self.floors[1:] if self.asked == "every" else self.floors[-1:]
        return np.asarray(np.maximum(0.0, naming_bits(accuracy, 2) - naming_bits(asking, 2).mean()))

    @property
    def floors(self) -> NDArray[np.float64]:
        """The best accuracy without memory at each symbol, the first of which does not ask: [num_steps + 1]."""
        half = np.arange(1, self.num_steps // 2 + 1)
        ties = np.concatenate([[1.0], np.cumprod(1 - 0.5 / half)])  # how likely 2 m symbols tie
        floors = np.full(self.num_steps + 1, 0.5)
        floors[::2] += ties / 2
        return floors

    def track(self, rng: np.random.Generator, rows: int) -> tuple[Ints, Ints]:
        symbols = draws.uniform(rng, rows, self.num_steps + 1, self.answers)
        lead = np.cumsum(2 * symbols - 3, axis=1, dtype=np.int32)
        # Leads are odd and even in turn, so before a tie there is none: whoever led is not who made it.
        states = np.where(lead == 0, 3 - symbols, np.where(lead > 0, 2, 1)).astype(np.int32)
        return symbols, states

    def move(self, state: int | None, symbol: int) -> tuple[int, int]:
        before = state or 0
        after = before + (1 if symbol == 2 else -1)
        return after, 2 if (after or before) > 0 else 1

    def word(self, token: int) -> str:
        return f"s{token - 1}" if token in self.answers else "."
