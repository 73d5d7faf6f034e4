"""How a memory looks: the same colour, marker and line in every figure that is given the same list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

COLOURS = (
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#56b4e9", "#ca9161", "#949494", "#fbafe4", "#ece133",
)  # fmt: skip
"""The palette "colorblind" of seaborn; the two that are too pale on white come last."""
MARKERS = "os^DvPX<>*d"
LINES = ("-", "--", "-.", ":")


class Look(NamedTuple):
    colour: str
    marker: str
    line: str


Looks = Mapping[str, Look]


def looks(memories: Iterable[str]) -> dict[str, Look]:
    """A look for each memory by its place in the list; colours can be told apart without colour vision.

    Markers differ up to eleven memories; past ten, colours come again with another marker and another line.
    """
    return {
        memory: Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], LINES[i // len(COLOURS) % len(LINES)])
        for i, memory in enumerate(dict.fromkeys(memories))
    }


def of(look: Look) -> dict[str, Any]:
    """A look as matplotlib says it."""
    return {"color": look.colour, "linestyle": look.line, "marker": look.marker, "markersize": 3.6}
