"""Figures of a comparison. Each module has what it draws and how: a TITLE, how to read it (READING),
`table(results)`, the tidy rows that are drawn, and `draw(table of one task, looks, ax)`, which returns Axes.
A table with a column `panel`, the title of a panel, has one for each of these rather than for each task; a module
whose panels are of another size than others has `panel_size(table)`, in inches, and one whose panels belong side by
side in other numbers than three has `COLUMNS`.

    figure = panels(length.table(results), length.draw, looks(["attention", "linear"]))
    save(figure, folder, "length", length.table(results))
"""

from types import ModuleType

from . import (
    bits,
    capacity,
    causal,
    curve,
    diagonal,
    distance,
    forgetting,
    frontier,
    heat,
    holding,
    laws,
    length,
    position,
    probe,
    rates,
    recovered,
    shapes,
)
from .canvas import panels
from .look import Look, looks
from .saving import save

FIGURES: dict[str, ModuleType] = {
    "frontier": frontier,
    "length": length,
    "heat": heat,
    "distance": distance,
    "position": position,
    "capacity": capacity,
    "laws": laws,
    "bits": bits,
    "rates": rates,
    "probes_shapes": shapes,
    "probe": probe,
    "forgetting": forgetting,
    "recovered": recovered,
    "diagonal": diagonal,
    "holding": holding,
    "causal": causal,
    "curve": curve,
}

__all__ = ["FIGURES", "Look", "looks", "panels", "save"]
