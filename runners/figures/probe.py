"""What is still readable in the state, against how long ago it was written."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..results import Results
from ..wording import accuracy
from .canvas import UNNAMED, accuracy_scale, begin, mean_line, reference
from .look import Looks, looks
from .seeds import with_band

TITLE = "What is still in the state"
READING = (
    "A linear reader is fitted to frozen states and asked which value an item had; ages share at most "
    "eight bins of one width. Solid: the trained model, its best layer and reader (chosen on these rows, "
    "so read small gaps with care). Faint dashes: the untrained model. Faint dots: states dealt to the "
    "wrong rows, which must lie at chance. Only what lies above both was learned and kept."
)
BINS = 8
PLACE = ["content", "layer", "reader"]
KEYS = ["task", "memory", *PLACE, "control", "age_low", "age_high"]
CONTROLS = {"untrained": (0, (4, 2)), "shuffled": (0, (1, 2))}


def table(results: Results) -> pd.DataFrame:
    """task, memory, content, layer, reader, control, age_low, age_high, seed, items, accuracy, ...

    bits, chance; mean, low and high as in `with_band`.
    """
    if not len(results.probes):
        return pd.DataFrame()
    rows = results.probes
    span = rows.groupby("task")["age"].transform(lambda ages: ages.max() + 1 - ages.min())
    first, width = rows.groupby("task")["age"].transform("min"), np.ceil(span / BINS).astype(int)
    age_low = first + (rows["age"] - first) // width * width
    rows = rows.assign(age_low=age_low, age_high=age_low + width - 1)
    parts = [best_place(part) for _, part in rows.groupby(["task", "memory"], sort=False)]
    groups = pd.concat(parts).groupby([*KEYS, "seed"], sort=False)
    means = groups[["accuracy", "low", "high", "chance", "bits"]].mean()
    return with_band(means.assign(items=groups.size()).reset_index(), KEYS)


def best_place(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the content, layer and reader read best; a control without that reader keeps its own."""
    trained = rows[rows["control"] == "none"]
    if not len(trained):
        return trained
    place = trained.groupby(PLACE, sort=False, as_index=False)["accuracy"].mean()
    best = place.loc[place["accuracy"].idxmax()]
    reader = best["reader"]
    there = rows[(rows["content"] == best["content"]) & (rows["layer"] == best["layer"])]
    kept: list[pd.DataFrame] = [there[(there["control"] == "none") & (there["reader"] == reader)]]
    for _, part in there[there["control"] != "none"].groupby("control", sort=False):
        same = part["reader"] == reader
        kept.append(part[same if same.any() else part["reader"] == part["reader"].iloc[0]])
    return pd.concat(kept)


def draw(drawn: pd.DataFrame, look: Looks | None = None, ax: Axes | None = None) -> Axes:
    """One task: the trained state solid, its controls faint, chance dashed."""
    look = look or looks(drawn["memory"])
    ax = begin(ax, "age (tokens since written)", "probe accuracy", str(drawn["task"].iloc[0]))
    low, high = float(drawn["age_low"].min()), float(drawn["age_high"].max() + 1)
    reference(ax, [low, high], [drawn["chance"].max()] * 2, "chance", "-", 0.5)
    for control in [c for c in CONTROLS if c in set(drawn["control"])]:
        reference(ax, [], [], f"{control} (control)", CONTROLS[control], 0.6)
    for memory in [m for m in look if m in set(drawn["memory"])]:
        here = look[memory]
        for kind, mine in drawn[drawn["memory"] == memory].groupby("control", sort=False):
            mean = mine.drop_duplicates("age_low").sort_values("age_low")
            x = (mean["age_low"] + mean["age_high"]) / 2
            if kind in CONTROLS:
                style = CONTROLS[str(kind)]
                ax.plot(
                    x,
                    mean["mean"],
                    color=here.colour,
                    linestyle=style,
                    linewidth=0.8,
                    alpha=0.6,
                    label=UNNAMED,
                )
                continue
            said = [
                f"{memory}, age {r['age_low']:,}–{r['age_high']:,}: {accuracy(r)}, {r['bits']:.1f} bits "
                f"({r['content']}, layer {r['layer']}, {r['reader']})"
                for _, r in mean.iterrows()
            ]
            mean_line(ax, x, mean, here, memory, said)
    accuracy_scale(ax)
    return ax
