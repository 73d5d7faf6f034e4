"""Copying: reproduce a string of random symbols after a delimiter.

Sources: Graves et al. 2014, "Neural Turing Machines" (arXiv 1410.5401), where nothing is shown while the
answer is given; Jelassi et al. 2024, "Repeat After Me" (arXiv 2402.01032), where each step is shown the
answer before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import draws
from ..task import Batch, Ints, Preset, Stored, Task, difficulty


@dataclass(frozen=True)
class Copy(Task):
    """Reproduce the symbols in order, the first at the delimiter itself.

        tokens   s1 s2 s3  .  .  |  .  .        without feedback; . is the blank, | the delimiter
        tokens   s1 s2 s3  .  .  | s1 s2        with feedback
        targets   _  _  _  _  _ s1 s2 s3        _ is IGNORE

    Symbols are independent and uniform. Ids: 0 the blank, 1 the delimiter, then symbols. Blanks between
    the symbols and the delimiter take up the length, so it moves the distance (length - num_tokens, the
    same for every question) at fixed load. With feedback a reader can find its place by the symbols it
    has just been shown; without, it has to count. What is asked is the order, so the slot tells all:
    the position floor is 1 and says nothing against the task.

    Unlike the sources, the string has the same length in every row, and its first symbol is asked at
    the delimiter in both forms.
    """

    name: ClassVar[str] = "copy"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_tokens"
    independent: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Preset]] = {
        "ntm": Preset({"num_tokens": 20, "num_symbols": 256}, 40, "always 20 symbols, one token each, not 1 to 20"),
    }

    num_tokens: int = difficulty(8, "symbols to copy", moves="load")
    num_symbols: int = difficulty(32, "size of the alphabet", moves="vocabulary")
    feedback: bool = difficulty(False, "show each right answer at the step after it", moves="form")

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

    def num_questions(self, length: int) -> int:
        return self.num_tokens

    @property
    def shows_answers(self) -> bool:
        return self.feedback

    def payload_bits(self, length: int) -> float:
        return self.num_tokens * float(np.log2(self.num_symbols))

    def places(self, rng: np.random.Generator, rows: int, length: int) -> Ints:
        """Where the symbols stand, in order: [rows, num_tokens]."""
        return np.broadcast_to(np.arange(self.num_tokens, dtype=np.int32), (rows, self.num_tokens))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        n = self.num_tokens
        symbols = draws.uniform(rng, rows, n, self.answers)
        places = self.places(rng, rows, length)
        tokens = np.zeros((rows, length), np.int32)
        np.put_along_axis(tokens, places, symbols, axis=1)
        tokens[:, length - n] = 1
        if self.feedback:
            tokens[:, length - n + 1 :] = symbols[:, :-1]
        asked = np.broadcast_to(np.arange(length - n, length, dtype=np.int32), (rows, n))
        return Batch(tokens, asked, symbols, places, Stored(places, np.full_like(symbols, -1), symbols))

    def solve(self, tokens: Sequence[int]) -> dict[int, int]:
        shown: list[int] = []
        for t, token in enumerate(tokens):
            if token == 1:
                return dict(zip(range(t, len(tokens)), shown, strict=False))
            if token:
                shown.append(token)
        return {}

    def spell(self, token: int) -> str:
        return f"s{token - 2}" if token in self.answers else ".|"[token]
