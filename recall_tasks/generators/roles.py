"""Ids and words of a vocabulary whose tokens have one role each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from ..task import Task


class Roles(Task):
    """Ids in order: control tokens, then the roles, one range after the other; no token has two."""

    controls: ClassVar[Sequence[str]] = "."
    """The word of each control token, from id 0, the blank."""

    @property
    @abstractmethod
    def roles(self) -> dict[str, range]:
        """The letter of each role and its ids, in order."""

    @property
    def vocab_size(self) -> int:
        return max(ids.stop for ids in self.roles.values())

    def word(self, token: int) -> str:
        for letter, ids in self.roles.items():
            if token in ids:
                return f"{letter}{token - ids.start}"
        return self.controls[token]
