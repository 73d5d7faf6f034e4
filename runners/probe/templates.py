"""What a probe asks: rows whose addresses are frozen and whose values are drawn afresh.

One row of a task is taken as a template. Its stored values are drawn anew, everything else stays as it was. Item
j then always has the same key and the same place, so "which value had item j?" is a linear question of an additive
memory, of a key-value cache, of Legendre coefficients and of a recurrent state alike. Values are independent and
uniform, so chance is exact and bits about different items add up. Signals alone are drawn as their task draws
them: their samples tell of one another.

Where a key asks, the row's own questions are left out (a blank stands in their place, none at the row's end), so that
whoever is asked after the row is asked for the first time.

Shapes: n rows, T tokens, K items.
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
"""Items asked of a task that stores fewer in a row: it is given several templates, so ages are spread."""


class Drawn(NamedTuple):
    """tokens [n, T], whole rows; labels [n, K]: which value each item has, from 0."""

    tokens: Tokens
    labels: Labels


class Asking(NamedTuple):
    """How items are asked for once `Question.end` tokens were read: more tokens, and who answers where.

    tokens  [n, m] that follow, m >= 1
    places  [q] of them that ask
    items   [q] that they ask for
    """

    tokens: Tokens
    places: Labels
    items: Labels


@dataclass(frozen=True)
class Question:
    """A template of a task at a length; `template` is a Batch of one row."""

    task: Task
    template: Batch

    @cached_property
    def positions(self) -> Labels:
        """Where each item is written: [K], in order."""
        return np.asarray(self.template.stored.positions[0], np.int64)

    @cached_property
    def num_values(self) -> int:
        return len(self.task.alphabet)

    @cached_property
    def keyed(self) -> bool:
        """Whether every item has a key of its own, by which alone it is asked for: then it can be at any time."""
        row, keys, asks = self.template, self.template.stored.keys[0], self._asked_items
        if (asks < 0).any() or (keys < 0).any() or len(np.unique(keys)) < len(keys):
            return False
        return bool((row.tokens[0, row.asked[0][row.asking[0]]] == keys[asks]).all())

    @cached_property
    def row(self) -> Tokens:
        """The tokens that are frozen: [T], less questions at the end of the row where keys ask."""
        tokens: Tokens = self.template.tokens[0].copy()
        if not self.keyed:
            return tokens
        asked = set(self.template.asked[0][self.template.asking[0]].tolist())
        tokens[list(asked)] = 0
        length = len(tokens)
        while length - 1 in asked:
            length -= 1
        return tokens[:length]

    @cached_property
    def stop(self) -> int:
        """Tokens that may be read: up to the first value that is shown again; those nobody asks for do not count."""
        shown, positions = self.row, self.positions
        again = np.isin(shown, np.array(self.task.alphabet))
        again[positions if self.task.shows_answers else np.arange(positions.max() + 1)] = False
        return int(np.argmax(again)) if again.any() else len(shown)

    @cached_property
    def end(self) -> int:
        """Tokens read when items are asked for: the whole row, or where order asks, all up to the first question."""
        if self.keyed:
            return self.stop
        first = int(self.template.asked[self.template.asking].min())
        return min(self.stop, max(int(self.positions.max()) + 1, first))

    def times(self, step: int) -> list[int]:
        """Every multiple of `step` at which something was written, `end` and the last token: tokens read."""
        first = int(self.positions.min()) + 1
        return sorted({t for t in range(step, self.stop, step) if t >= first} | {self.end, self.stop})

    def ages(self, time: int) -> Labels:
        """Tokens read since each item was written, negative where it was not yet: [K]."""
        return time - 1 - self.positions

    def draw(self, rows: int, rng: np.random.Generator) -> Drawn:
        """`rows` copies of the template with fresh values."""
        first, positions = self.task.alphabet.start, self.positions
        tokens = np.tile(self.row, (rows, 1))
        if isinstance(self.task, Signal):
            tokens[:, positions] = self.task.draw(rng, rows, self.template.tokens.shape[1]).stored.values
        else:
            tokens[:, positions] = rng.integers(first, self.task.alphabet.stop, (rows, len(positions)), np.int32)
        labels = tokens[:, positions].astype(np.int64) - first
        for place, item in self._shown:
            tokens[:, place] = tokens[:, positions[item]]
        return Drawn(tokens, labels)

    def asking(self, drawn: Drawn) -> Iterator[Asking]:
        """One after the other, ways to ask for items.

        None where answers are worked out of several items, and where the question is made of values itself.
        """
        if self.task.derived or (self._asked_items < 0).any():
            return
        if self.keyed:
            for item in range(len(self.positions)):
                key = np.full((len(drawn.tokens), 1), self.template.stored.keys[0, item], np.int32)
                yield Asking(key, np.zeros(1, np.int64), np.array([item]))
            return
        asked = self.template.asked[0][self.template.asking[0]].astype(np.int64)
        later = asked >= self.end
        following = set(np.flatnonzero(np.isin(self.template.tokens[0], np.array(self.task.alphabet))).tolist())
        following -= {place for place, _ in self._shown}
        if later.any() and max(following) < self.end:
            yield Asking(drawn.tokens[:, self.end :], asked[later] - self.end, self._asked_items[later])

    @cached_property
    def _shown(self) -> list[tuple[int, int]]:
        """Where an answer is shown, at the step after its question, and the item that it is."""
        if not self.task.shows_answers:
            return []
        after = (self.template.asked[0][self.template.asking[0]] + 1).tolist()
        pairs = zip(after, self._asked_items.tolist(), strict=True)
        return [(place, item) for place, item in pairs if place < self.template.tokens.shape[1] and item >= 0]

    @cached_property
    def _asked_items(self) -> Labels:
        """The item that each question of the template asks for, -1 where none was written at its origin: [Q]."""
        asking = self.template.asking[0]
        same = self.template.origins[0][asking][:, None] == self.positions
        return np.where(same.any(1), same.argmax(1), -1)


def spread(count: int, most: int) -> Labels:
    """At most so many of 0 to count - 1, spread evenly, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def questions(task: Task, length: int, seed: int) -> Iterator[Question]:
    """Templates of the probe split, enough of them for `ITEMS` items. Raises ValueError as `probed` does."""
    stored = len(probed(task, length).positions)
    stream = Stream(task, length, "probe", seed)
    for i in range(max(1, ITEMS // stored)):
        yield Question(task, stream.rows(i, 1))


def probed(task: Task, length: int) -> Question:
    """A question of the task, whose states can be probed item by item; raises ValueError where they cannot.

    Values are redrawn under frozen addresses, so each must be written once before any is shown again.
    """
    block = Stream(task, length, "probe").block(0)
    if (block.stored.values == IGNORE).any():
        raise ValueError(f"{task.name}: rows store different loads; probe a run on the task itself")
    question = Question(task, block[0])
    if question.stop <= question.positions.max():
        raise ValueError(f"{task.name}: shows values again while it still writes; its states cannot be probed by item")
    return question
