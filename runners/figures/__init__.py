"""Figures of a comparison. Each module has what it draws and how: a TITLE, how to read it (READING),
`table(results)`, the tidy rows that are drawn, and `draw(table of one task, looks, ax)`, which returns Axes.

    figure = panels(length.table(results), length.draw, looks(["attention", "linear"]))
    save(figure, folder, "length", length.table(results))
"""

from types import ModuleType

from . import curve, distance, frontier, length, probe
from .canvas import panels
from .look import Look, looks
from .saving import save

FIGURES: dict[str, ModuleType] = {
    "frontier": frontier,
    "length": length,
    "distance": distance,
    "probe": probe,
    "curve": curve,
}

__all__ = ["FIGURES", "Look", "looks", "panels", "save"]
