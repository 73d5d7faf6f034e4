"""Overwriting: keys are bound again and again, and the value bound last is asked.

Source: the forgetting variant of multi-query recall that comes with Arora et al. 2023, "Zoology" (arXiv
2312.04927; github.com/HazyResearch/zoology).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .bindings import Bindings

ZOOLOGY = {"num_updates": 4, "num_keys": 4095, "num_values": 4096}
CELLS = (
    *((64, 4), (64, 9), (128, 9), (128, 16), (256, 16), (256, 25), (256, 36)),
    *((512, 64), (1024, 144), (2048, 256)),
)
"""Length and pairs of what is trained and tested on there."""
NOTE = (
    "updates stand among the pairs, not after them; a new value may repeat the old one; blanks, not random tokens; "
    "uniform slots, not the power law"
)


@dataclass(frozen=True)
class Overwrite(Bindings):
    """Recall the value that was bound to each key last.

        tokens   k1 v1 k2 v2 k1 v3  .  . k2  . k1        . is the blank
        targets   _  _  _  _  _  _  _  _ v2  _ v3        _ is IGNORE

    Every key is bound once and the updates are dealt over the keys like cards: each key gets
    num_updates / num_pairs of them, rounded up or down. The order of all writes is uniform, so nothing
    but the order tells which write of a key is its last; the questions take a uniform set of slots in an
    order independent of the writes. Ids: 0 the blank, then keys and values. Without updates this is MQAR.

    Every value, the first or a later one, is uniform over all values: what a key was bound to before says
    nothing about what it is bound to now. (Were it uniform over the others, answers would be as uniform,
    but a stale value would tell what the answer is not.) So an update keeps the value once in num_values
    times. With V values, K pairs and U updates a reader of the first match scores
    1 / V + (1 - 1 / V) max(0, 1 - U / K): chance where every key is updated. The reader that says the value
    shown last scores 1 / V + (1 - 1 / V) / K.

    What is stored is the binding of each key that holds at the end; what was overwritten need not be kept.

    Unlike the source, updates stand anywhere among the writes (there they follow all pairs) and may repeat
    a value (there the exclusion looks at another pair than the one it updates).
    """

    name: ClassVar[str] = "overwrite"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_pairs"
    presets: ClassVar[Mapping[str, Preset]] = {
        f"zoology_{length}_{pairs}": Preset({"num_pairs": pairs, **ZOOLOGY}, length, NOTE) for length, pairs in CELLS
    }

    num_pairs: int = difficulty(8, "keys bound, and questions asked", moves="load")
    num_updates: int = difficulty(8, "writes that bind a key again, dealt over the keys", moves="interference")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_pairs", 1)
        self.at_least("num_updates", 0)
        self.check_alphabets(self.num_pairs, "pairs")

    @property
    def num_writes(self) -> int:
        return self.num_pairs + self.num_updates

    @property
    def min_length(self) -> int:
        return 2 * self.num_writes + self.num_pairs

    def num_questions(self, length: int) -> int:
        return self.num_pairs

    def payload_bits(self, length: int) -> float:
        return self.num_pairs * float(np.log2(self.num_values))

    def at_load(self, load: int) -> Overwrite:
        """The same task with `load` pairs and as many updates to each, rounded down."""
        return replace(self, num_pairs=load, num_updates=self.num_updates * load // self.num_pairs)

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        pairs, writes = self.num_pairs, self.num_writes
        keys = draws.distinct(rng, rows, pairs, self.num_keys) + np.int32(self.keys.start)
        values = draws.uniform(rng, rows, writes, self.answers)
        bound = self._order(rng, rows)
        slots = np.sort(draws.subsets(rng, rows, pairs, length - 2 * writes), axis=1)
        asked = 2 * np.int32(writes) + slots

        tokens = np.zeros((rows, length), np.int32)
        tokens[:, 0 : 2 * writes : 2] = np.take_along_axis(keys, bound, axis=1)
        tokens[:, 1 : 2 * writes : 2] = values
        np.put_along_axis(tokens, asked, keys, axis=1)

        # Keys are asked as they were drawn: the order of the writes is independent of that.
        origins = 2 * _last(bound, pairs) + np.int32(1)
        order = np.argsort(origins, axis=1)
        written = np.take_along_axis(origins, order, axis=1)
        stored = Stored(written, np.take_along_axis(keys, order, axis=1), np.take_along_axis(tokens, written, axis=1))
        return Batch(tokens, asked, np.take_along_axis(tokens, origins, axis=1), origins, stored)

    def _order(self, rng: np.random.Generator, rows: int) -> Ints:
        """Which key each write binds: [rows, num_writes]."""
        rounds, rest = divmod(self.num_writes, self.num_pairs)
        always = np.tile(np.arange(self.num_pairs, dtype=np.int32), rounds)
        once_more = draws.subsets(rng, rows, rest, self.num_pairs)
        return draws.mixed(rng, np.concatenate([np.broadcast_to(always, (rows, len(always))), once_more], axis=1))

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        pairs: dict[int, int] = {}
        answers: dict[int, int] = {}
        for t, token in enumerate(tokens):
            if token in pairs:  # a write so far, where a value follows; a question where none does
                answers[t] = pairs[token]
            elif token in self.answers:
                answers.pop(t - 1, None)
                pairs[tokens[t - 1]] = token
        return answers


def _last(bound: Ints, pairs: int) -> Ints:
    """The last write of each key: [rows, pairs]."""
    grouped = np.argsort(bound, axis=1, kind="stable").astype(np.int32)
    sorted_keys = np.take_along_axis(bound, grouped, axis=1)
    ends = np.ones(bound.shape, bool)
    ends[:, :-1] = sorted_keys[:, 1:] != sorted_keys[:, :-1]
    return grouped[ends].reshape(-1, pairs)
