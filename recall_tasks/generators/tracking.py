"""State tracking: each symbol moves a state on, and what is asked is the state, not a symbol."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..batch import Batch, Ints, Stored
from ..task import Task, difficulty

ASKED = ("every", "last")


@dataclass(frozen=True)
class Tracking(Task):
    """A first symbol sets the state and `num_steps` others move it; a symbol asks for the state it leaves.

    Symbols stand as evenly as the length allows, the last at the last token, blanks between them: length
    moves the distance at fixed load, and where a symbol stands says how many came before, no more. An
    answer rests on all symbols so far, so its origin is the first. Ids: 0 the blank, then the symbols,
    which are the answers as well.
    """

    load: ClassVar[str] = "num_steps"
    derived: ClassVar[bool] = True

    num_steps: int
    asked: str

    def check_fields(self) -> None:
        self.at_least("num_steps", 1)

    @property
    def vocab_size(self) -> int:
        return self.answers.stop

    @property
    def min_length(self) -> int:
        return self.num_steps + 1

    def num_questions(self, length: int) -> int:
        return self.num_steps if self.asked == "every" else 1

    @property
    def shares(self) -> NDArray[np.float64]:
        return np.ones(1)

    @abstractmethod
    def track(self, rng: np.random.Generator, rows: int) -> tuple[Ints, Ints]:
        """Symbols and the answers they leave, the first of which is not asked: both [rows, num_steps + 1]."""

    @abstractmethod
    def move(self, state: int | None, symbol: int) -> tuple[int, int]:
        """The oracle's step: the state that a symbol leaves, and its answer; None is the state before all."""

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        shown = self.num_steps + 1
        symbols, states = self.track(rng, rows)
        places = np.arange(1, shown + 1, dtype=np.int64) * length // shown - 1
        tokens = np.zeros((rows, length), np.int32)
        tokens[:, places] = symbols

        asks = self.num_questions(length)
        written = np.broadcast_to(places.astype(np.int32), (rows, shown))
        origins = np.repeat(written[:, :1], asks, axis=1)
        stored = Stored(written, np.full_like(symbols, -1), symbols)
        return Batch(tokens, written[:, -asks:], states[:, -asks:], origins, stored)

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        state: int | None = None
        answers: dict[int, int] = {}
        for t, token in enumerate(tokens):
            if token:
                began = state is not None
                state, answer = self.move(state, token)
                if began:
                    answers[t] = answer
        return answers


def steps(default: int) -> int:
    """The field `num_steps` of a task whose payload does not grow with it."""
    moved: int = difficulty(default, "symbols after the first, each of which moves the state", moves="distance")
    return moved


def asked(default: str = "every") -> str:
    """The field `asked`."""
    chosen: str = difficulty(
        default, "which symbols ask: every one from the second on, or the last", moves="questions", choices=ASKED
    )
    return chosen
