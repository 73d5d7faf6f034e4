"""Figures as files (PNG on white, SVG in the colours around it, CSV of what is plotted) and as elements of a page.

Text of an SVG stays text. INK becomes `currentColor`: inside a page it is the page's colour; a file of its own
has a small style sheet with one for light and one for dark. The same figure gives the same bytes.

A page shows the panels one by one, cut from the SVG of the whole figure. They share its definitions, so all of
them belong on the page.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import figure as mpl
from matplotlib.lines import Line2D

from .style import INK, MARGINS, SETTINGS

FONT = "system-ui, 'DejaVu Sans', sans-serif"
STYLE_SHEET = (
    "<style>:root{color:#1d1f24;background:#fff}"
    "@media (prefers-color-scheme:dark){:root{color:#e4e5e9;background:#15171b}}</style>"
)
SVG_SETTINGS: Any = {**SETTINGS, "svg.fonttype": "none", "svg.hashsalt": "recall"}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
POINTS = 72
SAMPLE = (0.34, 0.14)
"""Width and height of a legend's sample, inches."""
GEOMETRY = ("d", "x", "y", "width", "height", "transform")
"""Attributes of position and size; a hundredth of a point is enough for them."""


def save(figure: mpl.Figure, folder: Path, name: str, table: pd.DataFrame) -> list[Path]:
    """Write name.png (twice screen resolution), name.svg and name.csv into the folder; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg, csv = (folder / f"{name}.{kind}" for kind in ("png", "svg", "csv"))
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(png, dpi=192, facecolor="white", metadata={"Software": None})
    svg.write_text(svg_file(figure), encoding="utf-8")
    csv.write_text(csv_text(table), encoding="utf-8")
    return [png, svg, csv]


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV, six digits a number."""
    return csv_lines(table, "{:.6g}".format)


def csv_lines(table: pd.DataFrame, number: Callable[[float], str] = repr) -> str:
    """The table as pandas writes it, but each value of a column is put into words once."""
    columns = [csv_column(table[name], number) for name in table]
    return "\n".join([",".join(map(csv_word, table)), *map(",".join, zip(*columns, strict=True)), ""])


def csv_column(column: pd.Series[Any], number: Callable[[float], str]) -> Iterable[str]:
    """The cells of a column; empty where a value is missing."""
    if column.dtype == float:  # by their bits, which tell 0 from -0
        codes, bits = pd.factorize(column.to_numpy().view(np.int64))
        words = ["" if np.isnan(value) else number(value) for value in bits.view(float).tolist()]
    elif column.dtype.kind in "biu" or pd.api.types.infer_dtype(column) == "string":
        codes, values = pd.factorize(column)
        words = [*map(csv_word, values.tolist()), ""]  # the last is that of missing values, -1
    else:
        return ["" if value is None or value != value else csv_word(value) for value in column]
    return [words[code] for code in codes.tolist()]


def csv_word(value: Any) -> str:
    """A value as a cell of a CSV, in quotes where it has to be."""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]', text) else text


def svg_file(figure: mpl.Figure) -> str:
    """The figure as an SVG file of its own."""
    return re.sub(r"(<svg[^>]*>)", rf"\1{STYLE_SHEET}", svg_text(figure), count=1) + "\n"


def svg_text(figure: mpl.Figure) -> str:
    """The figure as SVG without dates, in the colour of the text around it."""
    text = io.StringIO()
    with matplotlib.rc_context(SVG_SETTINGS):
        figure.savefig(text, format="svg", facecolor="none", metadata=NO_METADATA)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].strip().replace(INK, "currentColor")
    svg = svg.replace("'DejaVu Sans'", FONT)
    # Marks carry their values as addresses, which become titles: there is nowhere to go. A mark outside is empty.
    svg = re.sub(r"<a [^>]*/>", "", svg)
    svg = re.sub(r'<a xlink:href=(["\'])value:(.*?)\1[^>]*>', r'<g class="dot"><title>\2</title>', svg)
    return svg.replace("</a>", "</g>")


def panel_elements(svg: str, figure: mpl.Figure, name: str) -> list[str]:
    """Each panel as an element of a page; `name` labels them and keeps their ids unique."""
    root = parse(svg, name)
    shared = "".join(compact(one) for one in root.findall("defs"))  # clip paths, which panels have in common
    elements = []
    for i, ax in enumerate(figure.axes):
        label = f' class="plot" role="img" aria-label="{name}-{i}"'
        box = panel_box(ax.get_position().bounds, figure)
        elements.append(element(compact(group(root, f"{name}-axes_{i + 1}")) + shared, box, label))
        shared = ""
    return elements


def legend_samples(lines: Iterable[Line2D], name: str) -> list[str]:
    """A sample of each line as an element of a page, for a legend."""
    lines, (width, height) = list(lines), SAMPLE
    with matplotlib.rc_context(SETTINGS):
        figure = mpl.Figure((width, height * len(lines)))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(len(lines), 0))
        for i, line in enumerate(lines):
            (sample,) = ax.plot([0.08, 0.5, 0.92], [i + 0.5] * 3)
            transform = sample.get_transform()
            sample.update_from(line)
            sample.set(markevery=[1], transform=transform, clip_on=False, gid=f"sample-{i}")
    root = parse(svg_text(figure), name)
    boxes = [(0, POINTS * height * i, POINTS * width, POINTS * height) for i in range(len(lines))]
    samples = [compact(group(root, f"{name}-sample-{i}")) for i in range(len(lines))]
    return [element(one, box, ' aria-hidden="true"') for one, box in zip(samples, boxes, strict=True)]


def parse(svg: str, name: str) -> ET.Element:
    """The SVG without namespaces, style sheet and fonts, which the page has; `name` starts every id."""
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r' font-family: [^;"]*;', "", svg)
    return ET.fromstring(re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", svg))


def group(root: ET.Element, name: str) -> ET.Element:
    """The group of this id."""
    one = root.find(f".//g[@id='{name}']")
    assert one is not None
    return one


def compact(part: ET.Element) -> str:
    """An element as text, without ids of groups, blanks and needless digits."""
    for one in reversed(list(part.iter())):  # inner elements come first
        if one.tag == "g":
            one.attrib.pop("id", None)
        if one.get("transform", "").startswith("rotate(-0 "):
            del one.attrib["transform"]
        for name in GEOMETRY:
            if name in one.attrib:
                one.set(name, re.sub(r"(\.\d\d)\d+", r"\1", " ".join(one.attrib[name].split())))
        if "style" in one.attrib:
            one.set("style", one.attrib["style"].replace(": ", ":").replace("; ", ";"))
        one.text = one.text if one.tag in ("text", "tspan", "title") else None
        one.tail = None
        one[:] = [inner for child in one for inner in (child if child.tag == "g" and not child.keys() else [child])]
    return ET.tostring(part, encoding="unicode")


def panel_box(axes: tuple[float, float, float, float], figure: mpl.Figure) -> tuple[float, float, float, float]:
    """Left, top, width and height, in points, of the panel whose axes have these bounds."""
    left, bottom, across, upwards = axes
    width, height = figure.get_size_inches()
    x, y = left * width - MARGINS.left, height * (1 - bottom - upwards) - MARGINS.top
    size = across * width + MARGINS.left + MARGINS.right, upwards * height + MARGINS.top + MARGINS.bottom
    return POINTS * x, POINTS * y, POINTS * size[0], POINTS * size[1]


def element(body: str, box: tuple[float, float, float, float], attributes: str) -> str:
    """An SVG element that shows this box of its body."""
    view = " ".join(f"{value:.2f}".rstrip("0").rstrip(".") for value in box)
    return f'<svg{attributes} viewBox="{view}">{body}</svg>'
