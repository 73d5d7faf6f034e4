"""Where segments end: of C tokens each, or the powers of two that a length consists of (arXiv 2602.24281, §4.2).

A logarithmic division of 37 tokens is 32, 4, 1: the binary expansion, largest first, so that a state has
log2 of the length many caches at most. The paper divides the whole length, which has to be known; after it
the same division begins again. (A power of two is one segment: 64 tokens are cached after the 64th.)
"""

from __future__ import annotations

from itertools import accumulate, groupby
from typing import NamedTuple


class Piece(NamedTuple):
    """Tokens of one call in one segment: how many, how many of the segment came before them, whether it ends."""

    length: int
    ahead: int
    closes: bool


class Run(NamedTuple):
    """`number` pieces alike, one after another: whole segments can be written at the same time."""

    number: int
    piece: Piece


def powers(length: int) -> tuple[int, ...]:
    """The powers of two that `length` is the sum of, largest first: 37 -> (32, 4, 1)."""
    return tuple(1 << bit for bit in reversed(range(length.bit_length())) if length >> bit & 1)


class Segments:
    """A cycle of segment lengths, without end."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        self.lengths, self.ends = lengths, tuple(accumulate(lengths))

    @property
    def cycle(self) -> int:
        return self.ends[-1]

    def closed(self, seen: int) -> int:
        """Segments that are complete after `seen` tokens."""
        rounds, rest = divmod(seen, self.cycle)
        return rounds * len(self.lengths) + sum(end <= rest for end in self.ends)

    def ahead(self, seen: int) -> int:
        """Tokens of the open segment among the `seen`."""
        rest = seen % self.cycle
        return rest - max((end for end in self.ends if end <= rest), default=0)

    def pieces(self, seen: int, length: int) -> list[Piece]:
        """The next `length` tokens after `seen`, cut at the ends of segments."""
        found, ahead, number = [], self.ahead(seen), self.closed(seen)
        while length:
            size = self.lengths[number % len(self.lengths)]
            taken = min(length, size - ahead)
            found.append(Piece(taken, ahead, ahead + taken == size))
            length, ahead, number = length - taken, 0, number + 1
        return found


def runs(pieces: list[Piece], alone: bool) -> list[Run]:
    """Whole segments of one length together; each by itself where they are to be `alone`."""
    if alone:
        return [Run(1, piece) for piece in pieces]
    found = []
    for piece, same in groupby(pieces):
        count = len(list(same))
        found += [Run(count, piece)] if piece.closes and not piece.ahead else [Run(1, piece)] * count
    return found
