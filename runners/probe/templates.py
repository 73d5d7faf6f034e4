"""Templates: sequences whose addresses are frozen and whose values are sampled afresh.

Item j then always has the same key and the same position: "which value had item j?" is a linear question of any state
(docs/probing.md). Values are independent and uniform, so chance is exact and bits about different items add up. Signals
alone are sampled as their task samples them, since their values depend on one another. Where a key asks, the template's
own questions are blanked (or cut off at its end), so that a query that follows is the first for its item.

Shapes: n sequences, T tokens, K items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recall_tasks import IGNORE, Batch, Stream, Task
from recall_tasks.generators.signal import Signal

Tokens = NDArray[np.int32]
Labels = NDArray[np.int64]

ITEMS = 8
"""Items read of a task that stores fewer in a sequence: it gets several templates, so that ages are spread."""


class Samples(NamedTuple):
    """Whole sequences as tokens [n, T], and the value of each item as labels [n, K], from 0."""

    tokens: Tokens
    labels: Labels


class Queries(NamedTuple):
    """Tokens that ask for items once `Question.end` tokens were read.

    tokens     [n, m] that follow, m >= 1
    positions  [q] of those among them that ask
    items      [q] that they ask for
    """

    tokens: Tokens
    positions: Labels
    items: Labels


@dataclass(frozen=True)
class Question:
    """A template of a task at a length; `template` is a Batch of one sequence."""

    task: Task
    template: Batch

    @cached_property
    def positions(self) -> Labels:
        """Position at which each item is written: [K], in order."""
        return np.asarray(self.template.stored.positions[0], np.int64)

    @property
    def num_values(self) -> int:
        return len(self.task.alphabet)

    @property
    def length(self) -> int:
        """Tokens of a whole sequence, its questions among them."""
        return len(self.template.tokens[0])

    @cached_property
    def keyed(self) -> bool:
        """True where every item has a key of its own, by which alone it is asked for: then it can be at any time."""
        batch, keys, asks = self.template, self.template.stored.keys[0], self._asked_items
        if (asks < 0).any() or (keys < 0).any() or len(np.unique(keys)) < len(keys):
            return False
        return bool((batch.tokens[0, batch.asked[0][batch.asking[0]]] == keys[asks]).all())

    @cached_property
    def tokens(self) -> Tokens:
        """Tokens of the template: [T], without the questions at its end where keys ask."""
        tokens: Tokens = self.template.tokens[0].copy()
        if not self.keyed:
            return tokens
        asked = self.template.asked[0][self.template.asking[0]]
        tokens[asked] = 0
        return tokens[: np.setdiff1d(np.arange(self.length), asked)[-1] + 1]

    @cached_property
    def stop(self) -> int:
        """Tokens that may be read: all before a value is shown again; values nobody asks for do not count."""
        shown, positions = self.tokens, self.positions
        again = np.isin(shown, np.array(self.task.alphabet))
        again[positions if self.task.shows_answers else np.arange(positions.max() + 1)] = False
        return int(np.argmax(again)) if again.any() else len(shown)

    @cached_property
    def end(self) -> int:
        """Tokens read when items are asked for: all of them, or where order asks, those before the first question."""
        if self.keyed:
            return self.stop
        first = int(self.template.asked[self.template.asking].min())
        return min(self.stop, max(int(self.positions.max()) + 1, first))

    def times(self, step: int) -> list[int]:
        """Times of states, in tokens read: multiples of `step` after the first item, `end`, and the last token."""
        first = int(self.positions.min()) + 1
        return sorted({t for t in range(step, self.stop, step) if t >= first} | {self.end, self.stop})

    def ages(self, time: int) -> Labels:
        """Tokens read since each item was written, negative before: [K]."""
        return time - 1 - self.positions

    def sample(self, count: int, rng: np.random.Generator) -> Samples:
        """So many copies of the template with fresh values."""
        first, positions = self.task.alphabet.start, self.positions
        tokens = np.tile(self.tokens, (count, 1))
        if isinstance(self.task, Signal):
            tokens[:, positions] = self.task.draw(rng, count, self.length).stored.values
        else:
            tokens[:, positions] = rng.integers(first, self.task.alphabet.stop, (count, len(positions)), np.int32)
        labels = tokens[:, positions].astype(np.int64) - first
        for position, item in self._shown:
            tokens[:, position] = tokens[:, positions[item]]
        return Samples(tokens, labels)

    def queries(self, samples: Samples) -> Iterator[Queries]:
        """Ways to ask for items, one after the other.

        None where answers are worked out from several items, and where the question itself is made of values.
        """
        if self.task.derived or (self._asked_items < 0).any():
            return
        if self.keyed:
            for item in range(len(self.positions)):
                key = np.full((len(samples.tokens), 1), self.template.stored.keys[0, item], np.int32)
                yield Queries(key, np.zeros(1, np.int64), np.array([item]))
            return
        asked = self.template.asked[0][self.template.asking[0]].astype(np.int64)
        later = asked >= self.end
        values = np.flatnonzero(np.isin(self.template.tokens[0], np.array(self.task.alphabet)))
        if later.any() and np.setdiff1d(values, [position for position, _ in self._shown]).max() < self.end:
            yield Queries(samples.tokens[:, self.end :], asked[later] - self.end, self._asked_items[later])

    @cached_property
    def _shown(self) -> list[tuple[int, int]]:
        """Position of each answer that is shown, one step after its question, and its item."""
        if not self.task.shows_answers:
            return []
        after = (self.template.asked[0][self.template.asking[0]] + 1).tolist()
        pairs = zip(after, self._asked_items.tolist(), strict=True)
        return [(position, item) for position, item in pairs if position < self.length and item >= 0]

    @cached_property
    def _asked_items(self) -> Labels:
        """Item of each question of the template, -1 where none was written at its origin: [Q]."""
        asking = self.template.asking[0]
        same = self.template.origins[0][asking][:, None] == self.positions
        return np.where(same.any(1), same.argmax(1), -1)


def spread(count: int, most: int) -> Labels:
    """At most so many of 0 to count - 1, spread evenly from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def questions(task: Task, length: int, seed: int) -> Iterator[Question]:
    """Templates of the probe split, enough of them for `ITEMS` items. Raises ValueError as `first_question` does."""
    stored = len(first_question(task, length).positions)
    stream = Stream(task, length, "probe", seed)
    for i in range(max(1, ITEMS // stored)):
        yield Question(task, stream.rows(i, 1))


def first_question(task: Task, length: int) -> Question:
    """The first question of a task. Raises ValueError where states cannot be probed item by item.

    Values are sampled anew under frozen addresses, so each must be written once before any is shown again.
    """
    block = Stream(task, length, "probe").block(0)
    if (block.stored.values == IGNORE).any():
        raise ValueError(f"{task.name}: sequences store different loads; probe a run on the task itself")
    question = Question(task, block[0])
    if question.stop <= question.positions.max():
        raise ValueError(f"{task.name} shows values again while it still writes: its states cannot be probed by item")
    return question
