"""Compression: a whole sequence is read into one state, and any of its places may be asked.

Sources: Poli et al. 2024, "Mechanistic Design and Scaling of Hybrid Architectures", the MAD tasks (arXiv
2403.17844); Osband et al. 2020, "Behaviour Suite for Reinforcement Learning" (arXiv 1908.03568) for one
question about many bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .roles import Roles


def _mad(length: int = 32, vocabulary: int = 16) -> Preset:
    """The baseline, or one change of it: one of MAD's ids and the last token are the mark."""
    n = length - 1
    fields = {"num_tokens": n, "num_symbols": vocabulary - 1, "num_places": n}
    return Preset(fields, 2 * n + 1, f"each place asked by a token of its own after the mark, not all {n} at the mark")


@dataclass(frozen=True)
class Compression(Roles):
    """Recall the symbols of a sequence by their places, in an order not known before.

        tokens   s1 s2 f1 s3  .  | p2 p0 p1        . is the blank, | the mark
        targets   _  _  _  _  _  _ s3 s1 s2        _ is IGNORE

    p0 asks the first symbol, p1 the second, and so on. Symbols are independent and uniform; the places
    are asked in uniform order, each at most once, so unlike in copying neither the slot nor the number of
    the question says which symbol is asked: the sequence must be held with random access. With `noise`
    that share of the sequence is noise tokens, independent and uniform over ids of their own, at a uniform
    set of its places; they are never asked and do not count. Ids: 0 the blank, 1 the mark, then places,
    symbols and noise. Blanks before the mark take up the length.

    Unlike in MAD, where everything is decoded at once from the last token, questions come one by one, so a
    reader that is recurrent may let go of what was asked, and noise is left out of what is asked.
    """

    name: ClassVar[str] = "compression"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_tokens"
    controls: ClassVar[Sequence[str]] = ".|"
    presets: ClassVar[Mapping[str, Preset]] = {
        "mad": _mad(),
        "mad_vocab_32": _mad(vocabulary=32),
        "mad_vocab_64": _mad(vocabulary=64),
        "mad_vocab_128": _mad(vocabulary=128),
        "mad_length_64": _mad(length=64),
        "mad_length_128": _mad(length=128),
        "mad_length_256": _mad(length=256),
        "bsuite_memory_size": Preset(
            {"num_tokens": 40, "num_symbols": 2, "num_places": 40, "num_asked": 1},
            42,
            "the largest of 17 sizes from 1 to 40; bits one after another, not at once",
        ),
    }

    num_tokens: int = difficulty(8, "symbols in the sequence", moves="load")
    num_asked: int | None = difficulty(None, "places asked at the end; none: all", moves="questions", kind=int)
    noise: float = difficulty(0.0, "share of the sequence that is noise, from 0 to below 1", moves="interference")
    num_noise: int = difficulty(16, "size of the noise alphabet", moves="vocabulary")
    num_symbols: int = difficulty(32, "size of the alphabet", moves="vocabulary")
    num_places: int = difficulty(32, "size of the alphabet of places", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_tokens", 1)
        self.at_least("num_symbols", 2)
        self.at_least("num_noise", 1)
        if self.num_places < self.num_tokens:
            raise ValueError(
                f"{self.name}: {self.num_tokens} symbols need as many places, not {self.num_places} "
                f"(try --num-places {self.num_tokens})"
            )
        if self.num_asked is not None and not 1 <= self.num_asked <= self.num_tokens:
            raise ValueError(
                f"{self.name}: num_asked must be from 1 to the {self.num_tokens} symbols shown, "
                f"not {self.num_asked} (try --num-asked {self.num_tokens})"
            )
        if not 0 <= self.noise < 1:
            raise ValueError(f"{self.name}: noise must be from 0 to below 1, not {self.noise} (try --noise 0.8)")

    @property
    def places(self) -> range:
        return range(2, 2 + self.num_places)

    @property
    def answers(self) -> range:
        return range(self.places.stop, self.places.stop + self.num_symbols)

    @property
    def fillers(self) -> range:
        return range(self.answers.stop, self.answers.stop + self.num_noise)

    @property
    def shown(self) -> int:
        """Tokens of the sequence, noise included."""
        return self.num_tokens + round(self.num_tokens * self.noise / (1 - self.noise))

    @property
    def roles(self) -> dict[str, range]:
        return {"p": self.places, "s": self.answers, "f": self.fillers}

    @property
    def load_words(self) -> str:
        return f"{self.num_tokens} symbol{'s' * (self.num_tokens > 1)}"

    @property
    def independent(self) -> bool:
        return True

    @property
    def min_length(self) -> int:
        return self.shown + 1 + self.num_questions(0)

    def num_questions(self, length: int) -> int:
        return self.num_tokens if self.num_asked is None else self.num_asked

    def payload_bits(self, length: int) -> float:
        return self.num_tokens * float(np.log2(self.num_symbols))

    def at_load(self, load: int) -> Compression:
        """The same task with `load` symbols, of which at most all are asked."""
        return replace(self, num_tokens=load, num_asked=None if self.num_asked is None else min(self.num_asked, load))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        n, asks = self.num_tokens, self.num_questions(length)
        symbols = draws.uniform(rng, rows, n, self.answers)
        which = draws.distinct(rng, rows, asks, n)
        written: Ints = np.broadcast_to(np.arange(n, dtype=np.int32), (rows, n))
        tokens = np.zeros((rows, length), np.int32)
        if self.shown > n:
            written = np.sort(draws.subsets(rng, rows, n, self.shown), axis=1)
            tokens[:, : self.shown] = draws.uniform(rng, rows, self.shown, self.fillers)
        np.put_along_axis(tokens, written, symbols, axis=1)
        tokens[:, length - asks - 1] = 1
        tokens[:, length - asks :] = which + np.int32(self.places.start)

        asked = np.broadcast_to(np.arange(length - asks, length, dtype=np.int32), (rows, asks))
        answers, origins = (np.take_along_axis(a, which, axis=1) for a in (symbols, written))
        return Batch(tokens, asked, answers, origins, Stored(written, np.full_like(symbols, -1), symbols))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        sequence = [token for token in tokens if token in self.answers]
        return {t: sequence[token - self.places.start] for t, token in enumerate(tokens) if token in self.places}
