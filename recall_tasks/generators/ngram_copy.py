"""N-gram look-up: a few symbols of a string are shown again, and what followed them is asked.

Source: Jelassi et al. 2024, "Repeat After Me" (arXiv 2402.01032), where the look-up comes in two forms, the
n-gram after the string (suffix) or before it (prefix).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import MAX_LENGTH, Preset, difficulty
from .symbols import Symbols

DIRECTIONS = ("suffix", "prefix")


@dataclass(frozen=True)
class NGramCopy(Symbols):
    """Continue a string from the one place where the n-gram that is shown again stood.

        tokens   s3 s1 s1 s4 s1 s2  .  | s1 s4  .        suffix: the 2-gram comes last; . is the blank
        targets   _  _  _  _  _  _  _  _  _ s1 s2        _ is IGNORE
        tokens   s1 s4  | s3 s1 s1 s4 s1 s2  |  .        prefix: the 2-gram comes first; | is the mark
        targets   _  _  _  _  _  _  _  _  _ s1 s2

    The string is `ngram` symbols and `num_tokens` more, those that can be asked. The place of the n-gram is
    uniform over all with `num_asked` symbols behind them. The n-gram occurs once, by construction: it is
    drawn first, uniformly, and the string grows from it in both directions, each symbol uniform over those
    that do not complete the n-gram again; the slot says nothing. A large alphabet makes the n-gram longer
    than it needs to be: to say what followed the last symbol of it when that was last shown, is right 28 %
    of the time with 4 symbols, 35 % with 8 and 73 % with 32 (of 16 that can be asked). With feedback each
    right answer is shown at the step after it. Ids: 0 the blank, 1 the mark, then symbols.

    That one symbol in num_symbols^ngram or so is not free tells a reader a little: with few symbols and
    short n-grams the answer is not uniform given the token that asks. The payload leaves out the most
    that this can be worth, which keeps the ceiling above every reader.

    Unlike the paper, the string has the same length in every row, the n-gram never occurs twice (there,
    strings with such an n-gram are drawn again, and its first place counts), and there is no end token.

    In the prefix form a reader knows beforehand what to keep: the payload is that of the answers (and, up
    to the place, of the n-gram), whatever num_tokens, and the position floor of 1 is that of a reader that
    has found them.
    """

    name: ClassVar[str] = "ngram_copy"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_tokens"
    controls: ClassVar[Sequence[str]] = ".|"
    presets: ClassVar[Mapping[str, Preset]] = {
        f"repeat_after_me_{direction}": Preset(
            {"num_tokens": 47, "num_symbols": 26, "num_asked": 1, "direction": direction},
            length,
            "the released code's longest training string, 50 letters, not 20 to 50; one letter asked, not the rest",
        )
        for direction, length in (("suffix", 54), ("prefix", 55))
    }

    num_tokens: int = difficulty(16, "symbols that can be asked", moves="load")
    ngram: int = difficulty(3, "symbols shown again", moves="form")
    num_symbols: int = difficulty(8, "size of the alphabet", moves="vocabulary")
    num_asked: int = difficulty(1, "symbols asked, one after the other", moves="questions")
    direction: str = difficulty("suffix", "the n-gram comes last, or first (prefix)", "form", choices=DIRECTIONS)
    feedback: bool = difficulty(False, "show each right answer at the step after it", moves="form")

    def check_fields(self) -> None:
        for name in ("num_tokens", "ngram", "num_asked"):
            self.within(name, 1, MAX_LENGTH)
        self.at_least("num_symbols", 2)
        if self.num_asked > self.num_tokens:
            raise ValueError(
                f"{self.name}: num_asked must be at most the {self.num_tokens} symbols behind an n-gram, "
                f"not {self.num_asked} (try --num-asked {self.num_tokens})"
            )
        # Past 64 symbols there are more n-grams than any row holds, and their number takes long to write down.
        if self.ngram <= 64 and 2 * self.num_tokens >= self.num_symbols**self.ngram:
            fits = next(n for n in count(self.ngram) if 2 * self.num_tokens < self.num_symbols**n)
            raise ValueError(
                f"{self.name}: num_tokens must be below half of num_symbols^ngram, "
                f"{self.num_symbols**self.ngram / 2:g}, not {self.num_tokens} (try --ngram {fits})"
            )

    @property
    def balanced(self) -> bool:
        return False

    @property
    def load_words(self) -> str:
        return f"{self.num_tokens} symbol{'s' * (self.num_tokens > 1)}"

    @property
    def min_length(self) -> int:
        return 2 * self.ngram + self.num_tokens + self.num_asked + (self.direction == "prefix")

    def num_questions(self, length: int) -> int:
        return self.num_asked

    @property
    def shows_answers(self) -> bool:
        return self.feedback

    @property
    def shares(self) -> NDArray[np.float64]:
        """The first and last symbols that can be asked stand behind fewer n-grams than those between."""
        if self.direction == "prefix":
            return np.full(self.num_asked, 1 / self.num_asked)
        behind = np.convolve(np.ones(self.num_tokens - self.num_asked + 1), np.ones(self.num_asked))
        return np.asarray(behind / behind.sum())

    def payload_bits(self, length: int) -> float:
        return len(self.shares) * float(np.log2(self.num_symbols)) - self._tells

    @cached_property
    def _tells(self) -> float:
        """The most bits that the n-gram's being unique can be worth.

        A free string holds the n-gram again with probability e <= num_tokens / num_symbols^ngram, and is
        else the string that is drawn: no score is above that of free strings by more than e. More bits raise
        a score less the higher it is, so the bits between scores of 1 - e and 1 are worth e anywhere: the
        maximum of the errors' h(e_i) + e_i log2(V - 1) with mean e. Any price of an error bounds it from above.
        """
        V, shares = self.num_symbols, self.shares
        again = self.num_tokens * float(V) ** -self.ngram
        prices = np.geomspace(1, 256, 512) / shares.max()
        freed = [np.log2(1 + (V - 1) * np.exp2(-price * shares)).sum() for price in prices]
        return float((prices * again + freed).min())

    def at_load(self, load: int) -> NGramCopy:
        """The same task with `load` symbols that can be asked, of which at most all are."""
        return replace(self, num_tokens=load, num_asked=min(self.num_asked, load))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        n, items, asks = self.ngram, self.num_tokens, self.num_asked
        gram = draws.uniform(rng, rows, n, self.answers)
        after = self._apart(rng, gram)
        before = self._apart(rng, gram[:, ::-1])[:, ::-1]
        start = draws.uniform(rng, rows, 1, range(items - asks + 1))
        line = np.concatenate([before, gram, after], axis=1)
        shown = np.arange(items, 2 * items + n, dtype=np.int32) - start
        string = np.take_along_axis(line, shown, axis=1)

        tokens = np.zeros((rows, length), np.int32)
        first = length - asks  # of the questions
        offset = 0 if self.direction == "suffix" else n + 1
        tokens[:, offset : offset + n + items] = string
        if self.direction == "suffix":
            tokens[:, first - n] = 1
            tokens[:, first - n + 1 : first + 1] = gram
        else:
            tokens[:, :n] = gram
            tokens[:, n] = tokens[:, first] = 1
        origins: Ints = np.add(start, np.arange(offset + n, offset + n + asks, dtype=np.int32))
        answers = np.take_along_axis(tokens, origins, axis=1)
        if self.feedback:
            tokens[:, first + 1 :] = answers[:, :-1]

        asked = np.broadcast_to(np.arange(first, length, dtype=np.int32), (rows, asks))
        positions = np.broadcast_to(np.arange(n, n + items, dtype=np.int32), (rows, items))
        if self.direction == "prefix":
            positions = origins
        values = np.take_along_axis(tokens, positions, axis=1)
        return Batch(tokens, asked, answers, origins, Stored(positions, np.full_like(values, -1), values))

    def _apart(self, rng: np.random.Generator, gram: Ints) -> Ints:
        """`num_tokens` symbols that may follow the n-gram without completing it again: [rows, num_tokens].

        Each is uniform over the symbols allowed there: all, or all but the n-gram's last.
        """
        rows, n = gram.shape
        free = draws.uniform(rng, rows, self.num_tokens, self.answers)
        shift = draws.uniform(rng, rows, self.num_tokens, range(1, self.num_symbols))
        line = np.concatenate([gram, free], axis=1)
        low = self.answers.start
        for t in range(n, line.shape[1]):
            again = (line[:, t - n + 1 : t + 1] == gram).all(axis=1)
            line[again, t] = low + (line[again, t] - low + shift[again, t - n]) % self.num_symbols
        return line[:, n:]

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        marks = [t for t, token in enumerate(tokens) if token == 1]
        if self.direction == "suffix":
            if not marks or len(tokens) < marks[0] + 1 + self.ngram:
                return {}
            first = marks[0] + self.ngram
            string, gram = tokens[: marks[0]], tokens[marks[0] + 1 : first + 1]
        else:
            if len(marks) < 2:
                return {}
            first = marks[1]
            string, gram = tokens[marks[0] + 1 : first], tokens[: marks[0]]
        places = [p for p in range(len(string)) if list(string[p : p + self.ngram]) == list(gram)]
        behind = string[places[0] + self.ngram :][: self.num_asked]
        return dict(zip(range(first, len(tokens)), behind, strict=False))
