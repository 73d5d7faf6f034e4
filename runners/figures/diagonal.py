"""What a reader finds in the state against what the model itself answers."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from ..analysis.probes import READER, at_end, matching
from ..formatting import fraction
from ..results.tables import Results
from .canvas import accuracy_scale, begin, dots, reference
from .look import Looks, looks

TITLE = "Present, and used?"
READING = (
    "Across: how often the model answers rightly when asked for an item. Up: how often a linear reader of its state "
    "does. Small marks are bins of age, large ones the mean of all; both over seeds. Above the diagonal: present but"
    " not used, or not by the question as the model poses it. On it: what can be read is answered. Below: the model "
    "reads what a linear reader cannot, or could not with the rows it was given (see how far totals still rise). In "
    "the corner of both chances: absent."
)
KEYS = ["task", "memory", "age_low", "age_high"]


def table(results: Results) -> pd.DataFrame:
    """task, memory, age_low, age_high, probe, behaviour, chance, probe_mean, behaviour_mean (over all ages)

    Memories that were not asked themselves are left out.
    """
    rows = matching(at_end(results), {"control": "none"})
    if not len(rows):
        return pd.DataFrame()
    asked = rows[rows["reader"].isin([READER, "model"])]
    wide = asked.pivot_table(index=KEYS, columns="reader", values="accuracy", sort=False)
    if not {READER, "model"} <= set(wide):
        return pd.DataFrame()
    drawn = wide.rename(columns={READER: "probe", "model": "behaviour"}).dropna().rename_axis(columns=None)
    drawn = drawn.reset_index()[[*KEYS, "probe", "behaviour"]]
    drawn["chance"] = drawn["task"].map(rows.groupby("task")["chance"].mean())
    means = asked.groupby(["task", "memory", "reader"])["accuracy"].mean()
    for name, reader in (("probe_mean", READER), ("behaviour_mean", "model")):
        drawn[name] = [means[task, memory, reader] for task, memory in zip(drawn["task"], drawn["memory"], strict=True)]
    return drawn


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: the model across, its reader up, the diagonal and both chances."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "accuracy of the model itself", "probe accuracy", str(drawn["task"].iloc[0]))
    chance = float(drawn["chance"].max())
    reference(ax, [0, 1], [0, 1], "what is there is answered", "-", 0.6)
    reference(ax, [-0.03, 1.04], [chance] * 2, "chance", (0, (4, 3)), 0.5)
    reference(ax, [chance] * 2, [-0.03, 1.04], "chance", (0, (4, 3)), 0.5)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        marks: dict[str, Any] = {"color": here.colour, "marker": here.marker}
        ax.scatter(mine["behaviour"], mine["probe"], s=9, alpha=0.5, linewidths=0, zorder=3, **marks)
        ax.plot([], [], markersize=5.5, markeredgewidth=0, linestyle="", label=memory, **marks)
        probe, answers = float(mine["probe_mean"].iloc[0]), float(mine["behaviour_mean"].iloc[0])
        said = f"{memory}: the probe reads {fraction(probe)}, the model answers {fraction(answers)}"
        dots(ax, mine["behaviour_mean"].iloc[:1], mine["probe_mean"].iloc[:1], here, [said], 30)
    accuracy_scale(ax)
    ax.set(xscale="linear", xlim=(-0.03, 1.04))
    ax.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    ax.xaxis.set_major_formatter(ax.yaxis.get_major_formatter())
    return ax
