"""Length and load of each update's sequences, by one of five policies.

    adaptive   the stages in turn, the next one when the accuracy of an update reaches `advance_at`
    schedule   the stages in turn, each for an equal part of the budget whatever the accuracy: alike for every model
    fixed      the task itself from the first update
    uniform    each update samples a length from the shortest stage's to the task's own, its load in proportion
    mixture    each update samples a stage, all alike or by `weights`

A sample depends on seed and update alone, and each setting counts its own sequences, so that none comes twice
and an interrupted run goes on with the sequences it would have had.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import ClassVar

import numpy as np

from recall_tasks import Task

MIN_BATCH = 8
"""Fewest sequences of an update."""
SHORTEST = 16
"""Fewest tokens of a stage, unless the task itself is shorter."""
KEY = 0x6C656E67746873
"""Second word of the generator's key ("lengths"): no other stream draws these numbers."""


def stages(task: Task, length: int, count: int) -> list[tuple[Task, int]]:
    """The curriculum: at most `count` settings, each with twice the length and load of the one before.

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
    """A number in [0, 1) that depends on seed and update alone (Philox, a counter for each update)."""
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
    """Choice of a setting for each update. Settings are numbered from 0 to count - 1; the last is the task itself.

    curriculum   stages at most
    weights      of the stages, shortest first, where a policy takes them
    adapts    training accuracy moves on to the next setting
    sampled   settings are sampled, so only validation measures the task itself
    cools     a solved task ends the run early; else all updates are made, the same for every model
    """

    adapts: ClassVar[bool] = False
    sampled: ClassVar[bool] = False
    cools: ClassVar[bool] = True

    def __init__(
        self, task: Task, length: int, curriculum: int, updates: int, seed: int, weights: str | None = None
    ) -> None:
        self.task, self.length, self.updates, self.seed = task, length, updates, seed
        self.stages = stages(task, length, curriculum)
        self.weights = read_weights(weights, curriculum)

    @property
    def count(self) -> int:
        return len(self.stages)

    def setting(self, number: int) -> tuple[Task, int]:
        """Task and length, in tokens, of a setting."""
        return self.stages[number]

    @abstractmethod
    def choose(self, update: int, mastered: int) -> int:
        """The setting of an update (counted from 0), after `mastered` stages were mastered."""


class Adaptive(Policy):
    adapts = True

    def choose(self, update: int, mastered: int) -> int:
        return mastered


class EqualStages(Policy):
    cools = False

    def choose(self, update: int, mastered: int) -> int:
        return min(update * self.count // self.updates, self.count - 1)


class TaskItself(Policy):
    @property
    def count(self) -> int:
        return 1

    def setting(self, number: int) -> tuple[Task, int]:
        return self.stages[-1]

    def choose(self, update: int, mastered: int) -> int:
        return 0


class Mixture(Policy):
    """Stages that do not fit their length are left out, and their weights with them."""

    sampled = True

    def choose(self, update: int, mastered: int) -> int:
        by_length = {self.length >> i: weight for i, weight in enumerate(reversed(self.weights))}
        weights = np.cumsum([by_length[length] for _, length in self.stages])
        stage = int(np.searchsorted(weights / weights[-1], uniform_draw(self.seed, update), side="right"))
        return min(stage, self.count - 1)


class Uniform(Policy):
    """Every length from the shortest stage's to the task's own is a setting."""

    sampled = True

    @property
    def shortest(self) -> int:
        return self.stages[0][1]

    @property
    def count(self) -> int:
        return self.length - self.shortest + 1

    def setting(self, number: int) -> tuple[Task, int]:
        return at_shorter_length(self.task, self.length, self.shortest + number, *self.stages[0])

    def choose(self, update: int, mastered: int) -> int:
        return int(uniform_draw(self.seed, update) * self.count)


@lru_cache(maxsize=4096)
def at_shorter_length(task: Task, full: int, length: int, lightest: Task, shortest: int) -> tuple[Task, int]:
    """The task at `length` of its `full` tokens, its load in proportion, or the most below that fits.

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
    "adaptive": Adaptive, "schedule": EqualStages, "fixed": TaskItself, "uniform": Uniform, "mixture": Mixture,
}  # fmt: skip


def check_policy(policy: str, weights: str | None, curriculum: int) -> None:
    """Raises ValueError for an unknown policy, and for weights of a policy other than mixture."""
    if policy not in POLICIES:
        raise ValueError(f"unknown policy {policy!r}: choose one of {', '.join(POLICIES)}")
    if weights is not None and policy != "mixture":
        raise ValueError(
            f"weights need the policy mixture, not {policy} (leave out --weights {weights!r}, or add --policy mixture)"
        )
    read_weights(weights, curriculum)
