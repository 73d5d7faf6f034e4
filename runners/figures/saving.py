"""Figures as files: PNG on white, SVG in the colours of what surrounds it, and the table that was drawn.

Text of an SVG stays text. INK becomes `currentColor`: inside a page it is the page's colour, in a file of
its own a small style gives it one for light and one for dark. The same figure gives the same bytes.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .canvas import INK, STYLE

FONT = "system-ui, 'DejaVu Sans', sans-serif"
ALONE = (
    "<style>:root{color:#1d1f24;background:#fff}"
    "@media (prefers-color-scheme:dark){:root{color:#e4e5e9;background:#15171b}}</style>"
)
SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "recall"}
NOTHING = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def save(figure: Figure, folder: Path, stem: str, table: pd.DataFrame) -> list[Path]:
    """Write stem.png (twice screen resolution), stem.svg and stem.csv into the folder; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg, csv = (folder / f"{stem}.{kind}" for kind in ("png", "svg", "csv"))
    figure.savefig(png, dpi=192, facecolor="white", metadata={"Software": None})
    svg.write_text(svg_file(figure), encoding="utf-8")
    csv.write_text(csv_text(table), encoding="utf-8")
    return [png, svg, csv]


def csv_text(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))


def svg_file(figure: Figure) -> str:
    """The figure as a file of its own."""
    return re.sub(r"(<svg[^>]*>)", rf"\1{ALONE}", _svg(figure), count=1) + "\n"


def svg_inline(figure: Figure, name: str) -> str:
    """The figure as an element of a page; `name` says what it is and keeps its ids apart from others'."""
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", _svg(figure), flags=re.S)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    return re.sub(r'(<svg) width="[^"]*" height="[^"]*"', rf'\1 class="plot" role="img" aria-label="{name}"', svg)


def svg_key(line: Line2D, name: str) -> str:
    """The sample of a legend: a line as it looks in the figure; `name` keeps its ids apart from others'."""
    with matplotlib.rc_context(STYLE):
        figure = Figure((0.34, 0.14))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        (sample,) = ax.plot([0.08, 0.5, 0.92], [0.5, 0.5, 0.5], markevery=[1])
        here = sample.get_transform()
        sample.update_from(line)
        sample.set(markevery=[1], transform=here, clip_on=False)
    return re.sub(r'class="plot" role="img" aria-label="[^"]*"', 'aria-hidden="true"', svg_inline(figure, name))


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(text, format="svg", facecolor="none", metadata=NOTHING)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].strip().replace(INK, "currentColor")
    svg = svg.replace("'DejaVu Sans'", FONT)
    # The values that marks carry as addresses become titles: there is nowhere to go.
    svg = re.sub(r'<a xlink:href="value:([^"]*)"[^>]*>', r'<g class="dot"><title>\1</title>', svg)
    return svg.replace("</a>", "</g>")
