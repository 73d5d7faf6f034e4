"""In-context recall: pairs come back in a stream, and every key seen again is a question.

Source: Poli et al. 2024, "Mechanistic Design and Scaling of Hybrid Architectures", the MAD tasks (arXiv 2403.17844).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .bindings import Bindings

_PRESETS = {
    "mad": (8, 8, 128, "MAD's baseline, vocabulary 16: its new keys come early, these are spread over the row"),
    "mad_vocab_32": (16, 16, 128, "all 16 keys in every row, where MAD shows 15.7 on average; spread over the row"),
    "mad_vocab_64": (32, 28, 128, "28 of 32 keys in every row, as MAD shows on average; spread over the row"),
    "mad_vocab_128": (64, 40, 128, "40 of 64 keys in every row, as MAD shows on average; spread over the row"),
    "mad_length_256": (8, 8, 256, "more questions to the same 8 pairs; new keys are spread over the row"),
    "mad_length_512": (8, 8, 512, "more questions to the same 8 pairs; new keys are spread over the row"),
    "mad_length_1024": (8, 8, 1024, "more questions to the same 8 pairs; new keys are spread over the row"),
}
"""Key tokens (and as many value tokens), pairs, length, note. Slots of two tokens fill the row."""


@dataclass(frozen=True)
class InContext(Bindings):
    """Recall the value of a key that was shown before; the pair is then shown again.

        tokens   k1 v1  . k1 v1 k2 v2  .  . k1 v1 k2 v2        . is the blank
        targets   _  _  _ v1  _  _  _  _  _ v1  _ v2  _        _ is IGNORE

    The row is num_pairs + num_queries slots of a key and its value. The first slot is new; which of the
    others are is a uniform subset, so the place of a slot does not tell whether it asks. A key shown again
    is uniform over the keys seen so far, the last one included. Keys of a row are distinct, values may
    repeat. Blanks lie between the slots, every arrangement as likely as any other. Ids: 0 the blank, then
    keys and values. Distances count from the first showing of a pair, though it may have come back since.

    Unlike the paper, each row binds the same number of keys (there keys are drawn with repeats, and which
    of them come up varies), and the first showing of a key may stand anywhere.

    As a test of memory it is weak where rows are long: the paper's baseline of 16 tokens needs 8 bindings
    of 3 bits whatever the length, and each repeat is a chance to store the pair anew. Early questions have
    few candidates: each number of pairs held, from 1 to K, is as likely as any other at a question, so the
    reader that names any of the values held is right in (1 + 1/2 + .. + 1/K) / K of them and more.
    """

    name: ClassVar[str] = "in_context"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_pairs"
    presets: ClassVar[Mapping[str, Preset]] = {
        name: Preset(
            {"num_pairs": pairs, "num_queries": length // 2 - pairs, "num_keys": size, "num_values": size}, length, note
        )
        for name, (size, pairs, length, note) in _PRESETS.items()
    }

    num_pairs: int = difficulty(8, "pairs bound", moves="load")
    num_queries: int = difficulty(16, "questions: how many times a pair is shown again", moves="questions")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_pairs", 1)
        self.at_least("num_queries", 1)
        self.check_alphabets(self.num_pairs, "pairs")

    @property
    def num_slots(self) -> int:
        return self.num_pairs + self.num_queries

    @property
    def min_length(self) -> int:
        return 2 * self.num_slots

    def num_questions(self, length: int) -> int:
        return self.num_queries

    def payload_bits(self, length: int) -> float:
        return self.num_pairs * float(np.log2(self.num_values))

    @property
    def shows_answers(self) -> bool:
        return True

    @property
    def shares(self) -> NDArray[np.float64]:
        """The pair written j-th is one of c that a question may ask while c >= j are held, each c equally often."""
        held = np.arange(self.num_pairs, 0, -1)
        return np.cumsum(1 / held)[::-1] / self.num_pairs

    def bottlenecks(self, length: int) -> list[tuple[float, NDArray[np.float64]]]:
        """Each number of pairs held has the same weight: a question taken at random and the K - 1 slots that
        are new after the first stand in an order drawn uniformly, so 0 to K - 1 of them come before it alike.
        """
        return [(1 / self.num_pairs, np.full(held, 1 / held)) for held in range(1, self.num_pairs + 1)]

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        pairs, slots = self.num_pairs, self.num_slots
        keys = draws.distinct(rng, rows, pairs, self.num_keys) + np.int32(self.keys.start)
        values = draws.uniform(rng, rows, pairs, self.answers)
        fresh = np.zeros((rows, slots), bool)
        fresh[:, 0] = True
        np.put_along_axis(fresh, 1 + draws.subsets(rng, rows, pairs - 1, slots - 1), True, axis=1)
        held = np.cumsum(fresh, axis=1, dtype=np.int32)
        which = np.where(fresh, held - 1, rng.integers(0, held, dtype=np.int32))
        # A slot is drawn as one cell of the row and moved on by the slots before it: no two overlap.
        cells: Ints = np.sort(draws.subsets(rng, rows, slots, length - slots), axis=1)
        starts = np.arange(slots, dtype=np.int32) + cells

        tokens = np.zeros((rows, length), np.int32)
        np.put_along_axis(tokens, starts, np.take_along_axis(keys, which, axis=1), axis=1)
        np.put_along_axis(tokens, starts + 1, np.take_along_axis(values, which, axis=1), axis=1)

        written = starts[fresh].reshape(rows, pairs) + 1
        asked, item = (a[~fresh].reshape(rows, self.num_queries) for a in (starts, which))
        answers, origins = (np.take_along_axis(a, item, axis=1) for a in (values, written))
        return Batch(tokens, asked, answers, origins, Stored(written, keys, values))
