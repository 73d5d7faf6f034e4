"""Capacity: accuracy against load, capacity against the size of the state, and bits recalled for a bit of state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..analysis.capacity import THRESHOLDS, capacities, capacity, interval, matrix_laws, memories, slopes, task_of_study
from ..formatting import accuracy
from ..results.tables import Results
from .figure import Figure
from .scales import accuracy_scale, byte_size, doubling_scale, set_ticks, side_by_side
from .style import INK, UNNAMED, Style, Styles, broken_line, by_memory, dots, mean_line, reference, seeds_and_mean

COUNTED = ["run", "task", "memory", "load", "length", "seed", "accuracy", "chance", "bag", "ceiling"]
WORTH = ["task", "memory", "length", "seed", "state_bytes", "load", "bits_per_state_bit", "recalled_bits"]
FAMILY = ["task", "length", "family", "threshold"]
FIT = ["slope", "slope_low", "slope_high", "intercept", "fitted_from", "fitted_to"]
LAW_POINTS = 17
ASIDE = 0.3
"""Of the distance that `side_by_side` sets equal states apart: here they lie on lines."""


def panel_title(results: Results, task: str, length: int) -> str:
    """The task that was asked, with the length where it was asked at several."""
    asked = task_of_study(results, task)
    words = task if asked is None or asked.name == task else f"{asked.name}, trained on a {task}"
    lengths = results.capacity.loc[results.capacity["task"] == task, "length"].nunique()
    return words if lengths == 1 else f"{words}, {length:,} tokens"


def load_table(results: Results) -> pd.DataFrame:
    """task, memory, load, length, seed, accuracy, mean, low, high, panel, and the lines beside them:

    chance, bag, ceiling, train_load, capacity_50, capacity_90 (missing beyond the loads asked)
    """
    parts = []
    trained = results.scores[results.scores["kind"] == "test"].set_index("run")["load"].astype(float)
    for one in memories(results):
        counts = one.counts
        means = pd.DataFrame(counts.bands, columns=["mean", "low", "high"]).assign(load=counts.loads)
        mine = one.scores[COUNTED].merge(means, on="load")
        mine = mine.assign(train_load=mine["run"].map(trained)).drop(columns="run")
        for threshold in THRESHOLDS:
            at = capacity(counts, threshold)[0]
            mine[f"capacity_{100 * threshold:.0f}"] = at if 0 < at < np.inf else np.nan
        parts.append(mine.assign(panel=panel_title(results, one.task, one.length)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def draw_loads(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw a line per seed, bold means with bands, and ceiling, floor and chance."""
    low, high = table["load"].min() / 2**0.25, table["load"].max() * 2**0.25
    lines = table.groupby("load")[["chance", "bag", "ceiling"]].agg({"chance": "max", "bag": "max", "ceiling": "min"})
    reference(ax, lines.index, lines["ceiling"], "ceiling", "ceiling of the smallest state")
    reference(ax, lines.index, lines["bag"], "floor", "bag floor")
    reference(ax, lines.index, lines["chance"], "chance")
    trained = table["train_load"].max()
    if low < trained < high:
        reference(ax, [trained] * 2, [-1, 2], "training", "largest load in training")
    for threshold in THRESHOLDS:
        ax.axhline(threshold, color=INK, alpha=0.12, linewidth=0.5, label=UNNAMED)
    for memory, mine, style in by_memory(table, styles):
        mine = mine.sort_values("load")
        broken_line(ax, mine, ["seed"], "load", "accuracy", color=style.colour, linewidth=0.4, alpha=0.35)
        mean = mine.drop_duplicates("load")
        words = [f"{memory}, {r['load']:,} items: {accuracy(r)}" for _, r in mean.iterrows()]
        mean_line(ax, mean["load"], mean, style, memory, words)
        bar: dict[str, Any] = {"marker": "|", "color": style.colour, "s": 50, "linewidths": 1.4, "zorder": 5}
        ax.scatter([mean[f"capacity_{100 * t:.0f}"].iloc[0] for t in THRESHOLDS], THRESHOLDS, **bar)
    doubling_scale(ax, low, high, lambda load: f"{load:,}", table["load"].astype(float))
    accuracy_scale(ax)


def law_table(results: Results) -> pd.DataFrame:
    """The columns of `capacities`, and FIT: that of the memory's family, NaN where it has none."""
    table, fits = capacities(results), slopes(results)
    if not len(table):
        return table
    fitted = dict(zip(("slope", "low", "high", "intercept", "smallest", "largest"), FIT, strict=True))
    fits = fits.rename(columns=fitted).reindex(columns=[*FAMILY, *FIT])
    table = table.merge(fits, on=FAMILY, how="left") if len(fits) else table.assign(**dict.fromkeys(FIT, np.nan))
    return table.assign(panel=[panel_title(results, r["task"], r["length"]) for _, r in table.iterrows()])


def draw_capacities(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw a mark with its interval for each memory and threshold, a line for each family, and the laws."""
    low, high = max(8.0, table["state_bytes"].min() / 1.5), table["state_bytes"].max() * 1.5
    lower = table["threshold"].min()
    half = table[table["threshold"] == lower]
    draw_laws(half, low, high, ax)
    table = table.assign(x=table["state_bytes"] * table["memory"].map(side_by_side(table)) ** ASIDE)
    for memory, mine, style in by_memory(table, styles):
        ax.plot([], [], markeredgewidth=0, linestyle="", label=memory, markersize=4.5, **style.mark_options)
        for _, record in mine.iterrows():
            draw_capacity(record, style, record["threshold"] == lower, ax)
    for _, members in table.dropna(subset=["slope"]).groupby(["family", "threshold"], sort=False):
        draw_fit(members.iloc[0], styles[members["memory"].iloc[0]], members["threshold"].iloc[0] == lower, ax)
    doubling_scale(ax, low, high, byte_size)
    ax.set_yscale("log", base=2)
    top = np.nanmax([2 * table["largest"].max(), half["information"].min(), half["hebbian"].max()])
    ax.set_ylim(table["smallest"].min() / 1.4, 2 * top)
    powers = range(int(np.floor(np.log2(top))) + 2)
    set_ticks(ax.yaxis, [2.0**p for p in powers[:: max(1, len(powers) // 6)]], lambda load: f"{load:,.0f}")


def draw_laws(half: pd.DataFrame, low: float, high: float, ax: Axes) -> None:
    """Draw the laws of the lower threshold from the smallest state to the largest."""
    known = half.dropna(subset=["information"])
    if not len(known):
        return
    first, at = known.iloc[0], np.geomspace(max(low, 16.0), high, LAW_POINTS)
    values, threshold = int(first["num_answers"]), float(first["threshold"])
    size = first["state_bytes"] / max(1, first["state_floats"])
    matrices = [matrix_laws(bytes_ / size, values, threshold) for bytes_ in at]
    reference(ax, at, at * first["information"] / first["state_bytes"], "limit", "information ceiling")
    reference(ax, at, [law["hebbian"] for law in matrices], "floor", "Hebbian law")
    reference(ax, at, [law["inverse"] for law in matrices], "chance", "inverse law")


def draw_capacity(record: pd.Series[Any], style: Style, main: bool, ax: Axes) -> None:
    """Draw one capacity with its interval; open where it lies beyond the loads asked, which bound it."""
    y, low, high = np.clip(record[["capacity", "low", "high"]].to_numpy(float), record["smallest"], record["largest"])
    x, alpha, marker = record["x"], 1.0 if main else 0.45, style.marker
    ax.plot([x, x], [low, high], color=style.colour, linewidth=1.1, alpha=alpha, label=UNNAMED, zorder=3)
    if not 0 < record["capacity"] < np.inf:
        open_mark: dict[str, Any] = {"facecolors": "none", "edgecolors": style.colour, "linewidths": 0.9}
        ax.scatter([x], [y], s=26 if main else 10, marker=marker, alpha=alpha, zorder=4, **open_mark)
    elif main:
        items = f"{interval(record)} items in {record['state_bytes']:,} bytes"
        dots(ax, [x], [y], style, [f"{record['memory']}: {items}, accuracy {record['threshold']:g}"], 26)
    else:
        ax.scatter([x], [y], s=10, alpha=alpha, linewidths=0, zorder=3, **style.mark_options)


def draw_fit(fit: pd.Series[Any], style: Style, main: bool, ax: Axes) -> None:
    """Draw the line of a family, and its slope beside the end."""
    ends = fit[["fitted_from", "fitted_to"]].to_numpy(float)
    y = 2 ** fit["intercept"] * ends ** fit["slope"]
    line: dict[str, Any] = {"linewidth": 1.1, "linestyle": "-"} if main else {"linewidth": 0.6, "linestyle": "--"}
    ax.plot(ends, y, color=style.colour, alpha=0.75 if main else 0.45, label=UNNAMED, zorder=2, **line)
    if main:
        place: dict[str, Any] = {"textcoords": "offset points", "xytext": (6, 4), "fontsize": 6.5}
        ax.annotate(f"{fit['slope']:.2f}", (ends[1], y[1]), color=style.colour, **place)


def worth_table(results: Results) -> pd.DataFrame:
    """task, memory, length, seed, state_bytes, load, bits_per_state_bit, recalled_bits, mean, panel"""
    parts = [pd.DataFrame()]
    for one in memories(results):
        if one.scores["state_bytes"].iloc[0] == 0:
            continue
        means = one.scores.groupby("load")["bits_per_state_bit"].mean()
        best = one.scores.loc[one.scores["load"] == means.idxmax(), WORTH]
        parts.append(best.assign(mean=means.max(), panel=panel_title(results, one.task, one.length)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def draw_worth(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
    """Draw every seed as a dot, the mean as a mark, and the limit of one bit for a bit."""
    low, high = table["state_bytes"].min() / 2, table["state_bytes"].max() * 2
    reference(ax, [low, high], [1, 1], "limit", "information ceiling")
    factors = side_by_side(table)
    for memory, mine, style in by_memory(table, styles):
        x, mean = mine["state_bytes"] * factors[memory], float(mine["mean"].iloc[0])
        words = f"{memory}: {mean:.4f} bits a bit at {mine['load'].iloc[0]:,} items"
        seeds_and_mean(ax, x, mine["bits_per_state_bit"], (x.iloc[0], mean), style, memory, words)
    ax.set_yscale("log")
    lowest = table["bits_per_state_bit"].where(table["bits_per_state_bit"] > 0).min()
    ax.set_ylim(min(0.5, 0.7 * lowest) if lowest == lowest else 0.01, 1.5)
    ax.yaxis.set_major_locator(LogLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda bits, _: f"{bits:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    doubling_scale(ax, low, high, byte_size)


CAPACITY = Figure(
    name="capacity",
    title="How much it holds",
    reading=(
        "Sequences of one length ask for more and more items; nothing else changes. Thin lines are seeds, the bold one "
        "their mean, the band its 95 % interval. Bars mark the capacity: where a smooth curve through the means falls "
        "to .9 and to .5. The bag floor knows the values but not their keys; the ceiling is what the "
        "smallest state here can hold. Loads to the right of the marked one were not trained."
    ),
    table=load_table,
    draw=draw_loads,
    x="items to be stored",
    y="accuracy",
    measure="capacity",
)
LAWS = Figure(
    name="laws",
    title="What a larger state buys",
    reading=(
        "Each mark is the load at which accuracy falls to .5 (pale and small: to .9), with its 95 % interval; open "
        "marks lie beyond the loads that were asked. Lines join memories that differ in size alone, by least squares; "
        "their slope says how much more is held in a state twice as large (1: twice, 0: no more). The information "
        "ceiling binds every reader. The Hebbian law is that of one square matrix of as many numbers that sums up "
        "random keys, the inverse law that of the same matrix fitted without error."
    ),
    table=law_table,
    draw=draw_capacities,
    x="state",
    y="items held",
    measure="capacity",
)
BITS = Figure(
    name="bits",
    title="What a bit of state is worth",
    reading=(
        "Bits recalled of a sequence over bits of state, at the load where a memory recalls most. Small marks are "
        "seeds, large ones their mean; memories with equal states are set side by side. Numbers of the state count 32 "
        "bits each. No reader can be above 1."
    ),
    table=worth_table,
    draw=draw_worth,
    x="state",
    y="recalled bits a bit of state",
    measure="capacity",
)
