"""Readers that answer a batch without learning: the best there is, no memory at all, and what lies between.

Each answers every question from the row's tokens up to it. A score means little until it is held
against theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from .task import Batch, Ints, Task


class Reader(Protocol):
    def answer(self, batch: Batch, task: Task) -> Ints:
        """A token id for every question: [B, Q]."""
        ...


def accuracy(reader: Reader, batch: Batch, task: Task) -> float:
    """Share of all questions of the batch that the reader answers rightly."""
    return float((reader.answer(batch, task) == batch.answers).mean())


class Oracle:
    """Knows the rules and remembers everything: always right."""

    def answer(self, batch: Batch, task: Task) -> Ints:
        solved = [task.solve(row) for row in batch.tokens.tolist()]
        answers = [[right[t] for t in asked] for right, asked in zip(solved, batch.asked.tolist(), strict=True)]
        return np.array(answers, np.int32)


class Guess:
    """Remembers nothing: uniform over the answers. Scores `chance`."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def answer(self, batch: Batch, task: Task) -> Ints:
        return self.rng.integers(task.answers.start, task.answers.stop, batch.asked.shape, dtype=np.int32)


class Bag:
    """Remembers which values were shown and how often, not whose: says the most frequent one.

    Where right answers are shown after their questions it crosses them off. Scores `bounds.bag_floor`.
    """

    def answer(self, batch: Batch, task: Task) -> Ints:
        rows = zip(batch.tokens, batch.asked, strict=True)
        return np.array([self._row(tokens, asked, task) for tokens, asked in rows], np.int32)

    def _row(self, tokens: Ints, asked: Ints, task: Task) -> list[int]:
        counts = np.zeros(task.num_answers, np.int64)
        said: list[int] = []
        seen = 0
        for t in asked.tolist():
            values = tokens[seen : t + 1] - task.answers.start
            values = values[(values >= 0) & (values < task.num_answers)]
            np.add.at(counts, values, -1 if said and task.shows_answers else 1)
            said.append(task.answers.start + int(counts.argmax()))
            seen = t + 1
        return said


class Position:
    """Remembers every value in order, but guesses which one is asked from where the question stands.

    Two tables are fitted to the given batches, from the slot (its distance from the end says the same
    at one length) and from the number of the question in its row, to the item asked there most often.
    The one that fits better is used.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        parts = [(batch.asked, _items(batch), batch.stored.positions.shape[1]) for batch in batches]
        asked, items = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        # Slots are pooled until each pool holds some 16 questions per item: rarer ones fit noise.
        pools = int(np.clip(items.size / (16 * parts[0][2]), 1, 256))
        self._edges = np.unique(np.quantile(asked, np.linspace(0, 1, pools + 1)[1:]))
        tables = [(kind, _modes(kind(asked), items)) for kind in (self._slot, self._number)]
        self._kind, self._table = max(tables, key=lambda kt: float((kt[1][kt[0](asked)] == items).mean()))

    def _slot(self, asked: Ints) -> Ints:
        return np.minimum(np.searchsorted(self._edges, asked), len(self._edges) - 1).astype(np.int32)

    def _number(self, asked: Ints) -> Ints:
        return np.broadcast_to(np.arange(asked.shape[1], dtype=np.int32), asked.shape)

    def answer(self, batch: Batch, task: Task) -> Ints:
        shown = (batch.tokens >= task.answers.start) & (batch.tokens < task.answers.stop)
        items = batch.stored.positions.shape[1]
        written = np.argsort(~shown, axis=1, kind="stable")[:, :items]
        values = np.take_along_axis(batch.tokens, written, axis=1)
        return np.take_along_axis(values, self._table[self._kind(batch.asked)], axis=1)


class Window:
    """Remembers the last `size` tokens: right where the answer was written fewer tokens ago, else a guess."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size, self.blind = size, Guess(rng)

    def answer(self, batch: Batch, task: Task) -> Ints:
        answers = self.blind.answer(batch, task)
        near = batch.distances < self.size
        answers[near] = Oracle().answer(batch, task)[near]
        return answers


def _items(batch: Batch) -> Ints:
    """Which stored item, in order of writing, each question asks: [B, Q]."""
    B, T = batch.tokens.shape
    row = np.arange(B, dtype=np.int64)[:, None]
    flat = np.searchsorted((batch.stored.positions + row * T).ravel(), batch.origins + row * T)
    items: Ints = (flat - row * batch.stored.positions.shape[1]).astype(np.int32)
    return items


def _modes(places: Ints, items: Ints) -> Ints:
    """The commonest item at each place: [number of places]."""
    width = int(items.max()) + 1
    pairs, counts = np.unique(places.astype(np.int64) * width + items, return_counts=True)
    by_count = pairs[np.argsort(counts, kind="stable")]
    modes = np.zeros(int(places.max()) + 1, np.int32)
    modes[by_count // width] = by_count % width
    return modes
