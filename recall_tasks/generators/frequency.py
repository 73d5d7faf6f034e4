"""Frequency: which symbol of the row was shown most often, or second most often, and so on.

Source: Hsieh et al. 2024, "RULER" (arXiv 2404.06654), its extraction of common and of frequent words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .symbols import Symbols


@dataclass(frozen=True)
class Frequency(Symbols):
    """Name the symbol that was shown `rank`-th most often; the mark that asks is the last token.

        tokens    . s3 s7 s3  .  . s3 s7 s5  ?        . is the blank, ? the mark; margin 1, rank 1
        targets   _  _  _  _  _  _  _  _  _ s3        _ is IGNORE

    The symbols of a row are distinct, in uniform order; the least common is shown `margin` times and each
    one more common `margin` times more than the one below it. Every place before the mark is as likely
    as any other to hold a symbol: neither the first, nor the last, nor the identity of a symbol says how
    common it is. The last one shown is the most common as often as its share of the counts (the recency
    floor), and knowing how often each was shown is the task itself (the bag floor of rank 1 is 1). Blanks take up the
    length: it moves the distance at fixed counts. Ids: 0 the blank, 1 the mark, then symbols.

    The answer is one symbol, yet what must be carried before it is known is more. The payload is a lower
    bound: once half of the row's symbols have each been shown `margin` times, any two sets that these may
    be can lead to different answers by the same continuation (exchange, pair by pair, the symbols that
    are in one set alone; whichever of a pair is ahead by `margin` takes the higher of two neighbouring
    ranks), so log2 C(num_symbols, num_shown // 2) bits are needed, and log2 num_symbols at the end.

    Unlike the paper, symbols are tokens and not words, one rank is asked and not the first few, and counts
    rise evenly rather than in two classes or by a power law.
    """

    name: ClassVar[str] = "frequency"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_shown"
    controls: ClassVar[Sequence[str]] = ".?"
    derived: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Preset]] = {
        "common": Preset(
            {"num_shown": 16, "margin": 24}, 4096, "after RULER's common words at 4096: one asked, counts rise evenly"
        ),
    }

    num_shown: int = difficulty(6, "different symbols shown in a row", moves="load")
    rank: int = difficulty(1, "which is asked: 1 the most common, 2 the second, and so on", moves="form")
    margin: int = difficulty(1, "by how much the counts of two neighbouring ranks differ", moves="interference")
    num_symbols: int = difficulty(32, "size of the alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_shown", 1)
        self.at_least("margin", 1)
        self.at_least("num_symbols", 2)
        self.within("rank", 1, self.num_shown)
        if self.num_symbols < self.num_shown:
            raise ValueError(
                f"{self.name}: {self.num_shown} symbols of a row need an alphabet as large, not {self.num_symbols} "
                f"(try --num-symbols {self.num_shown})"
            )

    @property
    def balanced(self) -> bool:
        return True

    @property
    def load_words(self) -> str:
        return f"{self.num_shown} {'symbol' if self.num_shown == 1 else 'symbols'}"

    @property
    def counts(self) -> list[int]:
        """How often the symbol of each rank is shown, the most common first."""
        return [self.margin * place for place in range(self.num_shown, 0, -1)]

    @property
    def min_length(self) -> int:
        return sum(self.counts) + 1

    def num_questions(self, length: int) -> int:
        return 1

    def payload_bits(self, length: int) -> float:
        sets = comb(self.num_symbols, self.num_shown // 2)
        return float(np.log2(max(self.num_symbols, sets)))

    @property
    def shares(self) -> NDArray[np.float64]:
        return np.ones(1)

    def at_load(self, load: int) -> Frequency:
        """The same task with `load` symbols to a row, the least common asked where there are fewer than `rank`."""
        return replace(self, num_shown=load, rank=min(self.rank, load))

    def from_bag(self, tokens: Ints, times: Ints, ids: Ints, counts: Ints) -> Ints:
        """Counts are all that is asked for."""
        ranked = np.argsort(-counts, axis=1, kind="stable")[:, self.rank - 1]
        return np.take_along_axis(ids, ranked[:, None], axis=1)[:, 0]

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        symbols = draws.distinct(rng, rows, self.num_shown, self.num_symbols) + np.int32(self.answers.start)
        shown = np.repeat(symbols, self.counts, axis=1)
        total = shown.shape[1]
        tokens = np.zeros((rows, length), np.int32)
        tokens[:, :total] = shown
        tokens[:, :-1] = rng.permuted(tokens[:, :-1], axis=1)
        tokens[:, -1] = 1

        # A stable sort brings the places that hold symbols to the front, in order.
        order = np.argsort(tokens[:, :-1] == 0, axis=1, kind="stable")
        places = order[:, :total].astype(np.int32)
        values = np.take_along_axis(tokens, places, axis=1)
        asked = np.full((rows, 1), length - 1, np.int32)
        answers = symbols[:, self.rank - 1 : self.rank]
        return Batch(tokens, asked, answers, places[:, :1], Stored(places, np.full_like(values, -1), values))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        times: dict[int, int] = {}
        for t, token in enumerate(tokens):
            if token == 1:
                ranked = sorted(times, key=lambda symbol: -times[symbol])
                return {t: ranked[self.rank - 1]}
            if token:
                times[token] = times.get(token, 0) + 1
        return {}
