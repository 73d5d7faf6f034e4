"""What a job says while it works: words that the next ones replace, and a few that stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Watch = Callable[[Any], None]


class Notice(str):
    """Said once and kept on the screen, also where nobody watches live."""

    __slots__ = ()


def unheard(said: Any) -> None:
    """Nobody listens."""
