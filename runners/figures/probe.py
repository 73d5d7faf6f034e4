"""What is still readable in the state, in bits, against how long ago it was written."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ..analysis.probes import READER, at_end, by_seed, matching
from ..results.tables import Results
from ..statistics import number_over_seeds
from .canvas import UNNAMED, begin, mean_line, reference
from .look import Look, Looks, looks

TITLE = "What is still in the state"
READING = (
    "A linear reader (ridge) is fitted to frozen states of all layers and asked which value an item had; usable bits "
    "are what it saves over guessing. Ages share at most eight bins of one width; line and band: mean over seeds and "
    "its 95 % interval. Faint dashes: the untrained model. Faint dots: states dealt to the wrong rows, which must lie "
    "at 0, and so must faint dash-dots, the same reader taught a random label for every sequence. Only what lies above "
    "all three was learned and kept."
)
KEYS = ["task", "memory", "control", "age_low", "age_high"]
CONTROLS = {"untrained": (0, (3, 2)), "shuffled": (0, (1, 2)), "control": (0, (5, 2, 1, 2))}
NAMED = {"untrained": "untrained", "shuffled": "dealt to wrong rows", "control": "control task"}


def table(results: Results) -> pd.DataFrame:
    """task, memory, control, age_low, age_high, seeds, items (in all), bits, low, high, accuracy, item_bits"""
    rows = matching(at_end(results), {"reader": READER})
    if not len(rows):
        return pd.DataFrame()
    found, bounds = [], ["bits", "bits_low", "bits_high"]
    shown = rows[rows["control"].isin(["none", *CONTROLS])]
    for row, part in by_seed(shown, KEYS, [*bounds, "accuracy", "item_bits"]):
        row |= dict(zip(("bits", "low", "high"), number_over_seeds(*(part[name] for name in bounds)), strict=True))
        found.append(row | {name: part[name].mean() for name in ("accuracy", "item_bits")})
    return pd.DataFrame(found)


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: the trained state solid, its controls faint, all that an item has dashed."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "age (tokens since written)", "usable bits of an item", str(drawn["task"].iloc[0]))
    ends, all_of_it = [float(drawn["age_low"].min()), float(drawn["age_high"].max() + 1)], drawn["item_bits"].max()
    reference(ax, ends, [all_of_it] * 2, "all of it", (0, (9, 3)), 0.8)
    reference(ax, ends, [0, 0], "nothing", "-", 0.4)
    for control in [c for c in CONTROLS if c in set(drawn["control"])]:
        reference(ax, [], [], NAMED[control], CONTROLS[control], 0.6)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        for kind, mine in drawn[drawn["memory"] == memory].groupby("control", sort=False):
            line(ax, mine.sort_values("age_low"), str(kind), look[memory], memory)
    ax.set(xscale="linear", yscale="linear", ylim=(-0.06 * all_of_it, 1.06 * all_of_it))
    return ax


def line(ax: Axes, mine: pd.DataFrame, control: str, look: Look, memory: str) -> None:
    """One memory under one control: bold with what its marks say, or faint."""
    middle = (mine["age_low"] + mine["age_high"]) / 2
    if control != "none":
        style: dict[str, Any] = {"linestyle": CONTROLS[control], "linewidth": 0.8, "alpha": 0.6}
        ax.plot(middle, mine["bits"], color=look.colour, label=UNNAMED, **style)
        return
    said = [
        f"{memory}, age {r['age_low']:,}–{r['age_high']:,}: {r['bits']:.2f} of {r['item_bits']:.1f} bits "
        f"[{r['low']:.2f} to {r['high']:.2f}], right {r['accuracy']:.0%}"
        for _, r in mine.iterrows()
    ]
    mean_line(ax, middle, mine.assign(mean=mine["bits"]), look, memory, said)
