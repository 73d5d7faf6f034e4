"""Selective copying: reproduce, in order, the symbols scattered among blanks.

Source: Gu & Dao 2023, "Mamba" (arXiv 2312.00752).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import draws
from ..task import Batch, Task, difficulty
from .copying import recite, recited


@dataclass(frozen=True)
class SelectiveCopy(Task):
    """Keep the symbols, skip the blanks; reproduce the symbols from the delimiter on.

        tokens    . s1  .  . s2 s3  .  |  .  .        without feedback; . is the blank, | the delimiter
        tokens    . s1  .  . s2 s3  .  | s1 s2        with feedback
        targets   _  _  _  _  _  _  _ s1 s2 s3        _ is IGNORE

    Symbols are independent and uniform, their places a uniform subset of the tokens before the
    delimiter: whether a token counts depends on what it is, not on where it stands. Ids: 0 the blank,
    1 the delimiter, then symbols. As in copying the slot tells which symbol is asked, and no more.

    Unlike the paper, one delimiter stands before the answers (not one marker for each of them).
    """

    name: ClassVar[str] = "selective_copy"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_tokens"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "mamba": {"num_tokens": 16, "num_symbols": 15},
    }

    num_tokens: int = difficulty(8, "symbols to copy")
    num_symbols: int = difficulty(32, "size of the alphabet")
    feedback: bool = difficulty(False, "show each right answer at the step after it")

    def check_fields(self) -> None:
        self.at_least("num_tokens", 1)
        self.at_least("num_symbols", 2)

    @property
    def answers(self) -> range:
        return range(2, 2 + self.num_symbols)

    @property
    def vocab_size(self) -> int:
        return self.answers.stop

    @property
    def min_length(self) -> int:
        return 2 * self.num_tokens

    @property
    def num_questions(self) -> int:
        return self.num_tokens

    @property
    def shows_answers(self) -> bool:
        return self.feedback

    def payload_bits(self, length: int) -> float:
        return self.num_tokens * float(np.log2(self.num_symbols))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        symbols = draws.uniform(rng, rows, self.num_tokens, self.answers)
        places = draws.subsets(rng, rows, self.num_tokens, length - self.num_tokens)
        return recited(symbols, np.sort(places, axis=1), length, self.feedback)

    def solve(self, tokens: Sequence[int]) -> dict[int, int]:
        return recite(tokens)

    def spell(self, token: int) -> str:
        return f"s{token - 2}" if token in self.answers else ".|"[token]
