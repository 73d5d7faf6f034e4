"""Parity: the running sum of the symbols shown, modulo a small number.

Sources: Delétang et al. 2022, "Neural Networks and the Chomsky Hierarchy" (arXiv 2207.02098), where the
last token asks; Arora et al. 2023, "Zoology" (arXiv 2312.04927), whose code asks at every token as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Ints
from ..task import Preset, difficulty
from .tracking import Tracking, asked, steps


@dataclass(frozen=True)
class Parity(Tracking):
    """Say the sum of the symbols so far, modulo their number: with two symbols, whether the ones are odd.

        tokens   s1  . s1  . s0  . s1        . is the blank
        targets   _  _ s0  _ s0  _ s1        _ is IGNORE

    Symbols are independent and uniform, so every sum is as likely as any other whatever the last symbol
    was. Ids: 0 the blank, then the symbols, which are the answers as well. Symbols stand evenly spaced,
    the last at the last token.

    A control, not recall: one number below `modulus` is carried however many symbols were shown.

    Unlike the sources, the number of symbols is the same in every row, and no end token follows.
    """

    name: ClassVar[str] = "parity"
    version: ClassVar[int] = 1
    presets: ClassVar[Mapping[str, Preset]] = {
        "chomsky": Preset({"num_steps": 39, "asked": "last"}, 40, "always 40 bits, not 1 to 40"),
        "zoology": Preset({"num_steps": 127, "asked": "every"}, 128, "as published, but for the first bit: not asked"),
    }

    num_steps: int = steps(16)
    asked: str = asked()
    modulus: int = difficulty(2, "symbols, and the number that sums are taken modulo", moves="load")

    def check_fields(self) -> None:
        super().check_fields()
        self.at_least("modulus", 2)

    @property
    def answers(self) -> range:
        return range(1, 1 + self.modulus)

    @property
    def balanced(self) -> bool:
        return True

    def payload_bits(self, length: int) -> float:
        return float(np.log2(self.modulus))

    def track(self, rng: np.random.Generator, rows: int) -> tuple[Ints, Ints]:
        symbols = draws.uniform(rng, rows, self.num_steps + 1, self.answers)
        sums = np.cumsum(symbols - 1, axis=1, dtype=np.int64) % self.modulus
        return symbols, sums.astype(np.int32) + 1

    def move(self, state: int | None, symbol: int) -> tuple[int, int]:
        total = ((state or 0) + symbol - 1) % self.modulus
        return total, total + 1

    def word(self, token: int) -> str:
        return f"s{token - 1}" if token in self.answers else "."
