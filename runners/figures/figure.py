"""A figure of the report as one object: its table, how a panel of it is drawn, and the text around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import matplotlib
import pandas as pd
from matplotlib import figure as mpl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..results.tables import Results
from .style import PANEL, SETTINGS, UNNAMED, Styles, axes_box, begin, panel_axes, styles_of

KEY, LETTER, LINE = 0.55, 0.075, 0.17
"""Inches of a legend: a sample and its margins, a letter across, a line of text upwards."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure; `FIGURES` lists all of them.

    name         of its files (figures/NAME.png, .svg and .csv) and of its section on the page
    title        the section's heading
    reading      how to read the figure, below it
    table        tidy table of what is plotted; empty where the results hold nothing to plot. Each task has a panel or,
                 where there is a column `panel`, each of its values, which is then the panel's title
    draw         draws the table of one panel, memories in the given styles, into axes that have labels and a title
    x, y         labels of the axes
    measure      measure that the results come from; empty for trainings and their test
    columns      panels side by side
    panel_size   width and height of a panel, inches, from the table
    """

    name: str
    title: str
    reading: str
    table: Callable[[Results], pd.DataFrame]
    draw: Callable[[pd.DataFrame, Styles, Axes], None]
    x: str = ""
    y: str = ""
    measure: str = ""
    columns: int = 3
    panel_size: Callable[[pd.DataFrame], tuple[float, float]] = lambda table: PANEL

    def panel(self, table: pd.DataFrame, styles: Styles | None = None, ax: Axes | None = None) -> Axes:
        """One panel in the given axes, or on a figure of its own; `table` has the records of this panel alone.

        Styles that lack a memory of the table, such as one that another size distinguishes, are replaced.
        """
        styles = known_styles(styles, table)
        title = str(table["panel" if "panel" in table else "task"].iloc[0])
        ax = begin(ax, self.x, self.y, title, self.panel_size(table))
        self.draw(table, styles, ax)
        return ax

    def plot(self, table: pd.DataFrame, styles: Styles | None = None, columns: int | None = None) -> mpl.Figure:
        """All panels of the table side by side, above one legend."""
        styles = known_styles(styles, table)
        size, parts = self.panel_size(table), by_panel(table)
        columns = min(columns or self.columns, len(parts))
        lines = -(-len(parts) // columns)
        width = max(columns * size[0], 1.5 * PANEL[0])
        with matplotlib.rc_context(SETTINGS):
            figure = mpl.Figure((width, lines * size[1]))
            places = [(i % columns * size[0], i // columns * size[1]) for i in range(len(parts))]
            axes = [panel_axes(figure, *place, size) for place in places]
            for ax, part in zip(axes, parts, strict=True):
                self.panel(part, styles, ax)
            if labels := legend(axes, styles):
                across = min(len(labels), max(1, int(width / (KEY + LETTER * max(map(len, labels))))))
                figure.set_size_inches(width, lines * size[1] + 0.15 + LINE * -(-len(labels) // across))
                for ax, place in zip(axes, places, strict=True):
                    ax.set_position(axes_box(figure, *place, size))  # type: ignore[arg-type]
                figure.legend(list(labels.values()), list(labels), loc="lower center", ncols=across)
        return figure


def known_styles(styles: Styles | None, table: pd.DataFrame) -> Styles:
    """The styles, or others where they lack a memory of the table."""
    return styles if styles and set(table["memory"]) <= set(styles) else styles_of(table["memory"])


def by_panel(table: pd.DataFrame) -> list[pd.DataFrame]:
    """The records of each panel: those of a `panel` where the table has that column, else of a `task`."""
    return [part for _, part in table.groupby("panel" if "panel" in table else "task", sort=False)]


def legend(axes: Iterable[Axes], styles: Styles) -> dict[str, Line2D]:
    """Each label once, with its line: memories first, then the reference lines."""
    lines = [line for ax in axes for line in ax.lines if line.get_label() != UNNAMED]
    by_label = {str(line.get_label()): line for line in lines}
    return {name: by_label[name] for name in [*styles, *by_label] if name in by_label}
