"""Accuracy at lengths never trained on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..comparison import means_over_seeds
from ..results import FLOORS, Results
from ..wording import accuracy
from .canvas import INK, UNNAMED, accuracy_scale, begin, doubling_scale, mean_line, reference, tokens
from .look import Looks, looks

TITLE = "How far it holds"
READING = (
    "Models train on rows up to the marked length (shaded) and are tested on longer ones without more "
    "training, storing as much as before. Thin lines are seeds, the bold one their mean, the band its 95 "
    "% interval. The floor is the best reader that does not recall; the ceiling is what the state can "
    "hold."
)
KEYS = ["task", "memory", "length"]


def floor(scores: pd.DataFrame) -> pd.Series[float]:
    """The highest floor that is one: a reader that is perfect without recall is no floor but the answer."""
    floors = scores[list(FLOORS)].astype(float)
    return floors.where(floors < 1).max(axis=1).fillna(scores["chance"])


def table(results: Results) -> pd.DataFrame:
    """task, memory, length, train_length, seed, accuracy, mean, low, high, chance, floor, ceiling"""
    if not len(results.scores) or not (results.scores["kind"] == "extrapolation").any():
        return pd.DataFrame()
    # The training length may be tested twice: the test of the run has more rows than that of the ladder.
    scores = results.scores.sort_values("kind", ascending=False, kind="stable")
    scores = scores.drop_duplicates([*KEYS, "seed"]).assign(floor=floor)
    means = means_over_seeds(results.sequences)
    drawn = scores[[*KEYS, "kind", "train_length", "seed", "accuracy", "chance", "floor", "ceiling"]]
    drawn = drawn.merge(means, on=[*KEYS, "kind"]).drop(columns=["kind", "seeds"])
    order = {name: i for i, name in enumerate(results.scores["task"].unique())}
    return drawn.sort_values(["task", "length"], key=lambda c: c.map(order) if c.name == "task" else c, kind="stable")


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a line per seed, bold means with bands, and what they are held against."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "length of the row (tokens)", "accuracy", str(drawn["task"].iloc[0]))
    low, high = drawn["length"].min() / 2**0.5, drawn["length"].max() * 2**0.25
    trained = float(drawn["train_length"].max())
    ax.axvspan(low, trained, color=INK, alpha=0.05, linewidth=0)
    lines = drawn.groupby("length")[["chance", "floor", "ceiling"]].max()
    if len(lines) == 1:  # one length alone: its bounds hold from edge to edge
        lines = lines.loc[[*lines.index] * 2]
    ends = np.array([low, *lines.index[1:-1], high])
    for name, style, alpha in (
        ("ceiling", "-", 0.45),
        ("floor", (0, (1, 2)), 0.9),
        ("chance", (0, (4, 3)), 0.6),
    ):
        reference(ax, ends, lines[name], name, style, alpha)
    reference(ax, [trained] * 2, [-1, 2], "training length", (0, (6, 2, 1, 2)), 0.35)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        for _, seed in mine.groupby("seed"):
            ax.plot(seed["length"], seed["accuracy"], color=here.colour, linewidth=0.5, alpha=0.45, label=UNNAMED)
        capped = mine.groupby("length")["ceiling"].first()
        if (capped < drawn.groupby("length")["ceiling"].max()).any():
            ax.plot(capped.index, capped, color=here.colour, linewidth=0.7, linestyle=":", label=UNNAMED)
        mean = mine.drop_duplicates("length")
        said = [f"{memory}, {r['length']:,} tokens: {accuracy(r)}" for _, r in mean.iterrows()]
        mean_line(ax, mean["length"], mean, here, memory, said)
    doubling_scale(ax, low, high, tokens, drawn["length"])
    accuracy_scale(ax)
    return ax
