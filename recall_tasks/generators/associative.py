"""Associative recall: pairs are shown, and at the last token one key is asked.

Sources: Graves et al. 2014, "Neural Turing Machines" (arXiv 1410.5401); Ba et al. 2016, "Using Fast
Weights to Attend to the Recent Past" (arXiv 1610.06258); Fu et al. 2023, "Hungry Hungry Hippos" (arXiv
2212.14052), whose code base is safari.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Stored
from ..task import Preset, difficulty
from .bindings import Bindings

SAFARI = (
    (4, 20, " (there 10 pairs with repeats)"),
    (9, 40, " (there 20 pairs with repeats)"),
    (14, 131072, ", then blanks (there pairs with repeats fill the row)"),
    (19, 40, "; length as for a vocabulary of 20"),
)
"""Keys and values, length, what differs; a vocabulary of twice the keys and two special tokens."""


def _keys(n: int) -> dict[str, int]:
    return {"num_pairs": n, "num_keys": n, "num_values": n}


@dataclass(frozen=True)
class Associative(Bindings):
    """Recall the value of one of the keys, not known before the last token.

        tokens   k1 v1 k2 v2 k3 v3  .  . k2        . is the blank
        targets   _  _  _  _  _  _  _  _ v2        _ is IGNORE

    Keys of a row are distinct, values may repeat. Ids: 0 the blank, then keys and values. The key that
    is asked is uniform over the pairs, so every pair must be kept although one is asked. Blanks
    separate the pairs from the question: length moves the distance at fixed load.

    Unlike the sources, an item is one token each for key and value (not a run of bit vectors, not a
    pair of letters after `??`).
    """

    name: ClassVar[str] = "associative"
    version: ClassVar[int] = 2
    load: ClassVar[str] = "num_pairs"
    presets: ClassVar[Mapping[str, Preset]] = {
        "fast_weights": Preset({"num_pairs": 8, "num_keys": 26, "num_values": 10}, 17, "one question token, not `??k`"),
        **{
            f"safari_{2 * n + 2}": Preset(_keys(n), length, f"{n} keys, each shown once{note}")
            for n, length, note in SAFARI
        },
    }

    num_pairs: int = difficulty(8, "pairs shown; one of them is asked", moves="load")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_pairs", 1)
        self.check_alphabets(self.num_pairs, "pairs")

    @property
    def independent(self) -> bool:
        return True

    @property
    def min_length(self) -> int:
        return 2 * self.num_pairs + 1

    def num_questions(self, length: int) -> int:
        return 1

    def payload_bits(self, length: int) -> float:
        return self.num_pairs * float(np.log2(self.num_values))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        pairs = self.num_pairs
        keys = draws.distinct(rng, rows, pairs, self.num_keys) + np.int32(self.keys.start)
        values = draws.uniform(rng, rows, pairs, self.answers)
        which = draws.uniform(rng, rows, 1, range(pairs))

        tokens = np.zeros((rows, length), np.int32)
        tokens[:, 0 : 2 * pairs : 2] = keys
        tokens[:, 1 : 2 * pairs : 2] = values
        tokens[:, -1:] = np.take_along_axis(keys, which, axis=1)

        written = np.broadcast_to(np.arange(1, 2 * pairs, 2, dtype=np.int32), (rows, pairs))
        asked = np.full((rows, 1), length - 1, np.int32)
        answers = np.take_along_axis(values, which, axis=1)
        return Batch(tokens, asked, answers, 2 * which + 1, Stored(written, keys, values))
