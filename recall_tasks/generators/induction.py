"""Induction: a mark was shown somewhere in a stream; shown again, it asks for the token that stood behind it.

Sources: Fu et al. 2023, "Hungry Hungry Hippos" (arXiv 2212.14052); Gu & Dao 2023, "Mamba" (arXiv 2312.00752).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .symbols import Symbols


@dataclass(frozen=True)
class Induction(Symbols):
    """Recall the token behind the last occurrence of the mark.

        tokens   s4 s2  | s7 s2  | s1 s4 s9  |        | is the mark
        targets   _  _  _  _  _  _  _  _  _ s1        _ is IGNORE

    The stream and the answer share one alphabet, all of it independent and uniform: what makes a token
    worth keeping is the mark before it. The marks take any places that leave each a token of its own, all
    arrangements equally likely. With `depth` the last of them stands at that fraction of the places it can
    take, and the others anywhere before it. Ids: 0 the blank, which is never shown, 1 the mark, then
    symbols.

    Unlike in the first source, several marks have a token each and the last counts, rather than repeat
    the first one's.

    No test of capacity: it asks for log2 num_symbols bits at any length, held against a stream that looks
    alike. A reader that keeps the token behind a mark until the next mark is right; the position floor of 1
    is that of a reader which knows that token already.
    """

    name: ClassVar[str] = "induction"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_occurrences"
    controls: ClassVar[Sequence[str]] = ".|"
    presets: ClassVar[Mapping[str, Preset]] = {
        "h3": Preset({"num_symbols": 18}, 31, "a row of 30 tokens and the mark; of 20 ids two are not symbols"),
        "mamba": Preset({"num_symbols": 15}, 256, "16 tokens with the mark; published from 64 to 2^20 tokens"),
    }

    num_occurrences: int = difficulty(1, "marks in the stream; the last one counts", moves="interference")
    num_symbols: int = difficulty(32, "size of the alphabet", moves="vocabulary")
    depth: float | None = difficulty(None, "where the last mark stands, 0 to 1; none: anywhere", "depth", float)

    def check_fields(self) -> None:
        self.at_least("num_occurrences", 1)
        self.at_least("num_symbols", 2)
        self.within("depth", 0, 1)

    @property
    def min_length(self) -> int:
        return 2 * self.num_occurrences + 1

    @property
    def shares(self) -> NDArray[np.float64]:
        return np.ones(1)

    def num_questions(self, length: int) -> int:
        return 1

    def payload_bits(self, length: int) -> float:
        return float(np.log2(self.num_symbols))

    def at_distance(self, distance: int, length: int) -> Induction:
        places = length - 1 - 2 * self.num_occurrences
        if not 1 <= distance <= places + 1:
            raise ValueError(
                f"{self.name}: {self.load_words} in {length} tokens leave the last 1 to {places + 1} tokens before the "
                f"question, not {distance}"
            )
        return replace(self, depth=(places + 1 - distance) / max(1, places))

    def marks(self, rng: np.random.Generator, rows: int, length: int) -> Ints:
        """Where the marks stand, in order: [rows, num_occurrences].

        A mark with its token is drawn as one cell of a row in which they are one token long, and moved on
        by those before it.
        """
        n = self.num_occurrences
        if self.depth is None:
            return draws.spans(rng, rows, n, 2, length - 1)
        last = n - 1 + round(self.depth * (length - 1 - 2 * n))
        before = np.sort(draws.subsets(rng, rows, n - 1, last), axis=1)
        cells = np.concatenate([before, np.full((rows, 1), last, np.int32)], axis=1)
        return cells + np.arange(n, dtype=np.int32)

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        tokens = draws.uniform(rng, rows, length, self.answers)
        marks = self.marks(rng, rows, length)
        np.put_along_axis(tokens, marks, np.int32(1), axis=1)
        tokens[:, -1] = 1
        origins = marks[:, -1:] + np.int32(1)
        answers = np.take_along_axis(tokens, origins, axis=1)
        asked = np.full((rows, 1), length - 1, np.int32)
        return Batch(tokens, asked, answers, origins, Stored(origins, np.full_like(answers, -1), answers))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        behind: list[int] = []
        answers: dict[int, int] = {}
        for t, token in enumerate(tokens):
            if token == 1 and len(behind) == self.num_occurrences:
                answers[t] = behind[-1]
            elif t and tokens[t - 1] == 1:
                behind.append(token)
        return answers
