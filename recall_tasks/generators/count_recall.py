"""Count recall: how often has each symbol been shown?

Source: Morad et al. 2023, "POPGym: Benchmarking Partially Observable Reinforcement Learning" (arXiv
2303.01859), CountRecall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import draws
from ..batch import Batch, Ints, Stored
from ..information import mean_bits, naming_bits
from ..task import Preset, Task, difficulty

ASKED = ("last", "every")


@dataclass(frozen=True)
class CountRecall(Task):
    """Say how often each symbol has been shown so far, after the last round of cards or after every one.

        tokens   s3  -  -  -  .  ? s1 s3                asked last; two rounds, . is the blank
        targets   _  _  _  _  _  _ n0 n1                _ is IGNORE
        tokens   s3  -  . ? s1 s3  - s3  . ? s3 s1      asked every round
        targets   _  _  _ _ n0 n1  _  _  _ _ n2 n0

    A round deals one card for each symbol, in an order drawn anew: a card shows its symbol or, face down,
    `-`. How often a symbol is shown is uniform from 0 to `max_count`, the number of rounds, and in which
    of them is uniform too: after r rounds its count is uniform from 0 to r, and counts are independent of
    each other. After the mark each symbol of the row is asked once, in uniform order, so neither the
    place nor the order of a question says what it asks. Symbols of a row are distinct. Blanks before the
    marks take up the length. Ids: 0 the blank, 1 the mark, `-`, symbols, then the counts, never shown.

    Asked last, every count is as likely as any other. Asked every round, counts are low at first, so
    whoever knows the round, or just that 0 is commonest, is above chance: the floors say how far. The
    payload is that of the counts of symbols that are known; where the alphabet is larger than a row's
    symbols, as with keys elsewhere, which symbols they are comes on top.

    Unlike the source, all symbols are asked after a round and not one after each card, cards may be face
    down, and a count can reach its maximum.
    """

    name: ClassVar[str] = "count_recall"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_counted"
    derived: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Preset]] = {
        "popgym_easy": Preset(
            {"num_counted": 2, "num_symbols": 2, "max_count": 26, "asked": "every"},
            130,
            "two colours to 26; both are asked after each of 26 rounds, some cards are face down",
        ),
        "popgym_medium": Preset(
            {"num_counted": 4, "num_symbols": 4, "max_count": 26, "asked": "every"},
            234,
            "four suits to 26; all are asked after each of 26 rounds, some cards are face down",
        ),
        "popgym_hard": Preset(
            {"num_counted": 13, "num_symbols": 13, "max_count": 16, "asked": "every"},
            432,
            "thirteen ranks to 16; all are asked after each of 16 rounds, some cards are face down",
        ),
    }

    num_counted: int = difficulty(8, "symbols of a row, each with its count", moves="load")
    max_count: int = difficulty(3, "rounds of cards, and the highest count", moves="load")
    num_symbols: int = difficulty(8, "size of the symbol alphabet", moves="vocabulary")
    asked: str = difficulty("last", "when counts are asked: after the last round or every", "questions", choices=ASKED)

    def check_fields(self) -> None:
        self.at_least("num_counted", 1)
        self.at_least("max_count", 1)
        if self.num_symbols < self.num_counted:
            raise ValueError(
                f"{self.name}: {self.num_counted} symbols of a row need an alphabet as large, not {self.num_symbols} "
                f"(try --num-symbols {self.num_counted})"
            )

    @property
    def alphabet(self) -> range:
        """What a card can show: nothing, or a symbol."""
        return range(2, 3 + self.num_symbols)

    @property
    def answers(self) -> range:
        return range(self.alphabet.stop, self.alphabet.stop + self.max_count + 1)

    @property
    def vocab_size(self) -> int:
        return self.answers.stop

    @property
    def balanced(self) -> bool:
        return self.asked == "last"

    @property
    def load_words(self) -> str:
        return f"{self.num_counted} counted {'symbol' if self.num_counted == 1 else 'symbols'}"

    @property
    def blocks(self) -> int:
        """How often all are asked."""
        return self.max_count if self.asked == "every" else 1

    @property
    def min_length(self) -> int:
        return self.num_counted * self.max_count + self.blocks * (1 + self.num_counted)

    def num_questions(self, length: int) -> int:
        return self.blocks * self.num_counted

    def payload_bits(self, length: int) -> float:
        return self.num_counted * float(np.log2(1 + self.max_count))

    def bits_for(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """What naming a count takes: after r rounds it is one of r + 1, and each round has the same bits."""
        most = 1 + self.max_count
        return naming_bits(accuracy, most) if self.asked == "last" else mean_bits(accuracy, tuple(range(2, most + 1)))

    def from_bag(self, tokens: Ints, times: Ints, ids: Ints, counts: Ints) -> Ints:
        """Counts are all that is asked for."""
        return np.minimum(self.answers.start + times, self.answers.stop - 1).astype(np.int32)

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        K, C, blocks = self.num_counted, self.max_count, self.blocks
        symbols = draws.distinct(rng, rows, K, self.num_symbols) + np.int32(self.alphabet.start + 1)
        counts = draws.uniform(rng, rows * K, 1, range(C + 1))
        shown = (draws.shuffled(rng, rows * K, C) < counts).reshape(rows, K, C).swapaxes(1, 2)
        orders = draws.shuffled(rng, rows * C, K).reshape(rows, C, K)
        faces = np.where(shown, symbols[:, None], np.int32(self.alphabet.start))
        cards = np.take_along_axis(faces, orders, axis=2).reshape(rows, blocks, -1)
        which = draws.shuffled(rng, rows * blocks, K).reshape(rows, blocks, K)

        # Each block is cards, blanks, the mark and its questions; blanks that do not divide come first.
        blanks, front = divmod(length - self.min_length, blocks)
        tokens = np.zeros((rows, length), np.int32)
        block = tokens[:, front:].reshape(rows, blocks, -1)
        each = cards.shape[2]
        block[:, :, :each] = cards
        block[:, :, each + blanks] = 1
        block[:, :, each + blanks + 1 :] = np.take_along_axis(
            np.broadcast_to(symbols[:, None], which.shape), which, axis=2
        )
        tokens[:, front:] = block.reshape(rows, -1)

        places = front + np.arange(length - front, dtype=np.int32).reshape(blocks, -1)
        written = np.broadcast_to(places[:, :each].reshape(-1), (rows, K * C))
        asked = np.broadcast_to(places[:, each + blanks + 1 :].reshape(-1), (rows, blocks * K))
        values = cards.reshape(rows, -1)

        total = shown.cumsum(axis=1, dtype=np.int32)[:, -blocks:]
        said = np.take_along_axis(total, which, axis=2).reshape(rows, -1)
        # A count rests on its symbol's first card face up; where there was none so far, on all cards.
        slot = np.argsort(orders, axis=2, kind="stable") + np.arange(C)[:, None] * K
        first_slot = np.where(shown, slot, K * C).min(axis=1)
        first = np.append(written[0], written[0, 0])[first_slot]
        origins = np.take_along_axis(np.broadcast_to(first[:, None], which.shape), which, axis=2).reshape(rows, -1)
        origins = np.where(said > 0, origins, written[:, :1]).astype(np.int32)
        stored = Stored(written, np.full_like(values, -1), values)
        return Batch(tokens, asked, said + np.int32(self.answers.start), origins, stored)

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        times: dict[int, int] = {}
        answers: dict[int, int] = {}
        left = 0
        for t, token in enumerate(tokens):
            if token == 1:
                left = self.num_counted
            elif left:
                answers[t] = self.answers.start + times.get(token, 0)
                left -= 1
            elif token:
                times[token] = times.get(token, 0) + 1
        return answers

    def word(self, token: int) -> str:
        if token in self.answers:
            return f"n{token - self.answers.start}"
        return f"s{token - 3}" if token > 2 else ".?-"[token]
