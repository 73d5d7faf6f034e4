"""Rows as arrays: the tokens, what is asked of them and where its answers were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]

IGNORE = -100
"""Target at positions that ask nothing (the default `ignore_index` of torch's cross entropy)."""


@dataclass(frozen=True, eq=False)
class Stored:
    """What each row asks a memory to hold: item j is `values[:, j]`, written at `positions[:, j]`.

    Shapes [B, K], in order of position. `keys` is -1 where an item has no key but its place in the order.
    Rows that hold fewer than K items begin with spare ones, at position 0 with value IGNORE.
    """

    positions: Ints
    keys: Ints
    values: Ints


@dataclass(frozen=True, eq=False)
class Batch:
    """B rows of T tokens with at most Q questions each.

    tokens   [B, T]  token ids
    asked    [B, Q]  position that asks; questions of a row are in order of position
    answers  [B, Q]  token id of the right answer
    origins  [B, Q]  position where that answer was written, or for an answer that rests on several tokens
                     the first of them; always before `asked`
    stored           the ground truth of what the row asks to be stored

    Rows that ask fewer than Q questions begin with spare ones: asked 0, answer IGNORE, origin 0.
    """

    tokens: Ints
    asked: Ints
    answers: Ints
    origins: Ints
    stored: Stored

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def asking(self) -> NDArray[np.bool_]:
        """Which of the questions are asked, that is, not spare: [B, Q]."""
        asking: NDArray[np.bool_] = self.answers != IGNORE
        return asking

    @property
    def targets(self) -> Ints:
        """Answers at the positions that ask, IGNORE elsewhere: [B, T]."""
        dense = np.full_like(self.tokens, IGNORE)
        # Spare questions come first, so a real one at the same position is written over them.
        np.put_along_axis(dense, self.asked, self.answers, axis=1)
        return dense

    @property
    def distances(self) -> Ints:
        """Tokens between the writing of an answer and its question: [B, Q], at least 1 (0 where spare)."""
        return self.asked - self.origins

    def arrays(self) -> dict[str, Ints]:
        """Every array by name, for saving, hashing and comparing."""
        return {
            "tokens": self.tokens,
            "asked": self.asked,
            "answers": self.answers,
            "origins": self.origins,
            "stored_positions": self.stored.positions,
            "stored_keys": self.stored.keys,
            "stored_values": self.stored.values,
        }

    @staticmethod
    def of(arrays: Mapping[str, Ints]) -> Batch:
        """The inverse of `arrays`."""
        rest = {name: a for name, a in arrays.items() if not name.startswith("stored_")}
        stored = {name.removeprefix("stored_"): a for name, a in arrays.items() if name.startswith("stored_")}
        return Batch(**rest, stored=Stored(**stored))

    def __getitem__(self, rows: int | slice | Ints) -> Batch:
        """Some of the rows as a Batch; one row is a Batch of one."""
        if isinstance(rows, int | np.integer):
            rows = np.array([rows], np.int32)
        return Batch.of({name: a[rows] for name, a in self.arrays().items()})

    @staticmethod
    def concatenate(batches: Sequence[Batch]) -> Batch:
        if len(batches) == 1:
            return batches[0]
        parts = [batch.arrays() for batch in batches]
        return Batch.of({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})
