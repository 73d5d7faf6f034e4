"""Readers that answer a batch without learning: the best there is, no memory at all, and what lies between.

Each answers every question from the row's tokens up to it. A score means little until it is held
against theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from .batch import IGNORE, Batch, Ints
from .task import Task


class Reader(Protocol):
    def answer(self, batch: Batch, task: Task) -> Ints:
        """A token id for every question: [B, Q]."""
        ...


def accuracy(reader: Reader, batch: Batch, task: Task) -> float:
    """Share of all questions of the batch that the reader answers rightly."""
    asking = batch.asking
    return float((reader.answer(batch, task) == batch.answers)[asking].mean())


class Oracle:
    """Knows the rules and remembers everything: always right."""

    def answer(self, batch: Batch, task: Task) -> Ints:
        solved = [task.solve(row) for row in batch.tokens.tolist()]
        answers = np.full_like(batch.answers, IGNORE)
        rows, places = batch.asking.nonzero()
        asked = batch.asked[rows, places].tolist()
        answers[rows, places] = [solved[row][t] for row, t in zip(rows.tolist(), asked, strict=True)]
        return answers


class Guess:
    """Remembers nothing: uniform over the answers. Scores `chance`."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def answer(self, batch: Batch, task: Task) -> Ints:
        return self.rng.integers(task.answers.start, task.answers.stop, batch.asked.shape, dtype=np.int32)


class Memoryless:
    """Sees the token that asks and nothing before it: says what is most often right there.

    Fitted to the given batches. On a task that asks for recall it scores chance, or as often as the
    commonest answer is right.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        parts = [(_current(batch)[batch.asking], batch.answers[batch.asking]) for batch in batches]
        tokens, answers = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        self._table = _modes(tokens, answers)
        self._common = int(_modes(np.zeros_like(answers), answers)[0])
        self._table[np.setdiff1d(np.arange(len(self._table)), tokens)] = self._common

    def answer(self, batch: Batch, task: Task) -> Ints:
        token = _current(batch)
        known = self._table[np.minimum(token, len(self._table) - 1)]
        return np.where(token < len(self._table), known, np.int32(self._common))


class Bag:
    """Remembers which values were shown and how often, not whose: by default says the most frequent one.

    Where the right answers are shown after their questions, each once, it crosses them off. Scores
    `bounds.bag_floor`.
    """

    def answer(self, batch: Batch, task: Task) -> Ints:
        B, T = batch.tokens.shape
        rows, alphabet = np.arange(B), task.alphabet
        shown = (batch.tokens >= alphabet.start) & (batch.tokens < alphabet.stop)
        asks = batch.targets != IGNORE
        crossing = task.shows_answers and len(task.bottlenecks(T)) == 1
        place, ids = _ranked(batch.tokens)
        counts = np.zeros((B, ids.shape[1]), np.int32)
        said = np.full_like(batch.tokens, IGNORE)
        began = np.zeros(B, bool)
        for t in np.flatnonzero((shown | asks).any(axis=0)).tolist():
            before = counts[rows, place[:, t]]
            new = rows[shown[:, t]]
            counts[new, place[new, t]] += np.where(began[new] & crossing, -1, 1)
            asked = rows[asks[:, t]]
            if len(asked):
                said[asked, t] = task.from_bag(batch.tokens[asked, t], before[asked], ids[asked], counts[asked])
            began[asked] = True
        return np.take_along_axis(said, batch.asked, axis=1)


class Recency:
    """Remembers the value shown last, the token that asks included, and says it; before any, the first answer."""

    def answer(self, batch: Batch, task: Task) -> Ints:
        shown = (batch.tokens >= task.answers.start) & (batch.tokens < task.answers.stop)
        place = np.where(shown, np.arange(batch.tokens.shape[1], dtype=np.int32), -1)
        last = np.take_along_axis(np.maximum.accumulate(place, axis=1), batch.asked, axis=1)
        values = np.take_along_axis(batch.tokens, np.maximum(last, 0), axis=1)
        return np.where(last >= 0, values, np.int32(task.answers.start))


class Position:
    """Remembers every value in order, but guesses which one is asked from where the question stands.

    Tables are fitted to the given batches, from the slot (its distance from the end says the same at one
    length) and from the number of the question in its row, to the item asked there most often and to the
    answer that is right there most often. The one that fits best is used.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        held = list(batches)
        asked, answers = (
            np.concatenate([a[b.asking] for a, b in pairs])
            for pairs in ([(b.asked, b) for b in held], [(b.answers, b) for b in held])
        )
        targets = {False: answers}
        copied = [_items(batch) for batch in held]
        if all(items is not None for items in copied):
            targets[True] = np.concatenate([i[b.asking] for i, b in zip(copied, held, strict=True) if i is not None])
        # Slots are pooled until each pool holds some 16 questions per item or answer: rarer ones fit noise.
        kinds = 1 + max(int(np.ptp(target)) for target in targets.values())
        pools = int(np.clip(asked.size / (16 * kinds), 1, 256))
        self._edges = np.unique(np.quantile(asked, np.linspace(0, 1, pools + 1)[1:]))
        best = -1.0
        for place in (self._slot, self._number):
            here = np.concatenate([place(b)[b.asking] for b in held])
            for item, target in targets.items():
                table = _modes(here, target)
                fit = float((table[here] == target).mean())
                if fit > best:
                    best, self._place, self._table, self._item = fit, place, table, item

    def _slot(self, batch: Batch) -> Ints:
        return np.minimum(np.searchsorted(self._edges, batch.asked), len(self._edges) - 1).astype(np.int32)

    def _number(self, batch: Batch) -> Ints:
        return np.broadcast_to(np.arange(batch.asked.shape[1], dtype=np.int32), batch.asked.shape)

    def answer(self, batch: Batch, task: Task) -> Ints:
        place = np.minimum(self._place(batch), len(self._table) - 1)
        said = self._table[place]
        if not self._item:
            return said
        written = np.take_along_axis(batch.stored.positions, said, axis=1) < batch.asked
        values = np.take_along_axis(batch.stored.values, said, axis=1)
        return np.where(written, values, np.int32(task.answers.start))


class Window:
    """Remembers the last `size` tokens: right where the answer was written fewer tokens ago, else a guess."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size, self.blind = size, Guess(rng)

    def answer(self, batch: Batch, task: Task) -> Ints:
        answers = self.blind.answer(batch, task)
        near = batch.distances < self.size
        answers[near] = Oracle().answer(batch, task)[near]
        return answers


def _current(batch: Batch) -> Ints:
    """The token that asks: [B, Q]."""
    return np.take_along_axis(batch.tokens, batch.asked, axis=1)


def _ranked(tokens: Ints) -> tuple[Ints, Ints]:
    """Each token's rank among the different ones of its row, and the tokens of the ranks: [B, T] and [B, n].

    Counting by rank takes no more room than the rows do, however large the vocabulary is.
    """
    order = np.argsort(tokens, axis=1, kind="stable")
    ascending = np.take_along_axis(tokens, order, axis=1)
    first = np.zeros(tokens.shape, bool)
    first[:, 1:] = ascending[:, 1:] != ascending[:, :-1]
    ranks = np.cumsum(first, axis=1, dtype=np.int32)
    place, ids = np.empty_like(ranks), np.zeros((len(tokens), int(ranks[:, -1].max()) + 1), np.int32)
    np.put_along_axis(place, order, ranks, axis=1)
    np.put_along_axis(ids, ranks, ascending, axis=1)
    return place, ids


def _items(batch: Batch) -> Ints | None:
    """Which stored item, in order of writing, each question asks: [B, Q]; None where answers are no items."""
    B, T = batch.tokens.shape
    items = batch.stored.positions.shape[1]
    row = np.arange(B, dtype=np.int64)[:, None]
    places = (batch.stored.positions + row * T).ravel()
    flat = np.minimum(np.searchsorted(places, batch.origins + row * T), len(places) - 1)
    found = (places[flat] == batch.origins + row * T) & (batch.stored.values.ravel()[flat] == batch.answers)
    if not found[batch.asking].all():
        return None
    place: Ints = np.clip(flat - row * items, 0, items - 1).astype(np.int32)
    return place


def _modes(places: Ints, items: Ints) -> Ints:
    """The commonest item at each place: [number of places]."""
    width = int(items.max()) + 1
    pairs, counts = np.unique(places.astype(np.int64) * width + items, return_counts=True)
    by_count = pairs[np.argsort(counts, kind="stable")]
    modes = np.zeros(int(places.max()) + 1, np.int32)
    modes[by_count // width] = by_count % width
    return modes
