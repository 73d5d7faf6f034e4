"""Accuracy against where in the row a question stands."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from ..analysis.horizons import floor
from ..modes import at_fixed_load
from ..results import Results
from ..wording import accuracy
from .canvas import UNNAMED, accuracy_scale, begin, mean_line, reference
from .look import Looks, looks
from .seeds import with_band

TITLE = "Where it is asked"
READING = (
    "Questions are sorted by where in the row they stand, in tenths of its length. Solid: at the training "
    "length; dashed: at the longest tested. A memory that recalls does not care where it is asked, but for what "
    "the distance costs. Bands run from the lowest to the highest seed."
)
BEYOND = (0, (3, 2))


def table(results: Results) -> pd.DataFrame:
    """task, memory, kind, length, low_edge, high_edge, seed, num_questions, accuracy, ...

    The training length and the longest of the ladder; mean, low and high as in `with_band`; chance and floor. Lengths
    at which a task asks in one tenth alone are left out.
    """
    if not len(results.cells):
        return pd.DataFrame()
    found = at_fixed_load(results.cells)
    found = found[found["by"] == "position"]
    found = found[found.groupby(["task", "length"])["low_edge"].transform("nunique") > 1]
    longest = found.groupby("task")["length"].transform("max")
    tested = found[found["kind"] == "test"]
    beyond = found[(found["kind"] == "extrapolation") & (found["length"] == longest)]
    beyond = beyond.merge(tested[["task", "length"]].drop_duplicates(), how="left", indicator=True)
    beyond = beyond[beyond.pop("_merge") == "left_only"]
    drawn = with_band(pd.concat([tested, beyond]), ["task", "memory", "kind", "length", "low_edge"])
    held = at_fixed_load(results.scores).assign(floor=floor)[["task", "kind", "length", "chance", "floor"]]
    drawn = drawn.merge(held.drop_duplicates(["task", "kind", "length"]), on=["task", "kind", "length"])
    return drawn.drop(columns=["run", "mode", "by"], errors="ignore")


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a solid line per memory at the training length, a dashed one at the longest."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "position in the row", "accuracy", str(drawn["task"].iloc[0]))
    for name, style, alpha in (("floor", (0, (1, 2)), 0.9), ("chance", (0, (4, 3)), 0.6)):
        reference(ax, [0, 1], [drawn.loc[drawn["kind"] == "test", name].max()] * 2, name, style, alpha)
    if (drawn["kind"] != "test").any():
        reference(ax, [], [], "longest length tested", BEYOND, 0.75)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        here = look[memory]
        for kind, mine in drawn[drawn["memory"] == memory].groupby("kind"):
            mean = mine.drop_duplicates("low_edge").sort_values("low_edge")
            x = (mean["low_edge"] + mean["high_edge"]) / 2
            if kind != "test":
                ax.plot(
                    x, mean["mean"],
                    color=here.colour, linewidth=0.9, alpha=0.75, linestyle=BEYOND, label=UNNAMED,
                )  # fmt: skip
                continue
            said = [
                f"{memory}, {r['low_edge']:.0%}–{r['high_edge']:.0%} of the row: {accuracy(r)}"
                for _, r in mean.iterrows()
            ]
            mean_line(ax, x, mean, here, memory, said)
    ax.set(xscale="linear", xlim=(0, 1))
    ax.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.0%}"))
    accuracy_scale(ax)
    return ax
