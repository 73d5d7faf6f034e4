"""What each update trains on: how long its rows are and how much they ask. Five policies, told apart by a word.

    adaptive   the stages in turn, the next one when the accuracy of an update reaches `advance_at`
    schedule   the stages in turn, each an equal share of the budget whatever the accuracy: alike for every model
    fixed      the task itself from the first update
    uniform    each update draws a length from the shortest stage's to the task's own, its load in proportion
    mixture    each update draws a stage, all alike or by `weights`

A draw depends on seed and update alone, and each setting counts its own rows, so that none comes twice
and a run that was interrupted goes on with the rows it would have had.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from recall_tasks import Task

if TYPE_CHECKING:
    from .run import Run

MIN_BATCH = 8
"""Rows an update has at the least."""
SHORTEST = 16
"""Tokens of the shortest stage at the least, unless the task itself is shorter."""
KEY = 0x6C656E67746873
"""Second word of the generator's key ("lengths"): the draws are no other stream's."""


def stages(task: Task, length: int, count: int) -> list[tuple[Task, int]]:
    """The curriculum: at most `count` settings, length and load halved from one to the one before.

    Settings that would not fit their length are left out; the last is always the task itself.
    """
    load = getattr(task, task.load)
    ladder: list[tuple[Task, int]] = []
    for halvings in reversed(range(count)):
        shorter, lighter = length >> halvings, max(1, load >> halvings)
        try:
            easier = task.at_load(lighter) if halvings else task
            easier.check_length(shorter)
        except ValueError:
            continue
        if halvings == 0 or shorter >= SHORTEST:
            ladder.append((easier, shorter))
    return ladder


def uniform_draw(seed: int, update: int) -> float:
    """A number from 0 to 1, without 1: a function of both alone (Philox, a counter for each update)."""
    generator = np.random.Philox(key=np.array([seed, KEY], np.uint64), counter=np.array([0, 0, update, 0], np.uint64))
    return float(np.random.Generator(generator).random())


def read_weights(weights: str | None, count: int) -> list[float]:
    """The weights of `count` stages, shortest first. Raises ValueError where they are not that many numbers."""
    if weights is None:
        return [1.0] * count
    try:
        numbers = [float(word) for word in weights.split(",")]
    except (ValueError, AttributeError):
        numbers = []
    if len(numbers) != count or not all(0 <= n < float("inf") for n in numbers) or not numbers[-1] > 0:
        raise ValueError(
            f"weights takes a number for each of the {count} stages of the curriculum, shortest first, none below 0 "
            f"and the last, the task's own, above 0, such as {','.join(['1'] * count)}, not {weights!r}"
        )
    return numbers


class Policy(ABC):
    """Which setting an update trains on. Settings are numbered from 0 to count - 1; the last is the task itself.

    adapts   training accuracy moves on to the next setting
    drawn    settings are drawn, so only validation says how well the task itself is done
    cools    a task that is solved ends the run early; else all updates are made, the same for every model
    """

    adapts: ClassVar[bool] = False
    drawn: ClassVar[bool] = False
    cools: ClassVar[bool] = True

    def __init__(self, run: Run) -> None:
        self.run = run
        self.stages = stages(run.task.task, run.task.length, run.training.curriculum)

    @property
    def count(self) -> int:
        return len(self.stages)

    def setting(self, number: int) -> tuple[Task, int]:
        """Task and length, in tokens, of a setting."""
        return self.stages[number]

    @abstractmethod
    def choose(self, update: int, mastered: int) -> int:
        """The setting of an update (counted from 0), after so many stages were mastered."""


class Adaptive(Policy):
    adapts = True

    def choose(self, update: int, mastered: int) -> int:
        return mastered


class Scheduled(Policy):
    cools = False

    def choose(self, update: int, mastered: int) -> int:
        return min(update * self.count // self.run.training.updates, self.count - 1)


class Fixed(Policy):
    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.stages = self.stages[-1:]

    def choose(self, update: int, mastered: int) -> int:
        return 0


class Mixture(Policy):
    """Stages that do not fit their length are left out, and their weights with them."""

    drawn = True

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        count = run.training.curriculum
        by_length = {
            run.task.length >> (count - 1 - i): w for i, w in enumerate(read_weights(run.training.weights, count))
        }
        weights = np.cumsum([by_length[length] for _, length in self.stages])
        self.shares = weights / weights[-1]

    def choose(self, update: int, mastered: int) -> int:
        drawn = int(np.searchsorted(self.shares, uniform_draw(self.run.seed, update), side="right"))
        return min(drawn, self.count - 1)


class Uniform(Policy):
    """Every length from the shortest stage's to the task's own is a setting."""

    drawn = True

    @property
    def shortest(self) -> int:
        return self.stages[0][1]

    @property
    def count(self) -> int:
        return self.run.task.length - self.shortest + 1

    def setting(self, number: int) -> tuple[Task, int]:
        return proportioned(self.run.task.task, self.run.task.length, self.shortest + number, *self.stages[0])

    def choose(self, update: int, mastered: int) -> int:
        return int(uniform_draw(self.run.seed, update) * self.count)


@lru_cache(maxsize=4096)
def proportioned(task: Task, full: int, length: int, lightest: Task, shortest: int) -> tuple[Task, int]:
    """The task at `length` of its `full` tokens, with the same share of its load, or the most below it that fits.

    `lightest` fits into `shortest` tokens, so it fits here too.
    """
    if length == full:
        return task, length
    load, least = getattr(task, task.load), getattr(lightest, task.load)
    for lighter in range(load * length // full, least, -1):
        try:
            easier = task.at_load(lighter)
            easier.check_length(length)
        except ValueError:
            continue
        return easier, length
    return lightest, length


POLICIES: dict[str, type[Policy]] = {
    "adaptive": Adaptive, "schedule": Scheduled, "fixed": Fixed, "uniform": Uniform, "mixture": Mixture,
}  # fmt: skip


def check_policy(policy: str, weights: str | None, curriculum: int) -> None:
    """Raise ValueError for a word that is no policy, and for weights that nothing would weigh."""
    if policy not in POLICIES:
        raise ValueError(f"unknown policy {policy!r}: choose one of {', '.join(POLICIES)}")
    if weights is not None and policy != "mixture":
        raise ValueError(f"weights are of the policy mixture, not of {policy} (leave out --weights {weights})")
    read_weights(weights, curriculum)
