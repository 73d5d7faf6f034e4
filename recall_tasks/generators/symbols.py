"""Ids that every task of one alphabet of symbols shares."""

from __future__ import annotations

from .roles import Roles


class Symbols(Roles):
    """Control tokens, symbols, fillers; any symbol can be an answer.

    A task that extends it has a field `num_symbols`; one with random filler says how much.
    """

    num_symbols: int

    @property
    def answers(self) -> range:
        return range(len(self.controls), len(self.controls) + self.num_symbols)

    @property
    def fillers(self) -> range:
        return range(self.answers.stop, self.answers.stop)

    @property
    def roles(self) -> dict[str, range]:
        return {"s": self.answers, "f": self.fillers}
