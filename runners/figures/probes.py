"""Items read from frozen states: usable bits by age, over time and in all, the model's own answers, and theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from models.hippo.legendre import resolution

from ..analysis.comparison import in_study_order
from ..analysis.probes import BITS, PLACE, READER, at_end, bins, matching, over_seeds, probe_records, totals
from ..formatting import fraction
from ..results.tables import Results
from .figure import Figure
from .frontier import draw_bits
from .scales import QUARTERS, accuracy_scale, set_ticks
from .style import INK, UNNAMED, Styles, by_memory, coloured_map, mean_line, reference, seeds_and_mean

AGES = ["task", "memory", "age_low", "age_high"]
WRITTEN = ["task", "memory", "written_low", "written_high", "time"]
CONTROLS: dict[str, tuple[str, Any]] = {
    "untrained": ("untrained", (0, (3, 2))),
    "shuffled": ("states of other sequences", (0, (1, 2))),
    "control": ("control task", (0, (5, 2, 1, 2))),
}
"""Label and dashes of each control of a reader."""
TOKENS, COEFFICIENTS, DECAY, NOISE, SEGMENT = 128, 24, 0.97, 0.05, 32
"""Of the curves in theory."""


def theory_table(results: Results) -> pd.DataFrame:
    """memory, age, fraction, panel; empty where no state was probed."""
    if not len(at_end(results)):
        return pd.DataFrame()
    ages = np.arange(TOKENS)
    curves = {
        "flat: attention": np.ones(TOKENS),
        "slope: a decaying memory": explained_fraction(ages),
        "U: HiPPO-LegS": resolution(COEFFICIENTS, TOKENS)[::-1],
        "sawtooth: decaying, cached by segment": explained_fraction(ages % SEGMENT),
    }
    table = (
        pd.DataFrame(curves, index=ages)
        .rename_axis("age")
        .melt(var_name="panel", value_name="fraction", ignore_index=False)
    )
    table = table.assign(memory=table["panel"].str.partition(": ")[2]).reset_index()
    return table[["memory", "age", "fraction", "panel"]]


def explained_fraction(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Explained fraction of the variance of a token that has faded for so many steps and is read through noise."""
    faded = DECAY ** (2.0 * steps)
    return np.asarray(faded / (faded + NOISE))


def draw_theory(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw the recoverable fraction against age."""
    ax.plot(table["age"], table["fraction"], color=INK, alpha=0.75, linewidth=1.3, label=UNNAMED)
    ax.text(0.03, 0.045, "theory", transform=ax.transAxes, fontsize=7.5, style="italic", color=INK)
    ax.set(xscale="linear", yscale="linear", xlim=(0, TOKENS), ylim=(-0.03, 1.08))
    ax.set_xticks(range(0, TOKENS + 1, SEGMENT))


def age_table(results: Results) -> pd.DataFrame:
    """task, memory, control, age_low, age_high, seeds, items (in all), bits, low, high, accuracy, item_bits"""
    table = matching(at_end(results), {"reader": READER})
    table = table[table["control"].isin(["none", *CONTROLS])]
    keys = ["task", "memory", "control", "age_low", "age_high"]
    return over_seeds(table, keys, ["accuracy", "item_bits"], numbers={("bits", "low", "high"): BITS})


def draw_ages(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw the trained state solid, its controls faint, the bits that an item has dashed."""
    ends, item_bits = [float(table["age_low"].min()), float(table["age_high"].max() + 1)], table["item_bits"].max()
    reference(ax, ends, [item_bits] * 2, "all of it", linestyle=(0, (9, 3)), alpha=0.8)
    reference(ax, ends, [0, 0], "nothing", alpha=0.4)
    for control, (label, dashes) in CONTROLS.items():
        if (table["control"] == control).any():
            reference(ax, [], [], label, linestyle=dashes, alpha=0.6)
    table = table.assign(x=(table["age_low"] + table["age_high"]) / 2, mean=table["bits"])
    for memory, mine, style in by_memory(table, styles):
        for kind, part in mine.groupby("control", sort=False):
            part = part.sort_values("age_low")
            if kind == "none":
                words = [
                    f"{memory}, age {r['age_low']:,}–{r['age_high']:,}: {r['bits']:.2f} of {r['item_bits']:.1f} bits "
                    f"[{r['low']:.2f} to {r['high']:.2f}], accuracy {r['accuracy']:.0%}"
                    for _, r in part.iterrows()
                ]
                mean_line(ax, part["x"], part, style, memory, words)
            else:
                faint: dict[str, Any] = {"linestyle": CONTROLS[str(kind)][1], "linewidth": 0.8, "alpha": 0.6}
                ax.plot(part["x"], part["bits"], color=style.colour, label=UNNAMED, **faint)
    ax.set(xscale="linear", yscale="linear", ylim=(-0.06 * item_bits, 1.06 * item_bits))


def time_table(results: Results) -> pd.DataFrame:
    """task, memory, written_low, written_high, time, end, seeds, items (in all), bits, accuracy, item_bits, panel

    Times that fewer than half of the runs of a task share are left out; the end is one time, wherever it lies.
    """
    table = matching(probe_records(results), {**PLACE, "reader": READER, "control": "none"})
    if not len(table):
        return pd.DataFrame()
    last = table[table["end"]].groupby("task")["time"].max()
    table = table.assign(time=table["time"].where(~table["end"], table["task"].map(last)))
    sharing = table.groupby(["task", "time"])["run"].transform("nunique")
    table = table[table["end"] | (2 * sharing >= table.groupby("task")["run"].transform("nunique"))]
    low, width = bins(table["written"], table["task"])
    groups = table.assign(written_low=low, written_high=low + width - 1).groupby(WRITTEN, sort=False)
    counts = pd.DataFrame({"end": groups["end"].any(), "seeds": groups["seed"].nunique(), "items": groups.size()})
    table = counts.join(groups[["bits", "accuracy", "item_bits"]].mean()).reset_index()
    table = in_study_order(table, results, ["task", "memory", "time", "written_low"])
    return table.assign(panel=table["task"] + ", " + table["memory"])


def draw_times(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw tokens read across, items downwards by where they were written."""
    times, places = sorted(set(table["time"])), sorted(set(table["written_low"]))
    words = [
        f"written at {r['written_low']:,}–{r['written_high']:,}, after {r['time']:,} tokens: "
        f"{r['bits']:.2f} of {r['item_bits']:.1f} bits, accuracy {r['accuracy']:.0%}"
        for _, r in table.iterrows()
    ]
    x, y = table["time"].map(times.index), table["written_low"].map(places.index)
    ended = set(table.loc[table["end"], "time"])
    columns = ["end" if time in ended else f"{time:,}" for time in times]
    cells = pd.DataFrame({"x": x, "y": y, "value": table["bits"], "words": words})
    lines = [f"{place:,}" for place in places]
    coloured_map(ax, cells, columns, lines, float(table["item_bits"].max()), "usable bits, at least")


def total_table(results: Results) -> pd.DataFrame:
    """task, memory, seed, items, bits, payload, state_bytes, ceiling, bits_per_state_bit, mean"""
    table = totals(results)
    return table.assign(mean=table.groupby(["task", "memory"])["bits"].transform("mean")) if len(table) else table


def draw_totals(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw every seed as a dot, their mean as a mark, payload and information ceiling as lines."""
    draw_bits(table, styles, ax, "bits", "mean", "payload")


def answer_table(results: Results) -> pd.DataFrame:
    """task, memory, age_low, age_high, probe, behaviour, chance, probe_mean, behaviour_mean (over all ages)

    Memories that were not asked themselves are left out.
    """
    table = matching(at_end(results), {"control": "none"})
    columns = {READER: "probe", "model": "behaviour"}
    read = table[table["reader"].isin(list(columns))].assign(reader=table["reader"].map(columns))
    wide = read.pivot_table(index=AGES, columns="reader", values="accuracy", sort=False)
    if not {*columns.values()} <= set(wide):
        return pd.DataFrame()
    both = wide.dropna().rename_axis(columns=None).reset_index()[[*AGES, *columns.values()]]
    both["chance"] = both["task"].map(table.groupby("task")["chance"].mean())
    means = read.groupby(["task", "memory", "reader"])["accuracy"].mean().unstack()
    return both.join(means[[*columns.values()]].add_suffix("_mean"), on=["task", "memory"])


def draw_answers(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw the model's accuracy across, its reader's up, the diagonal and both chances."""
    chance, ends = float(table["chance"].max()), [-0.03, 1.04]
    reference(ax, [0, 1], [0, 1], "as much answered as read", alpha=0.6)
    reference(ax, ends, [chance] * 2, "chance", alpha=0.5)
    reference(ax, [chance] * 2, ends, "chance", alpha=0.5)
    for memory, mine, style in by_memory(table, styles):
        answers, probe = float(mine["behaviour_mean"].iloc[0]), float(mine["probe_mean"].iloc[0])
        words = f"{memory}: the probe reads {fraction(probe)}, the model answers {fraction(answers)}"
        seeds_and_mean(ax, mine["behaviour"], mine["probe"], (answers, probe), style, memory, words)
    accuracy_scale(ax)
    ax.set(xscale="linear", xlim=ends)
    set_ticks(ax.xaxis, QUARTERS, lambda v: f"{ax.yaxis.get_major_formatter()(v)}")


THEORY = Figure(
    name="probes_shapes",
    title="Shapes to expect",
    reading=(
        "Theory, not measurement: the fraction of each token that a linear reader could recover of four memories in "
        "closed form, after 128 tokens. Attention keeps every token. A decaying memory fades by .97 a step and is read "
        "through noise of a twentieth of a token's variance: the explained fraction of variance. HiPPO-LegS keeps 24 "
        "Legendre coefficients and recovers the first and the last tokens best. Caches of 32 tokens, which fade within "
        "a segment and are kept unchanged from its end on, make a sawtooth with the period of the segment."
    ),
    table=theory_table,
    draw=draw_theory,
    x="age (tokens since written)",
    y="fraction recovered",
    measure="probe",
    columns=2,
)
AGE = Figure(
    name="probe",
    title="What is still in the state",
    reading=(
        "A linear reader (ridge) is fitted to frozen states of all layers and predicts the value of each item; usable "
        "bits are what it saves over guessing. Ages share at most eight bins of one width; line and band: mean over "
        "seeds and its 95 % interval. Faint dashes: the untrained model. Faint dots: states of other sequences; faint "
        "dash-dots: a random label for every sequence. Both must lie at 0. Only what lies above all three was learned "
        "and kept."
    ),
    table=age_table,
    draw=draw_ages,
    x="age (tokens since written)",
    y="usable bits of an item, at least",
    measure="probe",
)
TIME = Figure(
    name="forgetting",
    title="How forgetting unfolds",
    reading=(
        "Down: items by where they were written. Across: tokens read so far; at the column named end items are asked "
        "for (tasks that ask in order have columns after it, while they are answered). Bright: a linear reader still "
        "has all bits of the item, dark: none are left; mean over seeds. Empty: not yet written. A line that stays "
        "bright is kept, one that darkens to the right fades with age, one that brightens becomes easier to read. "
        "Where whole columns darken, something happened to all items at once, such as a new segment."
    ),
    table=time_table,
    draw=draw_times,
    x="tokens read",
    y="item written at",
    measure="probe",
)
TOTAL = Figure(
    name="recovered",
    title="What is recovered for the state that is carried",
    reading=(
        "Usable bits of all items of a sequence together, against the bytes of the state. Small marks are seeds, large "
        "ones their mean; memories with equal states are set side by side. No reader can be above the information "
        "ceiling, the smaller of the payload and the bits of the state; a linear one may be far below what is there. "
        "Tasks whose items say something of one another have no total, and no panel."
    ),
    table=total_table,
    draw=draw_totals,
    x="state",
    y="usable bits a sequence, at least",
    measure="probe",
)
ANSWERS = Figure(
    name="diagonal",
    title="Present, and used?",
    reading=(
        "Across: how often the model answers an item correctly. Up: how often a linear reader of its state predicts "
        "it. Small marks are bins of age, large ones the mean of all; both over seeds. Above the diagonal: present but "
        "not used, or not by the question as the model poses it. On it: what can be read is answered. Below: the model "
        "reads what a linear reader cannot, or cannot from so few sequences (see how far totals still rise). In the "
        "corner of both chances: absent."
    ),
    table=answer_table,
    draw=draw_answers,
    x="accuracy of the model itself",
    y="probe accuracy",
    measure="probe",
)
