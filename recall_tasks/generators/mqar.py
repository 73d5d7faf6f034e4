"""Multi-query associative recall: every pair is shown once and every key is asked once.

Source: Arora et al. 2023, "Zoology" (arXiv 2312.04927).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Stored
from ..task import Preset, difficulty
from .bindings import Bindings
from .placement import Placement, parse

ZOOLOGY = {"num_keys": 4095, "num_values": 4096, "placement": "power:0.01"}
CELLS = ((64, 4), (64, 8), (64, 16), (128, 8), (128, 32), (256, 16), (256, 32), (256, 64), (512, 128), (1024, 256))
"""Length and pairs of what the paper and its sequel train and test on."""
NOTE = "values may repeat; blanks between the questions, not random tokens of the vocabulary (random_non_queries)"


@dataclass(frozen=True)
class MQAR(Bindings):
    """Recall the value that was shown with each key.

        tokens   k1 v1 k2 v2  .  . k2  . k1  .        . is the blank
        targets   _  _  _  _  _  _ v2  _ v1  _        _ is IGNORE

    Keys of a row are distinct, values may repeat. Ids: 0 the blank, then keys, values and fillers,
    which share none. With the default placement the questions take a uniform set of slots in an order
    independent of the pairs, so neither the slot nor the order says which pair is asked.

    Unlike the paper, keys have no fixed gaps (the `zoology` preset has the paper's), and with
    `num_fillers` the gaps are filled with random tokens of their own rather than of the vocabulary.
    """

    name: ClassVar[str] = "mqar"
    version: ClassVar[int] = 2
    load: ClassVar[str] = "num_pairs"
    presets: ClassVar[Mapping[str, Preset]] = {
        "zoology": Preset(ZOOLOGY, 64, NOTE),
        **{f"zoology_{t}_{n}": Preset({"num_pairs": n, **ZOOLOGY}, t, NOTE) for t, n in CELLS},
    }

    num_pairs: int = difficulty(8, "pairs shown, and questions asked", moves="load")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")
    num_fillers: int = difficulty(
        0, "random filler tokens between the questions; 0 leaves blanks", moves="interference"
    )
    placement: str = difficulty(
        "uniform",
        "where questions go: uniform, power:A, within:LOW-HIGH, even:LOW-HIGH, distance:LOW-HIGH or late:LOW-HIGH",
        "distance",
    )

    def check_fields(self) -> None:
        self.at_least("num_pairs", 1)
        self.at_least("num_fillers", 0)
        self.check_alphabets(self.num_pairs, "pairs")
        parse(self.placement, self.num_pairs)

    @cached_property
    def _placement(self) -> Placement:
        return parse(self.placement, self.num_pairs)

    @property
    def fillers(self) -> range:
        return range(self.answers.stop, self.answers.stop + self.num_fillers)

    @property
    def independent(self) -> bool:
        return True

    @property
    def min_length(self) -> int:
        return self._placement.min_length(self.num_pairs)

    def num_questions(self, length: int) -> int:
        return self.num_pairs

    def payload_bits(self, length: int) -> float:
        return self.num_pairs * float(np.log2(self.num_values))

    def at_distance(self, distance: int, length: int) -> MQAR:
        least = 2 * self.num_pairs - 1
        if distance < least:
            raise ValueError(
                f"{self.name}: {self.load_words} are asked {least} tokens after their answers at the nearest, "
                f"not {distance}"
            )
        return replace(self, placement=f"late:{distance}")

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        pairs, stride = self.num_pairs, self._placement.stride
        first = self._placement.first(pairs, length)
        keys = draws.distinct(rng, rows, pairs, self.num_keys) + np.int32(self.keys.start)
        values = draws.uniform(rng, rows, pairs, self.answers)
        asked, which = self._placement.place(rng, rows, pairs, length)
        answers = np.take_along_axis(values, which, axis=1)

        tokens = np.zeros((rows, length), np.int32)
        if self.num_fillers:
            gaps = 2 * pairs if stride == 2 else 0
            fill = draws.uniform(rng, rows, length - gaps, self.fillers)
            tokens[:, :first], tokens[:, first + gaps :] = fill[:, :first], fill[:, first:]
        tokens[:, first : first + stride * pairs : stride] = keys
        tokens[:, first + 1 : first + stride * pairs : stride] = values
        np.put_along_axis(tokens, asked, np.take_along_axis(keys, which, axis=1), axis=1)

        written = np.arange(first + 1, first + stride * pairs, stride, dtype=np.int32)
        stored = Stored(np.broadcast_to(written, (rows, pairs)), keys, values)
        return Batch(tokens, asked, answers, stride * which + np.int32(first + 1), stored)
