"""Autoencode: cards dealt without replacement are watched, then played back.

Source: Morad et al. 2023, "POPGym: Benchmarking Partially Observable Reinforcement Learning" (arXiv
2303.01859).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import lgamma, log
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Ints
from ..task import Preset, difficulty
from .copying import Copy


def _popgym(decks: int) -> Preset:
    fields = {"num_tokens": 52 * decks, "num_decks": decks}
    return Preset(fields, 104 * decks, "the delimiter is a token after the last card, not a flag on it")


MAX_CARDS = 2**24


@dataclass(frozen=True)
class Autoencode(Copy):
    """Reproduce the suits of the cards that were dealt, the last card first.

        tokens   s2 s0 s0 s1  .  |  .  .  .        . is the blank, | the delimiter
        targets   _  _  _  _  _ s1 s0 s0 s2        _ is IGNORE

    A symbol is a suit; a deck holds `num_ranks` cards of each. The cards dealt are a uniform arrangement
    of cards without replacement: every suit is as likely at every place, but each card tells a little of
    the others, and where all cards are dealt the counts are known before. The payload is the entropy of
    what is shown: for whole decks log2 of the number of arrangements of the suits. Ids and the rest as in
    copying, of which this is the form that POPGym asks (`order reverse`, no feedback).

    Unlike the source, the delimiter is a token of its own, and some of the deck may be left.

    Counting cards is worth something: with feedback a reader without memory is above chance, since the
    suit just shown is a little less likely to come next.
    """

    name: ClassVar[str] = "autoencode"
    version: ClassVar[int] = 1
    presets: ClassVar[Mapping[str, Preset]] = {
        "popgym_easy": _popgym(1),
        "popgym_medium": _popgym(2),
        "popgym_hard": _popgym(3),
    }

    num_tokens: int = difficulty(16, "cards dealt", moves="load")
    num_symbols: int = difficulty(4, "suits", moves="vocabulary")
    order: str = difficulty(
        "reverse", "forward, or reverse: the last card first", moves="form", choices=("forward", "reverse")
    )
    num_ranks: int = difficulty(13, "cards of each suit in a deck", moves="form")
    num_decks: int = difficulty(1, "decks that are shuffled together", moves="form")

    def check_fields(self) -> None:
        super().check_fields()
        self.at_least("num_ranks", 1)
        self.at_least("num_decks", 1)
        if self.num_cards > MAX_CARDS:
            raise ValueError(
                f"{self.name}: decks of {self.num_cards:,} cards are over the limit of {MAX_CARDS:,} "
                f"(try a smaller --num-ranks or --num-decks)"
            )
        if self.num_tokens > self.num_cards:
            raise ValueError(
                f"{self.name}: {self.num_tokens} cards cannot be dealt from {self.num_cards} "
                f"(try --num-decks {self._decks(self.num_tokens)})"
            )

    @property
    def num_cards(self) -> int:
        """Cards in all decks."""
        return self.num_decks * self.num_ranks * self.num_symbols

    def _decks(self, cards: int) -> int:
        """The fewest decks with so many cards."""
        return -(-cards // (self.num_ranks * self.num_symbols))

    @property
    def independent(self) -> bool:
        return False

    @property
    def balanced(self) -> bool:
        return not self.feedback

    @property
    def load_words(self) -> str:
        return f"{self.num_tokens} card{'s' * (self.num_tokens != 1)}"

    def payload_bits(self, length: int) -> float:
        return dealing_bits(self.num_tokens, self.num_symbols, self.num_decks * self.num_ranks)

    def at_load(self, load: int) -> Autoencode:
        """The same task dealing `load` cards, from more decks where these do not hold so many."""
        return replace(self, num_tokens=load, num_decks=max(self.num_decks, self._decks(load)))

    def symbols(self, rng: np.random.Generator, rows: int) -> Ints:
        cards = draws.distinct(rng, rows, self.num_tokens, self.num_cards)
        return cards % np.int32(self.num_symbols) + np.int32(self.answers.start)


@lru_cache(maxsize=4096)
def dealing_bits(dealt: int, suits: int, each: int) -> float:
    """Entropy in bits of the suits of `dealt` cards, in order, out of a deck with `each` cards of every suit.

    A dealing with c_s cards of suit s has probability prod each! / (each - c_s)! over cards! / (cards -
    dealt)!, and each c_s is hypergeometric. With all cards dealt it is log2 of the multinomial coefficient.
    """
    cards = suits * each
    ways = 0.0
    for count in range(max(0, dealt - (cards - each)), min(each, dealt) + 1):
        chosen = _log_choose(each, count) + _log_choose(cards - each, dealt - count) - _log_choose(cards, dealt)
        ways += np.exp(chosen) * (lgamma(each + 1) - lgamma(each - count + 1))
    return float((lgamma(cards + 1) - lgamma(cards - dealt + 1) - suits * ways) / log(2))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
