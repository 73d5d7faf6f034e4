"""Summaries of measures: tables and lines that a command prints when it has asked finished runs.

A summary is a function and a line in `SUMMARIES`. A measure without one is summed up by the first records of its
tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from ..config.length_modes import FIXED_DISTANCE, GROWING_LOAD
from ..formatting import amount, fraction, span
from ..measures import Measure
from ..results.tables import Results
from .capacity import capacities, interval, slopes
from .extrapolation import length_summaries, length_summary_table
from .interventions import verdicts
from .probes import totals
from .swaps import swap_table, swaps

Parts = list[pd.DataFrame | str]

SHOWN = 20
"""Records of a table that are printed where nothing sums it up."""
RISING = 0.02
"""Of what is stored: a fraction above it, found by the second half of the sequences, says that more would find more."""


def summary(measure: Measure, results: Results, given: Mapping[str, Any]) -> Parts:
    """Tables and lines for people; `given` are the flags of the command by their names."""
    return SUMMARIES[measure.name](results, given) if measure.name in SUMMARIES else first_records(measure, results)


def first_records(measure: Measure, results: Results) -> Parts:
    """The first records of every table of a measure."""
    parts: Parts = []
    for table in measure.tables:
        records = getattr(results, table.name)
        if len(records):
            parts += [f"{table.name}: {table.meaning} The first {min(SHOWN, len(records))} of {len(records):,}:"]
            parts.append(records.head(SHOWN))
    return parts


def extrapolation(results: Results, given: Mapping[str, Any]) -> Parts:
    """Accuracies by length, a record for each run, of what was measured in this mode; then how far memories hold."""
    mode, scores = given["mode"].replace("-", " "), results.scores
    mine = scores[(scores["kind"] == "extrapolation") & scores["mode"].str.startswith(mode)]
    loads = [
        f"{task} at {length:,} tokens: {span(part['load'])} items"
        for (task, length), part in mine.groupby(["task", "length"], sort=False)
        if mode == GROWING_LOAD
    ]
    index = ["run", "mode"] if mode == FIXED_DISTANCE else ["run"]
    wide = mine.pivot_table(index=index, columns="length", values="accuracy")
    wide = wide.map(lambda value: "" if pd.isna(value) else fraction(value)).reset_index()
    wide = wide.rename(columns=lambda name: f"{name:,} tokens" if isinstance(name, int) else name)
    numbers = length_summaries(results, given["threshold"])
    numbers = numbers[numbers["mode"].str.startswith(mode)]
    return [wide, *loads, *([length_summary_table(numbers)] if len(numbers) else [])]


def capacity(results: Results, given: Mapping[str, Any]) -> Parts:
    """Capacities, a record for each memory, and a line for each family of memories that differ in size alone."""
    records = []
    for (task, length, memory), mine in capacities(results).groupby(["task", "length", "memory"], sort=False):
        first = mine.iloc[0]
        record = {"task": task, "length": f"{length:,}", "memory": memory, "seeds": first["seeds"]}
        record |= {"state bytes": f"{first['state_bytes']:,}"}
        record |= {f"holds at {r['threshold']:g}": interval(r) for _, r in mine.iterrows()}
        record |= {"bits a state bit": f"{first['bits_per_state_bit']:.2g} at {first['at']:,}"}
        records.append(record | {"Hebbian law at .5": amount(first["hebbian"]) if first["hebbian"] > 0 else ""})
    return [pd.DataFrame(records).fillna(""), *slope_lines(slopes(results))]


def slope_lines(fits: pd.DataFrame) -> list[str]:
    """Growth of capacity with the state, in words."""
    lines = []
    for _, fit in fits.iterrows():
        which = f"{fit['family']} on {fit['task']}, {fit['length']:,} tokens, at {fit['threshold']:g}"
        count = f"{fit['used']} of {fit['of']} states"
        if fit["slope"] == fit["slope"]:
            lines.append(f"{which}: slope {fit['slope']:.2f} [{fit['low']:.2f}–{fit['high']:.2f}] over {count}")
        else:
            lines.append(f"{which}: no slope, as {count} have a capacity inside the loads asked (try other --loads)")
    return lines


def swap(results: Results, given: Mapping[str, Any]) -> Parts:
    """Accuracies with each memory in place beside those of the memory that was trained, with their difference."""
    found = swaps(results)
    return [swap_table(found)] if len(found) else []


def probe(results: Results, given: Mapping[str, Any]) -> Parts:
    """Bits that a sequence's states keep, and the verdict on each memory with its evidence."""
    parts: Parts = []
    if len(found := totals(results)):
        parts.append(bits_table(found))
    if len(found := verdicts(results)):
        parts.append(verdict_table(found))
    return parts


def bits_table(found: pd.DataFrame) -> pd.DataFrame:
    """One record for each task and memory, means over seeds, all text."""
    records = []
    for (task, memory), mine in found.groupby(["task", "memory"], sort=False):
        each = mine.mean(numeric_only=True)
        rising = each["rising"] > RISING * each["payload"]
        record = {"task": task, "memory": memory, "seeds": len(mine)}
        record |= {"bits kept, at least": f"{each['bits']:,.1f}{' and rising' if rising else ''}"}
        record |= {"stored": f"{each['payload']:,.1f}", "state bytes": f"{each['state_bytes']:,.0f}"}
        records.append(record | {"bits a state bit": f"{each['bits_per_state_bit']:.2g}"})
    return pd.DataFrame(records)


def verdict_table(found: pd.DataFrame) -> pd.DataFrame:
    """Verdicts as text, one record for each task and memory.

    items are those readable; probe is ridge on the state, beside its control and an untrained state; behaviour is the
    model's own answers, then with the value erased from its state, and with as much of something else erased.
    """
    heads = {"read": "probe", "control": "control", "untrained": "untrained", "answered": "behaviour"}
    heads |= {"erased": "erased", "random": "random"}
    return pd.DataFrame(
        [
            {"task": record["task"], "memory": record["memory"], "verdict": record["verdict"]}
            | {"items": f"{record['readable']:.0f} of {record['items']:.0f}"}
            | {head: "" if pd.isna(record[name]) else fraction(record[name]) for head, name in heads.items()}
            for _, record in found.iterrows()
        ]
    )


SUMMARIES: dict[str, Callable[[Results, Mapping[str, Any]], Parts]] = {
    "extrapolation": extrapolation,
    "capacity": capacity,
    "swap": swap,
    "probe": probe,
}
