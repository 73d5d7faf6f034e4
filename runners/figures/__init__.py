"""Figures of a comparison; `FIGURES` lists them in the order of the page.

A new figure is a `Figure` in a file of this folder and a line below: it is then written as figures/NAME.png, .svg and
.csv, and has its section on the page.

    table = FIGURES["length"].table(results)
    save(FIGURES["length"].plot(table), folder, "length", table)
"""

import os
import sys
from contextlib import suppress

if "matplotlib" not in sys.modules and (backend := os.environ.pop("MPLBACKEND", "")):
    import matplotlib

    os.environ["MPLBACKEND"] = backend
    with suppress(ValueError):  # a notebook's, which may not be installed here: these figures need no screen
        matplotlib.rcParams["backend"] = backend

from . import axes, capacity, depth_map, extrapolation, frontier, interventions, position_and_distance, probes, training
from .figure import Figure
from .saving import save
from .style import styles_of

FIGURES = {
    figure.name: figure
    for figure in (
        axes.CURVES,
        axes.MAPS,
        frontier.FRONTIER,
        extrapolation.LENGTH,
        depth_map.DEPTH_MAP,
        position_and_distance.DISTANCE,
        position_and_distance.POSITION,
        capacity.CAPACITY,
        capacity.LAWS,
        capacity.BITS,
        training.RATES,
        probes.THEORY,
        probes.AGE,
        probes.TIME,
        probes.TOTAL,
        probes.ANSWERS,
        interventions.CHANGES,
        interventions.CACHED,
        training.CURVE,
    )
}

__all__ = ["FIGURES", "Figure", "save", "styles_of"]
