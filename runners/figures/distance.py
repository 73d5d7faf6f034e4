"""Accuracy against the distance between an answer and its question."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ..analysis.horizons import floor
from ..modes import at_fixed_load
from ..results import Results
from ..wording import accuracy
from .canvas import UNNAMED, accuracy_scale, begin, doubling_scale, mean_line, reference, tokens
from .look import Looks, looks
from .seeds import with_band

TITLE = "How far back it reaches"
READING = (
    "Questions are sorted by how many tokens ago their answer was written, in bins whose width doubles. "
    "Solid: at the training length; dashed: at the longest tested. Where both fall together distance is "
    "what hurts; where dashed is lower at the same distance, it is the length. Bands run from the lowest "
    "to the highest seed."
)
BEYOND = (0, (3, 2))


def table(results: Results) -> pd.DataFrame:
    """task, memory, kind, length, distance_low, distance_high, seed, num_questions, accuracy, ...

    The training length and the longest of the ladder; mean, low and high as in `with_band`; chance and floor.
    """
    if not len(results.distances):
        return pd.DataFrame()
    found, scores = at_fixed_load(results.distances), at_fixed_load(results.scores)
    longest = found.groupby("task")["length"].transform("max")
    tested = found[found["kind"] == "test"]
    beyond = found[(found["kind"] == "extrapolation") & (found["length"] == longest)]
    beyond = beyond.merge(tested[["task", "length"]].drop_duplicates(), how="left", indicator=True)
    beyond = beyond[beyond.pop("_merge") == "left_only"]
    drawn = with_band(pd.concat([tested, beyond]), ["task", "memory", "kind", "length", "distance_low"])
    held = scores.assign(floor=floor)[["task", "kind", "length", "chance", "floor"]]
    drawn = drawn.merge(held.drop_duplicates(["task", "kind", "length"]), on=["task", "kind", "length"])
    return drawn.drop(columns="run", errors="ignore")


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a solid line per memory at the training length, a dashed one at the longest."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "distance (tokens)", "accuracy", str(drawn["task"].iloc[0]))
    low, high = drawn["distance_low"].min() * 1.0, drawn["distance_high"].max() * 1.0 + 1
    held = drawn[drawn["kind"] == "test"]
    for name, style, alpha in (("floor", (0, (1, 2)), 0.9), ("chance", (0, (4, 3)), 0.6)):
        reference(ax, [low, high], [held[name].max()] * 2, name, style, alpha)
    if (drawn["kind"] != "test").any():
        reference(ax, [], [], "longest length tested", BEYOND, 0.75)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        here = look[memory]
        for kind, mine in drawn[drawn["memory"] == memory].groupby("kind"):
            mean = mine.drop_duplicates("distance_low").sort_values("distance_low")
            x = (mean["distance_low"] * (mean["distance_high"] + 1)) ** 0.5
            if kind != "test":
                ax.plot(
                    x, mean["mean"],
                    color=here.colour, linewidth=0.9, alpha=0.75, linestyle=BEYOND, label=UNNAMED,
                )  # fmt: skip
                continue
            said = [
                f"{memory}, {r['distance_low']:,}–{r['distance_high']:,} tokens: {accuracy(r)}"
                for _, r in mean.iterrows()
            ]
            mean_line(ax, x, mean, here, memory, said)
    doubling_scale(ax, low, high, tokens)
    accuracy_scale(ax)
    return ax
