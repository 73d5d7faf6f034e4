"""A small task as a user brings it, in a file of its own; one whose oracle is wrong, and classes that are no tasks."""

from dataclasses import dataclass

import numpy as np

from recall_tasks import Batch, Stored, Task
from recall_tasks.task import difficulty


@dataclass(frozen=True)
class First(Task):
    """Values, and at the end a question for the first of them."""

    num_values: int = difficulty(3, "values shown", "load")
    name, version, load = "first", 1, "num_values"
    vocab_size, answers = 10, range(2, 10)
    min_length = property(lambda self: self.num_values + 1)
    shares = property(lambda self: np.eye(self.num_values)[0])

    def check_fields(self):
        self.at_least("num_values", 1)

    def num_questions(self, length):
        return 1

    def payload_bits(self, length):
        return 3.0

    def draw(self, rng, rows, length):
        tokens = np.zeros((rows, length), np.int32)
        tokens[:, : self.num_values] = values = rng.integers(2, 10, (rows, self.num_values), dtype=np.int32)
        tokens[:, -1] = 1
        places = np.broadcast_to(np.arange(self.num_values, dtype=np.int32), values.shape)
        one = np.ones((rows, 1), np.int32)
        return Batch(tokens, (length - 1) * one, values[:, :1], 0 * one, Stored(places, 0 * values - 1, values))

    def read(self, tokens):
        return {t: tokens[0] for t, token in enumerate(tokens) if token == 1}

    def word(self, token):
        return ".?"[token] if token < 2 else f"v{token}"


class Second(First):
    """Its oracle is wrong."""

    def read(self, tokens):
        return {t: tokens[1] for t, token in enumerate(tokens) if token == 1}


class Abstract(Task):
    """It lacks everything."""


class mqar(First):  # noqa: N801
    """It has the name of another."""


class Mine:
    """No task."""
