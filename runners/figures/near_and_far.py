"""Accuracy along something, at the training length and at the longest tested: what two figures have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ..analysis.extrapolation import floor
from ..config.length_modes import at_fixed_load
from ..results.tables import Results
from .canvas import UNNAMED, mean_line, reference
from .look import Looks
from .seeds import with_band

BEYOND = (0, (3, 2))


def near_and_far(found: pd.DataFrame, results: Results, along: str) -> pd.DataFrame:
    """Rows of `found` at the training length and at the longest of the ladder, one line a memory by `along`.

    With mean, low and high as in `with_band`, and the chance and floor of their length.
    """
    longest = found.groupby("task")["length"].transform("max")
    tested = found[found["kind"] == "test"]
    beyond = found[(found["kind"] == "extrapolation") & (found["length"] == longest)]
    beyond = beyond.merge(tested[["task", "length"]].drop_duplicates(), how="left", indicator=True)
    beyond = beyond[beyond.pop("_merge") == "left_only"]
    drawn = with_band(pd.concat([tested, beyond]), ["task", "memory", "kind", "length", along])
    held = at_fixed_load(results.scores).assign(floor=floor)[["task", "kind", "length", "chance", "floor"]]
    drawn = drawn.merge(held.drop_duplicates(["task", "kind", "length"]), on=["task", "kind", "length"])
    return drawn.drop(columns="run", errors="ignore")


def lines(
    ax: Axes,
    drawn: pd.DataFrame,
    look: Looks,
    along: str,
    ends: tuple[float, float],
    place: Callable[[pd.DataFrame], pd.Series[Any]],
    said: Callable[[pd.Series[Any]], str],
) -> None:
    """A solid line per memory at the training length, a dashed one at the longest; chance and floor from end to end.

    place   where the rows of a line stand; said: the words of a mark
    """
    held = drawn[drawn["kind"] == "test"]
    for name, style, alpha in (("floor", (0, (1, 2)), 0.9), ("chance", (0, (4, 3)), 0.6)):
        reference(ax, ends, [held[name].max()] * 2, name, style, alpha)
    if (drawn["kind"] != "test").any():
        reference(ax, [], [], "longest length tested", BEYOND, 0.75)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        here = look[memory]
        for kind, mine in drawn[drawn["memory"] == memory].groupby("kind"):
            mean = mine.drop_duplicates(along).sort_values(along)
            if kind == "test":
                words = [f"{memory}, {said(row)}" for _, row in mean.iterrows()]
                mean_line(ax, place(mean), mean, here, memory, words)
            else:
                beyond: dict[str, Any] = {"linestyle": BEYOND, "linewidth": 0.9, "alpha": 0.75, "label": UNNAMED}
                ax.plot(place(mean), mean["mean"], color=here.colour, **beyond)
