"""Ids and words that every task of one alphabet of symbols shares."""

from __future__ import annotations

from typing import ClassVar

from ..task import Task


class Symbols(Task):
    """Ids in order: control tokens, symbols, fillers; no token has two roles, and any symbol can be an answer.

    A task that extends it has a field `num_symbols`; one with random filler says how much.
    """

    controls: ClassVar[str] = "."
    """A letter for each control token, from id 0, the blank."""

    num_symbols: int

    @property
    def answers(self) -> range:
        return range(len(self.controls), len(self.controls) + self.num_symbols)

    @property
    def fillers(self) -> range:
        return range(self.answers.stop, self.answers.stop)

    @property
    def vocab_size(self) -> int:
        return self.fillers.stop

    def word(self, token: int) -> str:
        for letter, ids in (("s", self.answers), ("f", self.fillers)):
            if token in ids:
                return f"{letter}{token - ids.start}"
        return self.controls[token]
