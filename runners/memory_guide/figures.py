"""The figures of docs/memories.md, from its tables alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from ..figures.scales import accuracy_scale, doubling_scale, tokens
from ..figures.style import PANEL, SETTINGS, begin, reference, styles_of

DPI = 144


def over_coefficients(table: pd.DataFrame) -> Figure:
    """Accuracy against N at the training length: a line for each sampling, other banks as marks."""
    here = table[table["length"] == table["train_length"]]
    parts = here["memory"].str.extract(r"(?P<bank>\w+) (?P<N>\d+), (?P<sampling>\w+)").astype({"N": int})
    here = here.join(parts)
    styles = styles_of(here["bank"])
    beside = {bank: 1.07**place for place, bank in enumerate(styles)}  # so that marks of one N do not hide each other
    with matplotlib.rc_context(SETTINGS):
        figure = Figure((2 * PANEL[0], PANEL[1] + 0.6), layout="constrained")
        for ax, (sampling, part) in zip(
            figure.subplots(1, 2, sharey=True), here.groupby("sampling", sort=False), strict=False
        ):
            begin(ax, "N (numbers kept of each channel)", "accuracy", f"{sampling} places")
            for bank, mine in part.sort_values("N").groupby("bank", sort=False):
                style = styles[str(bank)].line_options | {"linestyle": "-" if len(mine) > 1 else ""}
                ends = mine[["mean", "high"]].to_numpy().T - mine[["low", "mean"]].to_numpy().T
                x = mine["N"] * beside[str(bank)]
                ax.errorbar(x, mine["mean"], yerr=ends, label=bank, linewidth=1.4, elinewidth=0.8, **style)
            doubling_scale(ax, here["N"].min() / 1.5, here["N"].max() * 1.5, tokens, here["N"])
            reference(ax, ax.get_xlim(), [part["floor"].max()] * 2, "floor")
            accuracy_scale(ax)
        handles = {
            label: handle for ax in figure.axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
        }
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=len(handles))
    return figure


def over_length(table: pd.DataFrame) -> Figure:
    """Accuracy against length, a line for each memory."""
    with matplotlib.rc_context(SETTINGS):
        figure = Figure((2 * PANEL[0], 1.5 * PANEL[1]), layout="constrained")
        ax = begin(figure.add_subplot(), "length of the sequence (tokens)", "accuracy")
        styles = styles_of(table["memory"])
        for memory, mine in table.groupby("memory", sort=False):
            here = styles[str(memory)].line_options
            ax.fill_between(mine["length"], mine["low"], mine["high"], color=here["color"], alpha=0.12, linewidth=0)
            ax.plot(mine["length"], mine["mean"], label=memory, linewidth=1.3, **here)
        floor = table.groupby("length")["floor"].max()
        reference(ax, floor.index, floor, "floor")
        lengths = sorted(set(table["length"]))
        doubling_scale(ax, lengths[0] / 1.1, lengths[-1] * 1.1, tokens, lengths)
        accuracy_scale(ax)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")
    return figure


def over_age(table: pd.DataFrame) -> Figure:
    """Fraction that the probe recovers, as marks, on the fraction that can be recovered, as lines."""
    with matplotlib.rc_context(SETTINGS):
        figure = Figure((2 * PANEL[0], PANEL[1] + 0.3), layout="constrained")
        ax = begin(figure.add_subplot(), "age (tokens since written)", "fraction recovered")
        styles = styles_of(f"N = {N}" for N in table["N"].unique())
        for N, mine in table.groupby("N", sort=False):
            here = styles[f"N = {N}"]
            ax.plot(mine["age"], mine["resolution"], color=here.colour, linewidth=1.2, label=f"N = {N}, in closed form")
            style: dict[str, Any] = {"color": here.colour, "marker": here.marker, "s": 9}
            ax.scatter(mine["age"], mine["recovered"], label=f"N = {N}, ridge probe", **style)
        accuracy_scale(ax)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, the same bytes for the same figure."""
    figure.savefig(path, dpi=DPI, facecolor="white", metadata={"Software": None})
