"""The rows of training: a batch from whatever setting an update is to train on, no row of a setting twice."""

from __future__ import annotations

from collections.abc import Iterator

from recall_tasks import Batch, Stream

from ..config.curriculum import MIN_BATCH, Policy

OPEN = 4
"""Settings whose rows are kept at hand: a block is 256 of them, and an update seldom takes all."""


class Feed:
    """Batches of the train split, about `tokens` tokens each, from whatever settings are asked for.

    `used` counts the rows drawn of each setting: all it takes to go on with the next ones.
    """

    def __init__(self, policy: Policy, tokens: int, seed: int, used: dict[int, int]) -> None:
        self.policy, self.tokens, self.seed, self.used = policy, tokens, seed, used
        self.open: dict[int, Iterator[Batch]] = {}

    def batch(self, number: int) -> Batch:
        """The next rows of a setting."""
        task, length = self.policy.setting(number)
        rows, start = max(MIN_BATCH, self.tokens // length), self.used.get(number, 0)
        batches = self.open.pop(number, None)
        if batches is None:
            batches = Stream(task, length, "train", self.seed).batches(rows, start)
            if len(self.open) == OPEN:
                del self.open[next(iter(self.open))]
        self.open[number] = batches
        self.used[number] = start + rows
        return next(batches)
