"""Ids and words that every task of keys and values shares."""

from __future__ import annotations

from collections.abc import Sequence

from .roles import Roles


class Bindings(Roles):
    """Control tokens, keys, values, fillers.

    A task that extends it has fields `num_keys` and `num_values`; those with random filler say how much.
    """

    num_keys: int
    num_values: int

    def check_alphabets(self, bound: int, what: str) -> None:
        """Refuse fewer keys than are bound, and values that leave nothing to recall."""
        self.at_least("num_values", 2)
        if self.num_keys < bound:
            raise ValueError(
                f"{self.name}: {bound} {what} need as many keys, not {self.num_keys} (try --num-keys {bound})"
            )

    @property
    def keys(self) -> range:
        return range(len(self.controls), len(self.controls) + self.num_keys)

    @property
    def answers(self) -> range:
        return range(self.keys.stop, self.keys.stop + self.num_values)

    @property
    def fillers(self) -> range:
        return range(self.answers.stop, self.answers.stop)

    @property
    def roles(self) -> dict[str, range]:
        return {"k": self.keys, "v": self.answers, "f": self.fillers}

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        """A key seen again asks for the value that stood behind it; tasks that ask otherwise override this."""
        pairs: dict[int, int] = {}
        answers: dict[int, int] = {}
        for t, token in enumerate(tokens):
            if token in pairs:
                answers[t] = pairs[token]
            elif token in self.answers:
                pairs[tokens[t - 1]] = token
        return answers
