"""What becomes of the answers when the state is changed: erased where a reader reads it, or another's."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ..analysis.interventions import interventions
from ..analysis.probes import by_seed
from ..formatting import accuracy
from ..probe.verdict import ACCURACY
from ..results.tables import Results
from ..statistics import fraction_over_seeds
from .canvas import accuracy_scale, begin, dots, reference
from .look import Looks, looks

TITLE = "Is it used?"
READING = (
    "The model's own answers from its state as it is (intact), with the directions erased along which a linear "
    "reader reads the item (erased), and with as many erased of what else varies (random): all items that were asked"
    " for, mean over seeds and its 95 % interval; the table of verdicts goes by the readable ones. Used: erasing "
    "costs answers, and more than random directions do; those may even help, where items disturb each other. Unused:"
    " nothing changes. Last, the state of another row is put in its place: the share of answers that follow that "
    "donor, which shows that answers come from the state at all."
)
KINDS = {"intact": "intact", "erased": "erased", "random": "random", "patched": "follow\ndonor"}
KEYS = ["task", "memory", "kind"]
SPREAD = 0.6
"""Between the first memory of a group and the last, in groups."""


def table(results: Results) -> pd.DataFrame:
    """task, memory, kind, seeds, items (in all), mean, low, high, rank, chance

    mean  accuracy, or where states were transplanted the share of answers that follow the donor
    """
    rows = interventions(results)
    if not len(rows):
        return pd.DataFrame()
    rows = rows[rows["kind"].isin(list(KINDS))]
    moved = rows["kind"] == "patched"
    follows = rows["follows"].astype(float)
    bounds = {name: rows[f"follows_{name}"].astype(float) for name in ("low", "high")}
    rows = rows.assign(
        accuracy=rows["accuracy"].where(~moved, follows),
        low=rows["low"].where(~moved, bounds["low"]),
        high=rows["high"].where(~moved, bounds["high"]),
    )
    found = []
    rows = rows[rows["accuracy"].notna()].assign(rank=rows["rank"].astype(float))
    for row, part in by_seed(rows, KEYS, [*ACCURACY, "rank", "chance"]):
        row |= dict(zip(("mean", "low", "high"), fraction_over_seeds(*(part[name] for name in ACCURACY)), strict=True))
        found.append(row | {name: part[name].mean() for name in ("rank", "chance")})
    return pd.DataFrame(found)


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: a group for each kind of change, memories side by side with whiskers, chance."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "state", "answers", str(drawn["task"].iloc[0]))
    kinds = [kind for kind in KINDS if kind in set(drawn["kind"])]
    memories = [memory for memory in look if memory in set(drawn["memory"])]
    reference(ax, [-0.5, len(kinds) - 0.5], [drawn["chance"].max()] * 2, "chance", (0, (4, 3)), 0.6)
    for place, memory in enumerate(memories):
        mine, here = drawn[drawn["memory"] == memory], look[memory]
        beside = SPREAD * (place - (len(memories) - 1) / 2) / max(1, len(memories) - 1)
        x = mine["kind"].map(kinds.index) + beside
        style: dict[str, Any] = {"color": here.colour, "linewidth": 1.1, "zorder": 3}
        ax.vlines(x, mine["low"], mine["high"], **style)
        marks: dict[str, Any] = {"color": here.colour, "marker": here.marker, "linestyle": ""}
        ax.plot([], [], markersize=5.5, markeredgewidth=0, label=memory, **marks)
        dots(ax, x, mine["mean"], here, [said(row) for _, row in mine.iterrows()], 20)
    accuracy_scale(ax)
    ax.set(xscale="linear", xlim=(-0.5, len(kinds) - 0.5))
    ax.set_xticks(range(len(kinds)), [KINDS[kind] for kind in kinds])
    ax.set_xlabel("")
    ax.grid(visible=False, axis="x")
    return ax


def said(row: pd.Series[Any]) -> str:
    """What one dot says."""
    change = str(row["kind"])
    if row["kind"] == "patched":
        change = "state of a donor, whose values are answered"
    elif row["kind"] in ("erased", "random") and row["rank"] == row["rank"]:
        change = f"{row['kind']}, {row['rank']:.0f} directions"
    return f"{row['memory']}, {change}: {accuracy(row)}"
