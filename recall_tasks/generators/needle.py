"""Needles in a haystack: a few pairs somewhere in a long row, asked at its end.

Sources: Kamradt 2023, "Needle In A Haystack" (github.com/gkamradt/LLMTest_NeedleInAHaystack); Hsieh et
al. 2024, "RULER" (arXiv 2404.06654) for several keys, values and questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..task import Batch, Ints, Preset, Stored, difficulty
from .bindings import Bindings

HAYSTACKS = ("constant", "uniform")


@dataclass(frozen=True)
class Needle(Bindings):
    """Recall the values of some needles, whose keys come after the mark that ends the haystack.

        tokens    .  . k1 v1  .  .  . k2 v2  .  ? k1        . is the blank
        targets   _  _  _  _  _  _  _  _  _  _  _ v1        _ is IGNORE

    `num_needles` keys are written, each `values_per_key` times with a fresh value, and `num_asked` of
    them are asked; a key with several values is asked for each in turn, first written first. Keys of a
    row are distinct, values may repeat. Ids: 0 the blank, 1 the mark, then keys, values and, in a
    uniform haystack, fillers. Without `depth` the needles take any places that do not overlap, all
    equally likely, and any needles are asked. With `depth` the needle that is asked first stands at
    that fraction of the haystack (every other needle counted as one token).

    One needle is no test of capacity: it asks for log2 num_values bits at any length, and a reader
    that keeps the only value it saw is right (its bag floor is 1).
    """

    name: ClassVar[str] = "needle"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_needles"
    controls: ClassVar[str] = ".?"
    independent: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Preset]] = {
        "single": Preset({"num_needles": 1, "num_asked": 1}, 4096, "one needle"),
        "multikey": Preset({"num_needles": 4, "num_asked": 1}, 4096, "three needles that are not asked"),
        "multivalue": Preset({"num_needles": 1, "num_asked": 1, "values_per_key": 4}, 4096, "four values of one key"),
        "multiquery": Preset({"num_needles": 4, "num_asked": 4}, 4096, "all needles are asked"),
    }

    num_needles: int = difficulty(1, "keys written in the haystack", moves="load")
    num_asked: int = difficulty(1, "keys asked at the end", moves="questions")
    values_per_key: int = difficulty(1, "needles that share a key, each with its own value", moves="interference")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")
    haystack: str = difficulty(
        "constant",
        "what fills the row: constant (blanks) or uniform (random fillers)",
        "interference",
        choices=HAYSTACKS,
    )
    num_fillers: int = difficulty(32, "size of the filler alphabet of a uniform haystack", moves="vocabulary")
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
        return range(self.answers.stop, self.answers.stop + self.num_fillers * (self.haystack == "uniform"))

    @property
    def min_length(self) -> int:
        return 2 * self.num_items + 1 + self.num_asked * self.values_per_key

    def num_questions(self, length: int) -> int:
        return self.num_asked * self.values_per_key

    def payload_bits(self, length: int) -> float:
        return self.num_items * float(np.log2(self.num_values))

    @property
    def shares(self) -> NDArray[np.float64]:
        return np.full(self.num_items, 1 / self.num_items)

    def at_load(self, load: int) -> Needle:
        """The same task with `load` needles, of which at most all are asked."""
        return replace(self, num_needles=load, num_asked=min(self.num_asked, load))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        each, asks = self.values_per_key, self.num_questions(length)
        hay = length - 1 - asks
        keys = draws.distinct(rng, rows, self.num_needles, self.num_keys) + np.int32(self.keys.start)
        keys = np.repeat(keys, each, axis=1)
        values = draws.uniform(rng, rows, self.num_items, self.answers)
        starts, order = self._places(rng, rows, hay)

        tokens = np.zeros((rows, length), np.int32)
        if self.fillers:
            tokens[:, :hay] = draws.uniform(rng, rows, hay, self.fillers)
        np.put_along_axis(tokens, starts, keys, axis=1)
        np.put_along_axis(tokens, starts + 1, values, axis=1)
        tokens[:, hay] = 1
        tokens[:, hay + 1 :] = keys[:, :asks]

        asked = np.broadcast_to(np.arange(hay + 1, length, dtype=np.int32), (rows, asks))
        stored = Stored(*(np.take_along_axis(a, order, axis=1) for a in (starts + 1, keys, values)))
        return Batch(tokens, asked, values[:, :asks], starts[:, :asks] + 1, stored)

    def _places(self, rng: np.random.Generator, rows: int, hay: int) -> tuple[Ints, Ints]:
        """Where each needle starts, and the needles in order of place: both [rows, num_items].

        A needle is drawn as one cell of a row in which needles are one token long, and moved on by the
        needles before it: every arrangement without overlap is as likely as any other.
        """
        cells = hay - self.num_items
        if self.depth is None:
            cell = draws.distinct(rng, rows, self.num_items, cells)
        else:
            fixed = round(self.depth * (cells - 1))
            others = draws.distinct(rng, rows, self.num_items - 1, cells - 1)
            cell = np.concatenate([np.full((rows, 1), fixed, np.int32), others + (others >= fixed)], axis=1)
        if self.values_per_key > 1:
            cell = np.sort(cell.reshape(rows, -1, self.values_per_key), axis=2).reshape(rows, -1)
        order = np.argsort(cell, axis=1).astype(np.int32)
        return cell + np.argsort(order, axis=1).astype(np.int32), order

    def solve(self, tokens: Sequence[int]) -> dict[int, int]:
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
