"""Figures as elements of a page: panels and samples of legends, cut from one SVG of the whole.

The elements of one figure share their definitions, as an address holds in the whole page: all belong on it.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .canvas import ROOM, STYLE
from .saving import svg

POINTS = 72
SAMPLE = (0.34, 0.14)
"""Inches of a sample."""
PLACES = ("d", "x", "y", "width", "height", "transform")
"""Attributes that say where something lies; a hundredth of a point is enough."""


def panels_of(drawn: str, figure: Figure, name: str) -> list[str]:
    """The panels of a figure that was `drawn`, in order; `name` says what it is, and parts its ids from others'."""
    root = parsed(drawn, name)
    shared = "".join(written(one) for one in root.findall("defs"))  # of clips, which panels have in common
    found = []
    for i, ax in enumerate(figure.axes):
        group = root.find(f".//g[@id='{name}-axes_{i + 1}']")
        assert group is not None
        label = f' class="plot" role="img" aria-label="{name}-{i}"'
        found.append(element(written(group) + shared, bounds(ax.get_position().bounds, figure), label))
        shared = ""
    return found


def samples(lines: Iterable[Line2D], name: str) -> list[str]:
    """What a legend shows of each line, as it looks in the figure."""
    lines, (width, height) = list(lines), SAMPLE
    with matplotlib.rc_context(STYLE):
        figure = Figure((width, height * len(lines)))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set(xlim=(0, 1), ylim=(len(lines), 0))
        for i, line in enumerate(lines):
            (sample,) = ax.plot([0.08, 0.5, 0.92], [i + 0.5] * 3)
            here = sample.get_transform()
            sample.update_from(line)
            sample.set(markevery=[1], transform=here, clip_on=False, gid=f"sample-{i}")
    root, found = parsed(svg(figure), name), []
    for i in range(len(lines)):
        group = root.find(f".//g[@id='{name}-sample-{i}']")
        assert group is not None
        box = (0, POINTS * height * i, POINTS * width, POINTS * height)
        found.append(element(written(group), box, ' aria-hidden="true"'))
    return found


def parsed(drawn: str, name: str) -> ET.Element:
    """The SVG without what a page says for it: names of spaces, styles, fonts."""
    drawn = re.sub(r"<style.*?</style>", "", drawn, flags=re.S)
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn).replace("xlink:href", "href")
    drawn = re.sub(r' font-family: [^;"]*;', "", drawn)
    return ET.fromstring(re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", drawn))


def written(part: ET.Element) -> str:
    """An element as text, without groups' names and blanks."""
    for one in reversed(list(part.iter())):  # what is inside comes first
        if one.tag == "g":
            one.attrib.pop("id", None)
        if one.get("transform", "").startswith("rotate(-0 "):
            del one.attrib["transform"]
        for name in PLACES:
            if name in one.attrib:
                one.set(name, re.sub(r"(\.\d\d)\d+", r"\1", " ".join(one.attrib[name].split())))
        if "style" in one.attrib:
            one.set("style", one.attrib["style"].replace(": ", ":").replace("; ", ";"))
        one.text = one.text if one.tag in ("text", "tspan", "title") else None
        one.tail = None
        one[:] = [inner for child in one for inner in (child if child.tag == "g" and not child.keys() else [child])]
    return ET.tostring(part, encoding="unicode")


def bounds(axes: tuple[float, float, float, float], figure: Figure) -> tuple[float, float, float, float]:
    """Left, top, width and height, in points, of the panel whose axes have these bounds."""
    left, bottom, across, upwards = axes
    width, height = figure.get_size_inches()
    x, y = left * width - ROOM.left, height * (1 - bottom - upwards) - ROOM.top
    size = across * width + ROOM.left + ROOM.right, upwards * height + ROOM.top + ROOM.bottom
    return POINTS * x, POINTS * y, POINTS * size[0], POINTS * size[1]


def element(body: str, box: tuple[float, float, float, float], attributes: str) -> str:
    seen = " ".join(f"{value:.2f}".rstrip("0").rstrip(".") for value in box)
    return f'<svg{attributes} viewBox="{seen}">{body}</svg>'
