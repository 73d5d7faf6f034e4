"""N-back: is this symbol the one that was shown a fixed number of steps ago?

Source: Kirchner 1958, "Age differences in short-term retention of rapidly changing information" (Journal
of Experimental Psychology 55).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Stored
from ..task import difficulty
from .matching import Matching


@dataclass(frozen=True)
class NBack(Matching):
    """Say at each step, from `lag` on, whether the symbol is the same as `lag` steps ago.

        tokens   s4 s1 s4 s2 s0 s2        with lag 2
        targets   _  _ yes no no yes      _ is IGNORE

    Each answer is a fair coin of its own. A match copies the symbol of `lag` steps ago, any other is
    uniform over the rest: every symbol is as likely as any other at every step, so the one that asks
    tells nothing. Every token is a symbol: length moves the number of questions, neither what is held nor
    the distance. Ids: 0 the blank, which is never shown, then `no` and `yes`, which are never shown
    either, then symbols.

    A symbol and the one `lag` steps ago depend on each other, but the last `lag` symbols are of as many
    chains that never touch: they are independent and uniform, and any of them may be asked about. So
    what must be held is exactly lag * log2 num_symbols bits (in rows shorter than 2 lag, the symbols that
    will be asked about). A test of a sliding window more than of storage: what is held is replaced at
    every step.
    """

    name: ClassVar[str] = "n_back"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "lag"
    derived: ClassVar[bool] = True
    controls: ClassVar[Sequence[str]] = (".", "no", "yes")

    lag: int = difficulty(4, "steps between a symbol and the one it is compared with", moves="load")
    num_symbols: int = difficulty(4, "size of the alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("lag", 1)
        self.at_least("num_symbols", 2)

    @property
    def load_words(self) -> str:
        return f"a lag of {self.lag}"

    @property
    def min_length(self) -> int:
        return self.lag + 1

    def num_questions(self, length: int) -> int:
        return length - self.lag

    def payload_bits(self, length: int) -> float:
        return min(self.lag, length - self.lag) * float(np.log2(self.num_symbols))

    def bottlenecks(self, length: int) -> list[tuple[float, NDArray[np.float64]]]:
        """One for all runs of `lag` questions, which ask about what was held when they began, one for the rest."""
        asks = self.num_questions(length)
        rest = asks % self.lag
        held = [(asks - rest, self.lag), (rest, rest)]
        return [(questions / asks, np.full(items, 1 / items)) for questions, items in held if questions]

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        V, lag = self.num_symbols, self.lag
        asks = length - lag
        match = draws.uniform(rng, rows, asks, range(2))
        other = draws.uniform(rng, rows, asks, range(1, V))
        first = draws.uniform(rng, rows, lag, range(V))

        # Each chain moves on by 0 at a match: its symbols are sums of its moves.
        chained = np.zeros((rows, -(-length // lag) * lag), np.int64)
        chained[:, :lag] = first
        chained[:, lag:length] = np.where(match == 1, 0, other)
        sums = chained.reshape(rows, -1, lag).cumsum(axis=1).reshape(rows, -1)[:, :length]
        tokens = (sums % V + self.alphabet.start).astype(np.int32)

        places = np.broadcast_to(np.arange(length, dtype=np.int32), (rows, length))
        stored = Stored(places[:, :asks], np.full((rows, asks), -1, np.int32), tokens[:, :asks])
        return Batch(tokens, places[:, lag:], match + np.int32(1), places[:, :asks], stored)

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        return {t: 2 if tokens[t] == tokens[t - self.lag] else 1 for t in range(self.lag, len(tokens))}
