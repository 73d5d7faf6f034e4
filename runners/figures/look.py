"""How a memory looks: the same colour, marker and line in every figure that is given the same list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

ORDER = (0, 1, 2, 3, 4, 9, 5, 7, 6, 8)
"""Of the ten colours of seaborn's palette "colorblind"; the two that are too pale on white come last."""
MARKERS = "os^DvPX<>*d"
LINES = ("-", "--", "-.", ":")


@cache
def colours() -> list[str]:
    """Ten colours that can be told apart without colour vision."""
    import seaborn  # a second to import, which only who draws waits for

    palette = seaborn.color_palette("colorblind").as_hex()
    return [str(palette[i]) for i in ORDER]


class Look(NamedTuple):
    colour: str
    marker: str
    line: str


Looks = Mapping[str, Look]


def looks(memories: Iterable[str]) -> dict[str, Look]:
    """A look for each memory by its place in the list; colours can be told apart without colour vision.

    Markers differ up to eleven memories; past ten, colours come again with another marker and another line.
    """
    palette = colours()
    return {
        memory: Look(palette[i % len(palette)], MARKERS[i % len(MARKERS)], LINES[i // len(palette) % len(LINES)])
        for i, memory in enumerate(dict.fromkeys(memories))
    }


def of(look: Look) -> dict[str, Any]:
    """A look as matplotlib says it."""
    return {"color": look.colour, "linestyle": look.line, "marker": look.marker, "markersize": 3.6}
