"""The learning rate of every update."""

from __future__ import annotations

import math

from ..config.run import Run

COOLDOWN = 0.2
"""Share of the budget over which the rate falls to zero."""


class Schedule:
    """Learning rate: linear warm-up, constant, and a linear cool-down to zero that starts once.

    The cool-down starts with the last fifth of the budget, or earlier when `cool` is called.
    """

    def __init__(self, run: Run) -> None:
        self.training = run.training
        self.cooling_from = math.ceil(run.training.updates * (1 - COOLDOWN))
        self.end = run.training.updates

    def cool(self, update: int) -> None:
        """Cool down from here, over a quarter of the updates so far: a fifth of the whole, as the budget would."""
        if update < self.cooling_from:
            self.cooling_from = update
            self.end = min(self.training.updates, update + max(20, update // 4))

    def rate(self, update: int) -> float:
        rate = self.training.learning_rate * min(1.0, (update + 1) / max(1, self.training.warmup))
        if update >= self.cooling_from:
            rate *= (self.end - update) / (self.end - self.cooling_from)
        return rate
