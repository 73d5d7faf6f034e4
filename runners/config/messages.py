"""Progress messages: transient status lines, and notices that stay on screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Watch = Callable[[Any], None]
"""Takes a job's messages while it works."""


class Notice(str):
    """A message that stays on screen, and is printed where nobody watches live too."""

    __slots__ = ()


def silent(message: Any) -> None:
    """A `Watch` that drops every message."""
