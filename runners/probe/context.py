"""A finished run as a probe sees it: its questions, the rows drawn for them, and rows of the table of probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import SequenceModel

from ..config.run import Run
from .splits import Split, split
from .state_store import LIMIT
from .templates import Drawn, Labels, Question, questions, spread

Floats = NDArray[np.float64]

MOST_ITEMS = 64
"""Items read of a row that stores more: so many, spread evenly over their places."""


class Template(NamedTuple):
    """A question, the rows drawn for it, where each of them goes, and the items that are read."""

    number: int
    question: Question
    drawn: Drawn
    rows: Split
    items: Labels

    @property
    def labels(self) -> Labels:
        """Of the items that are read: [n, items]."""
        return self.drawn.labels[:, self.items]


@dataclass(frozen=True)
class ProbeContext:
    """A run, its trained model, and how it is probed: see `probing`."""

    run: Run
    model: SequenceModel
    num_rows: int
    watch: Callable[[Any], None]
    step: int = 0
    dimension: int = 64
    limit: int = LIMIT

    def templates(self) -> Iterator[Template]:
        """The same rows every time, drawn from the run's seed."""
        task, length, seed = self.run.task.task, self.run.task.length, self.run.seed
        rng = np.random.Generator(np.random.Philox(key=[seed, 2]))
        for number, question in enumerate(questions(task, length, seed)):
            self.watch(f"probing: rows of template {number + 1}")
            stored = len(question.positions)
            items = spread(stored, MOST_ITEMS)
            drawn = question.draw(self.num_rows, rng)
            yield Template(number, question, drawn, split(np.arange(self.num_rows), seed), items)

    def rng(self, purpose: int) -> np.random.Generator:
        """For one purpose and this run alone."""
        return np.random.Generator(np.random.Philox(key=[self.run.seed, purpose]))

    def times(self, question: Question) -> list[int]:
        """Multiples of the step, where items are asked, and the last token: tokens read."""
        return question.times(self.step or max(1, -(-self.run.task.length // 4)))
