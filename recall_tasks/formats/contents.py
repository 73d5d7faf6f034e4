"""What goes into a file of rows and comes out of it, whatever its form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..batch import Ints

Arrays = dict[str, Ints]
"""Arrays by name, [rows, anything]."""


class Damaged(Exception):
    """Bytes that are not what was written; the words say what about them."""


class Contents(Protocol):
    """Rows in chunks, to be passed through once, and the header that is right when they have passed."""

    shapes: dict[str, tuple[int, int]]

    @property
    def header(self) -> str: ...

    def __iter__(self) -> Iterator[Arrays]: ...
