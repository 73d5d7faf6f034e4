"""Multi-query associative recall: every pair is shown once and every key is asked once.

Source: Arora et al. 2023, "Zoology" (arXiv 2312.04927).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from .. import draws
from ..task import Batch, Preset, Stored, difficulty
from .bindings import Bindings
from .placement import Placement, parse


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
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_pairs"
    independent: ClassVar[bool] = True
    presets: ClassVar[Mapping[str, Preset]] = {
        "zoology": Preset({"num_keys": 4095, "num_values": 4096, "placement": "power:0.01"}, 64, "blank filler"),
    }

    num_pairs: int = difficulty(8, "pairs shown, and questions asked", moves="load")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")
    num_fillers: int = difficulty(
        0, "random filler tokens between the questions; 0 leaves blanks", moves="interference"
    )
    placement: str = difficulty(
        "uniform", "where questions go: uniform, power:A or distance:LOW-HIGH", moves="distance"
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
    def min_length(self) -> int:
        return 2 * self.num_pairs + self._placement.slots_needed(self.num_pairs)

    def num_questions(self, length: int) -> int:
        return self.num_pairs

    def payload_bits(self, length: int) -> float:
        return self.num_pairs * float(np.log2(self.num_values))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        pairs = self.num_pairs
        keys = draws.distinct(rng, rows, pairs, self.num_keys) + np.int32(self.keys.start)
        values = draws.uniform(rng, rows, pairs, self.answers)
        asked = self._placement.place(rng, rows, pairs, length)

        tokens = np.zeros((rows, length), np.int32)
        if self.num_fillers:
            tokens[:, 2 * pairs :] = draws.uniform(rng, rows, length - 2 * pairs, self.fillers)
        tokens[:, 0 : 2 * pairs : 2] = keys
        tokens[:, 1 : 2 * pairs : 2] = values
        np.put_along_axis(tokens, asked, keys, axis=1)

        written = np.broadcast_to(np.arange(1, 2 * pairs, 2, dtype=np.int32), (rows, pairs))
        order = np.argsort(asked, axis=1)
        asked, answers, origins = (np.take_along_axis(a, order, axis=1) for a in (asked, values, written))
        return Batch(tokens, asked, answers, origins, Stored(written, keys, values))
