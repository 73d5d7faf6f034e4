"""Multi-query recall with repeats: every key is asked again and again, and may have several values.

Sources: Arora et al. 2023, "Zoology" (arXiv 2312.04927) for the questions; several values to a key as
in Hsieh et al. 2024, "RULER" (arXiv 2404.06654).
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


@dataclass(frozen=True)
class MultiQuery(Bindings):
    """Recall the values of each key in turn: the r-th asking of a key wants its r-th value.

        tokens   k1 v1 v2 k2 v3 v4  . k2 k1  . k2 k1 k1        . is the blank
        targets   _  _  _  _  _  _  _ v3 v1  _ v4 v2 v1        _ is IGNORE

    Past its last value a key starts again with its first. Keys of a row are distinct, values may
    repeat. Ids: 0 the blank, then keys and values. Every key is asked num_queries / num_pairs times,
    give or take one, in an order and at slots drawn uniformly and independently of the pairs: neither
    says which key is asked.
    """

    name: ClassVar[str] = "multi_query"
    version: ClassVar[int] = 2
    load: ClassVar[str] = "num_pairs"
    presets: ClassVar[Mapping[str, Preset]] = {
        "multivalue": Preset(
            {"num_pairs": 4, "values_per_key": 4, "num_queries": 16},
            64,
            "four keys, all asked (RULER's multivalue has one), values asked one by one, no haystack",
        ),
        "zoology": Preset(
            {"num_pairs": 4, "num_queries": 4, "num_keys": 4095, "num_values": 4096},
            64,
            "all four pairs are asked, not three of them; values may repeat; blanks, not random tokens",
        ),
    }

    num_pairs: int = difficulty(8, "keys shown, each with its values", moves="load")
    num_queries: int = difficulty(16, "questions asked, every value at least once", moves="questions")
    values_per_key: int = difficulty(1, "values shown with each key", moves="interference")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_pairs", 1)
        self.at_least("values_per_key", 1)
        self.check_alphabets(self.num_pairs, "pairs")
        if self.num_queries < self.num_items:
            raise ValueError(
                f"{self.name}: {self.num_items} values need as many questions, not {self.num_queries} "
                f"(try --num-queries {self.num_items})"
            )

    @property
    def num_items(self) -> int:
        """Values stored by a row."""
        return self.num_pairs * self.values_per_key

    @property
    def independent(self) -> bool:
        return True

    @property
    def min_length(self) -> int:
        return self.num_pairs + self.num_items + self.num_queries

    def num_questions(self, length: int) -> int:
        return self.num_queries

    def payload_bits(self, length: int) -> float:
        return self.num_items * float(np.log2(self.num_values))

    @property
    def shares(self) -> NDArray[np.float64]:
        rounds, rest = divmod(self.num_queries, self.num_pairs)
        turns = np.arange(rounds) % self.values_per_key
        asked = np.bincount(turns, minlength=self.values_per_key).astype(np.float64)
        asked[rounds % self.values_per_key] += rest / self.num_pairs
        return np.tile(asked / self.num_queries, self.num_pairs)

    def at_load(self, load: int) -> MultiQuery:
        """The same task with `load` keys and as many questions to each."""
        return replace(self, num_pairs=load, num_queries=self.num_queries * load // self.num_pairs)

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        pairs, each = self.num_pairs, self.values_per_key
        keys = draws.distinct(rng, rows, pairs, self.num_keys) + np.int32(self.keys.start)
        values = draws.uniform(rng, rows, self.num_items, self.answers)
        shown = np.concatenate([keys[:, :, None], values.reshape(rows, pairs, each)], axis=2)
        start = pairs + self.num_items

        rounds, rest = divmod(self.num_queries, pairs)
        always = np.broadcast_to(np.tile(np.arange(pairs, dtype=np.int32), rounds), (rows, rounds * pairs))
        once_more = draws.subsets(rng, rows, rest, pairs)
        which = draws.mixed(rng, np.concatenate([always, once_more], axis=1))
        turn = _turns(which) % each
        slots = draws.subsets(rng, rows, self.num_queries, length - start)
        asked = start + np.sort(slots, axis=1)

        tokens = np.zeros((rows, length), np.int32)
        tokens[:, :start] = shown.reshape(rows, start)
        np.put_along_axis(tokens, asked, np.take_along_axis(keys, which, axis=1), axis=1)

        answers = np.take_along_axis(values, which * each + turn, axis=1)
        origins = which * (1 + each) + 1 + turn
        items = np.arange(self.num_items, dtype=np.int32)
        written = np.broadcast_to(items + items // each + 1, (rows, self.num_items))
        return Batch(tokens, asked, answers, origins, Stored(written, np.repeat(keys, each, axis=1), values))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        values: dict[int, list[int]] = {}
        times: dict[int, int] = {}
        answers: dict[int, int] = {}
        latest: list[int] = []
        for t, token in enumerate(tokens):
            if token in times:
                answers[t] = values[token][times[token] % self.values_per_key]
                times[token] += 1
            elif token in self.keys:
                values[token], times[token] = [], 0
                latest = values[token]
            elif token in self.answers:
                latest.append(token)
        return answers


def _turns(which: Ints) -> Ints:
    """How often each entry of a row stood in the row before: [rows, Q]."""
    order = np.argsort(which, axis=1, kind="stable")
    grouped = np.take_along_axis(which, order, axis=1)
    place = np.arange(which.shape[1], dtype=np.int32)
    first = np.where(grouped == np.roll(grouped, 1, axis=1), 0, place)
    turns = np.empty_like(which)
    np.put_along_axis(turns, order, place - np.maximum.accumulate(first, axis=1), axis=1)
    return turns
