"""Needles in a haystack: a few pairs somewhere in a long row, asked at its end.

Sources: Kamradt 2023, "Needle In A Haystack" (github.com/gkamradt/LLMTest_NeedleInAHaystack); Mohtashami
& Jaggi 2023, "Landmark Attention" (arXiv 2305.16300) for the pass key; Hsieh et al. 2024, "RULER" (arXiv
2404.06654) for several keys, values and questions.
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
from .bindings import Bindings
from .haystack import HAYSTACKS, fill


def _ruler(haystack: str, note: str, **fields: int) -> Preset:
    alphabets = {"num_keys": 4096, "num_values": 4096, "num_fillers": 4096}
    return Preset({"haystack": haystack, **alphabets, **fields}, 4096, f"{note}; keys and values are one token each")


ESSAY = "a Markov chain for the essays"
PRESETS: dict[str, Preset] = {
    "single": Preset({"num_needles": 1, "num_asked": 1}, 4096, "one needle among blanks, no text"),
    "multikey": Preset({"num_needles": 4, "num_asked": 1}, 4096, "three needles that are not asked, no text"),
    "multivalue": Preset({"num_needles": 1, "num_asked": 1, "values_per_key": 4}, 4096, "asked one by one, no text"),
    "multiquery": Preset({"num_needles": 4, "num_asked": 4}, 4096, "asked one by one, no text"),
    "passkey": Preset(
        {"num_keys": 1, "num_values": 50000, "haystack": "uniform", "num_fillers": 1},
        4096,
        "the haystack repeats a token, not sentences; the pass key is one token",
    ),
    "niah_single_1": _ruler("uniform", "the haystack repeats a token, not a sentence", num_fillers=1),
    "niah_single_2": _ruler("markov", ESSAY),
    "niah_single_3": _ruler("markov", f"{ESSAY}; values are no longer"),
    "niah_multikey_1": _ruler("markov", ESSAY, num_needles=4),
    "niah_multikey_2": _ruler("constant", "as many needles as fit, with distinct keys", num_needles=2047),
    "niah_multikey_3": _ruler("constant", "as niah_multikey_2: keys are no longer", num_needles=2047),
    "niah_multivalue": _ruler("markov", f"{ESSAY}; values are asked one by one", values_per_key=4),
    "niah_multiquery": _ruler("markov", f"{ESSAY}; keys are asked one by one", num_needles=4, num_asked=4),
}


@dataclass(frozen=True)
class Needle(Bindings):
    """Recall the values of some needles, whose keys come after the mark that ends the haystack.

        tokens    .  . k1 v1  .  .  . k2 v2  .  ? k1        . is the blank
        targets   _  _  _  _  _  _  _  _  _  _  _ v1        _ is IGNORE

    `num_needles` keys are written, each `values_per_key` times with a fresh value, and `num_asked` of
    them are asked; a key with several values is asked for each in turn, first written first. Keys of a
    row are distinct, values may repeat. Ids: 0 the blank, 1 the mark, then keys, values and, unless the
    haystack is constant, fillers. Without `depth` the needles take any places that do not
    overlap, all equally likely, and any needles are asked. With `depth` the needle that is asked first
    begins at that fraction of the places open to it, to the nearest token whatever else is written.

    A haystack of `needles` shows values behind fillers: more interference at the same load, for a reader
    that tells keys from fillers need not keep them. Needles that might be asked and are not (RULER's
    haystack of needles) are load: `num_needles` as many as fit, `num_asked` one.

    One needle is no test of capacity: it asks for log2 num_values bits at any length, and a reader
    that keeps the only value it saw is right (its bag floor is 1). With `depth` a reader trained on it
    need keep one place alone: train without.
    """

    name: ClassVar[str] = "needle"
    version: ClassVar[int] = 2
    load: ClassVar[str] = "num_needles"
    controls: ClassVar[Sequence[str]] = ".?"
    presets: ClassVar[Mapping[str, Preset]] = PRESETS

    num_needles: int = difficulty(1, "keys written in the haystack", moves="load")
    num_asked: int = difficulty(1, "keys asked at the end", moves="questions")
    values_per_key: int = difficulty(1, "needles that share a key, each with its own value", moves="interference")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")
    haystack: str = difficulty(
        "constant",
        "what fills the row: constant (blanks), uniform (random fillers), markov (fillers as in a text) or "
        "needles (values behind fillers)",
        "interference",
        choices=HAYSTACKS,
    )
    num_fillers: int = difficulty(
        32, "size of the filler alphabet, unless the haystack is constant", moves="vocabulary"
    )
    depth: float | None = difficulty(
        None, "where the needle asked first stands, 0 to 1; none: anywhere", "depth", float
    )

    def check_fields(self) -> None:
        for name in ("num_needles", "num_asked", "values_per_key", "num_fillers"):
            self.at_least(name, 1)
        self.check_alphabets(self.num_needles, "needles")
        if self.num_asked > self.num_needles:
            raise ValueError(
                f"{self.name}: num_asked must be at most the {self.num_needles} needles written, "
                f"not {self.num_asked} (try --num-asked {self.num_needles})"
            )
        self.within("depth", 0, 1)
        if self.depth is not None and self.values_per_key > 1:
            raise ValueError(
                f"{self.name}: depth {self.depth} places one value, not {self.values_per_key} of a key "
                f"(try --values-per-key 1)"
            )

    @property
    def num_items(self) -> int:
        """Values stored by a row."""
        return self.num_needles * self.values_per_key

    @property
    def fillers(self) -> range:
        filled = 0 if self.haystack == "constant" else self.num_fillers
        return range(self.answers.stop, self.answers.stop + filled)

    @property
    def independent(self) -> bool:
        return self.haystack != "needles"  # whose values are not stored

    @property
    def min_length(self) -> int:
        hay = 2 * self.num_items
        # Needles of two tokens cannot fill the row to the last where one begins at an odd place.
        return hay + (self._first(hay) or 0) % 2 + 1 + self.num_questions(0)

    def num_questions(self, length: int) -> int:
        return self.num_asked * self.values_per_key

    def payload_bits(self, length: int) -> float:
        return len(self.bottlenecks(length)[0][1]) * float(np.log2(self.num_values))

    @property
    def shares(self) -> NDArray[np.float64]:
        return np.full(self.num_items, 1 / self.num_items)

    def bottlenecks(self, length: int) -> list[tuple[float, NDArray[np.float64]]]:
        """At a chosen depth the value there is always asked, the others now and then or never."""
        if self.depth is None:
            return [(1.0, self.shares)]
        if self.num_asked == 1:
            return [(1.0, np.ones(1))]
        others = self.num_needles - 1
        return [(1.0, np.append(1, np.full(others, (self.num_asked - 1) / others)) / self.num_asked)]

    def at_load(self, load: int) -> Needle:
        """The same task with `load` needles, of which at most all are asked."""
        return replace(self, num_needles=load, num_asked=min(self.num_asked, load))

    def at_distance(self, distance: int, length: int) -> Needle:
        if self.num_questions(length) > 1:
            raise ValueError(
                f"{self.name}: one question of a row can be asked at a distance that is given, not "
                f"{self.num_questions(length)} (num_asked and values_per_key must be 1)"
            )
        hay = length - 2
        if not 2 <= distance <= hay:
            raise ValueError(
                f"{self.name}: a needle in {length} tokens is asked 2 to {hay} tokens after it, not {distance}"
            )
        return replace(self, depth=(hay - distance) / max(1, hay - 2))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        each, asks = self.values_per_key, self.num_questions(length)
        hay = length - 1 - asks
        keys = draws.distinct(rng, rows, self.num_needles, self.num_keys) + np.int32(self.keys.start)
        keys = np.repeat(keys, each, axis=1)
        values = draws.uniform(rng, rows, self.num_items, self.answers)
        starts = self._places(rng, rows, hay)

        tokens = np.zeros((rows, length), np.int32)
        tokens[:, :hay] = fill(self.haystack, rng, hay, starts, self.fillers, self.answers)
        np.put_along_axis(tokens, starts, keys, axis=1)
        np.put_along_axis(tokens, starts + 1, values, axis=1)
        tokens[:, hay] = 1
        tokens[:, hay + 1 :] = keys[:, :asks]

        asked = np.broadcast_to(np.arange(hay + 1, length, dtype=np.int32), (rows, asks))
        order = np.argsort(starts, axis=1)
        stored = Stored(*(np.take_along_axis(a, order, axis=1) for a in (starts + 1, keys, values)))
        return Batch(tokens, asked, values[:, :asks], starts[:, :asks] + 1, stored)

    def _first(self, hay: int) -> int | None:
        """Where the needle that is asked first begins in a haystack of so many tokens; none: anywhere."""
        return None if self.depth is None else round(self.depth * (hay - 2))

    def _places(self, rng: np.random.Generator, rows: int, hay: int) -> Ints:
        """Where each needle begins, the values of a key in order: [rows, num_items].

        Every arrangement without overlap is as likely as any other.
        """
        first = self._first(hay)
        if first is None:
            starts = draws.mixed(rng, draws.spans(rng, rows, self.num_items, 2, hay))
            return np.sort(starts.reshape(rows, -1, self.values_per_key), axis=2).reshape(rows, -1)
        others = draws.spans_beside(rng, rows, self.num_needles - 1, 2, hay, first)
        return np.concatenate([np.full((rows, 1), first, np.int32), draws.mixed(rng, others)], axis=1)

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        values: dict[int, list[int]] = {}
        answers: dict[int, int] = {}
        asking = False
        for t, token in enumerate(tokens):
            asking = asking or token == 1
            if token in self.answers:
                values.setdefault(tokens[t - 1], []).append(token)
            elif asking and token in values:
                answers[t] = values[token].pop(0)
        return answers
