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

from .canvas import INK

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
    return re.sub(r"(<svg[^>]*>)", rf"\1{ALONE}", svg(figure), count=1) + "\n"


def svg(figure: Figure) -> str:
    """What matplotlib writes, without its dates, in the colour of what is around it."""
    text = io.StringIO()
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(text, format="svg", facecolor="none", metadata=NOTHING)
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :].strip().replace(INK, "currentColor")
    drawn = drawn.replace("'DejaVu Sans'", FONT)
    # The values that marks carry as addresses become titles: there is nowhere to go.
    drawn = re.sub(r'<a xlink:href="value:([^"]*)"[^>]*>', r'<g class="dot"><title>\1</title>', drawn)
    return drawn.replace("</a>", "</g>")
