"""Copying: reproduce a string of random symbols after a delimiter, forwards or backwards, once or several times.

Sources: Graves et al. 2014, "Neural Turing Machines" (arXiv 1410.5401), where nothing is shown while the
answer is given, also for repeats; Delétang et al. 2023, "Neural Networks and the Chomsky Hierarchy" (arXiv
2207.02098) for reversal; Jelassi et al. 2024, "Repeat After Me" (arXiv 2402.01032), where each step is
shown the answer before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .symbols import Symbols

ORDERS = ("forward", "reverse")


@dataclass(frozen=True)
class Copy(Symbols):
    """Reproduce the symbols in order, the first at the delimiter itself.

        tokens   s1 s2 s3  .  .  |  .  .        without feedback; . is the blank, | the delimiter
        tokens   s1 s2 s3  .  .  | s1 s2        with feedback
        targets   _  _  _  _  _ s1 s2 s3        _ is IGNORE

    In reverse order the last symbol is asked first; with repeats the string is asked so many times, one
    round after the other without a mark between them. Symbols are independent and uniform. Ids: 0 the
    blank, 1 the delimiter, then symbols. Blanks between the symbols and the delimiter take up the length,
    so it moves the distance at fixed load. With feedback a reader can find its place by the symbols it has
    just been shown; without, it has to count. What is asked is the order, so the slot tells all: the
    position floor is 1 and says nothing against the task.

    A round asks for all that the one before did: the payload stays that of one string. With feedback each
    round also shows the string again, so rounds after the first ask to be copied from the round before,
    num_tokens before (the distances that are reported count from the string itself), and no closed form
    holds for its bag floor, which is measured. A single symbol asked again would stand on the token that
    asks: that is refused.

    Unlike the sources, the string has the same length in every row, the number of repeats is not shown,
    and the first symbol is asked at the delimiter in both forms.
    """

    name: ClassVar[str] = "copy"
    version: ClassVar[int] = 2
    load: ClassVar[str] = "num_tokens"
    controls: ClassVar[Sequence[str]] = ".|"
    presets: ClassVar[Mapping[str, Preset]] = {
        "ntm": Preset({"num_tokens": 20, "num_symbols": 256}, 40, "always 20 symbols, one token each, not 1 to 20"),
        "ntm_repeat": Preset(
            {"num_tokens": 10, "num_symbols": 256, "repeats": 10}, 110, "always 10 symbols 10 times, not 1 to 10"
        ),
        "repeat_after_me": Preset(
            {"num_tokens": 20, "num_symbols": 26, "feedback": True}, 40, "always 20 letters, not 5 to 20; no end token"
        ),
        "chomsky_duplicate": Preset(
            {"num_tokens": 40, "num_symbols": 2, "repeats": 2}, 120, "always 40 bits, not 1 to 40"
        ),
        "chomsky_reverse": Preset(
            {"num_tokens": 40, "num_symbols": 2, "order": "reverse"}, 80, "always 40 bits, not 1 to 40"
        ),
        "s4": Preset(
            {"num_tokens": 10, "num_symbols": 8}, 120, "one delimiter, not a marker for each answer; 100 blanks"
        ),
    }

    num_tokens: int = difficulty(8, "symbols to copy", moves="load")
    num_symbols: int = difficulty(32, "size of the alphabet", moves="vocabulary")
    feedback: bool = difficulty(False, "show each right answer at the step after it", moves="form")
    order: str = difficulty("forward", "forward, or reverse: the last symbol first", moves="form", choices=ORDERS)
    repeats: int = difficulty(1, "times the string is asked", moves="questions")

    def check_fields(self) -> None:
        self.at_least("num_tokens", 1)
        self.at_least("num_symbols", 2)
        self.at_least("repeats", 1)
        if self.feedback and self.repeats > 1 and self.num_tokens == 1:
            raise ValueError(
                f"{self.name}: feedback shows a single symbol where it is asked again in each of {self.repeats} "
                f"repeats (try --num-tokens 2 or --repeats 1)"
            )

    @property
    def independent(self) -> bool:
        # With feedback every round shows the string once more: no bag to cross off from.
        return not (self.feedback and self.repeats > 1)

    @property
    def load_words(self) -> str:
        return f"{self.num_tokens} symbol{'s' * (self.num_tokens > 1)}"

    @property
    def min_length(self) -> int:
        return self.num_tokens * (1 + self.repeats)

    def num_questions(self, length: int) -> int:
        return self.num_tokens * self.repeats

    @property
    def shows_answers(self) -> bool:
        return self.feedback

    def payload_bits(self, length: int) -> float:
        return self.num_tokens * float(np.log2(self.num_symbols))

    def bottlenecks(self, length: int) -> list[tuple[float, NDArray[np.float64]]]:
        """Each round rests on the state before it. With feedback the first token of a later round shows the
        symbol that round asks last, so there any n - 1 successive questions rest on the state before them."""
        n, asks = self.num_tokens, self.num_questions(length)
        if not self.feedback or self.repeats == 1:
            return [(1.0, self.shares)]
        windows, rest = divmod(asks - n, n - 1)
        held = ((n, n), (windows * (n - 1), n - 1), (rest, rest))
        return [(questions / asks, np.full(items, 1 / items)) for questions, items in held if items]

    def symbols(self, rng: np.random.Generator, rows: int) -> Ints:
        """The strings: [rows, num_tokens]."""
        return draws.uniform(rng, rows, self.num_tokens, self.answers)

    def places(self, rng: np.random.Generator, rows: int, length: int) -> Ints:
        """Where the symbols stand, in order: [rows, num_tokens]."""
        return np.broadcast_to(np.arange(self.num_tokens, dtype=np.int32), (rows, self.num_tokens))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        start = length - self.num_questions(length)
        symbols = self.symbols(rng, rows)
        places = self.places(rng, rows, length)
        turned = slice(None, None, 1 if self.order == "forward" else -1)
        answers, origins = (np.tile(a[:, turned], self.repeats) for a in (symbols, places))
        tokens = np.zeros((rows, length), np.int32)
        np.put_along_axis(tokens, places, symbols, axis=1)
        tokens[:, start] = 1
        if self.feedback:
            tokens[:, start + 1 :] = answers[:, :-1]
        asked = np.broadcast_to(np.arange(start, length, dtype=np.int32), answers.shape)
        return Batch(tokens, asked, answers, origins, Stored(places, np.full_like(symbols, -1), symbols))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        shown: list[int] = []
        for t, token in enumerate(tokens):
            if token == 1:
                string = shown if self.order == "forward" else shown[::-1]
                return dict(zip(range(t, len(tokens)), string * self.repeats, strict=False))
            if token in self.answers:
                shown.append(token)
        return {}
