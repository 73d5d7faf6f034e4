"""Accuracy over length: the curve of each memory, and its effective context length, half-life and area."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ..config.length_modes import FIXED_LOAD, GROWING_LOAD, grown
from ..formatting import amount, fraction, seeds_solved
from ..results.tables import FLOORS, Results
from ..statistics import area_interval, effective_length, half_life_interval, sequences_to_show
from .comparison import in_study_order, means_over_seeds

THRESHOLD = 0.9
KEYS = ["task", "memory", "mode", "length"]
COLUMNS = (
    "task", "memory", "mode", "seeds", "solved", "train_length", "longest", "threshold", "effective_length",
    "undecided", "half_life", "half_low", "half_high", "area", "area_low", "area_high",
)  # fmt: skip


def floor(scores: pd.DataFrame) -> pd.Series[float]:
    """Highest floor below 1: a reader that is perfect without recall is no floor but the answer."""
    floors = scores[list(FLOORS)].astype(float)
    return floors.where(floors < 1).max(axis=1).fillna(scores["chance"])


def growing(table: pd.DataFrame) -> pd.Series[str]:
    """The mode of each record as the end of a title: `, growing load`; empty at a fixed load."""
    return (", " + table["mode"]).where(table["mode"] != FIXED_LOAD, "")


@lru_cache(maxsize=1)  # a figure and a table of a report ask for the same
def curves_over_length(results: Results) -> pd.DataFrame:
    """Curves of accuracy over length, one record a seed; empty where nothing but the training length was tested.

    task, memory, mode, length, load, train_length, num_sequences, seed, solved, accuracy
    mean, low, high            over seeds, and its 95 % interval
    chance, floor, ceiling
    capped                     the load could not grow with the length: the task's alphabets or sequences hold no more
    """
    scores = results.scores
    if not (scores["kind"] == "extrapolation").any():
        return pd.DataFrame()
    trained = scores[scores["kind"] == "test"].set_index("run")["load"]
    # The training length may be tested twice: the test of the run has more sequences than that of the ladder.
    scores = scores.sort_values("kind", ascending=False, kind="stable")
    scores = scores.drop_duplicates([*KEYS, "seed"]).assign(floor=floor)
    at = zip(scores["run"].map(trained), scores["train_length"], scores["length"], strict=True)
    capped = (scores["mode"] == GROWING_LOAD) & (scores["load"] < [grown(*of) for of in at])
    measured = ["load", "train_length", "num_sequences", "seed", "solved", "accuracy", "chance", "floor", "ceiling"]
    curves = scores.assign(capped=capped)[[*KEYS, "kind", *measured, "capped"]]
    curves = curves.merge(means_over_seeds(results.sequences), on=[*KEYS, "kind"]).drop(columns=["kind", "seeds"])
    return in_study_order(curves, results, ["task", "mode", "length"])


def length_summaries(results: Results, threshold: float = THRESHOLD) -> pd.DataFrame:
    """One record per task, memory and mode with two lengths or more: `COLUMNS`.

    solved             seeds that solved the task at the training length
    effective_length   tokens: the longest tested such that up to it every interval over seeds lies above the
                       threshold; 0 where none does. For trainings that come out as these
    undecided          sequences at the next length, where they are so few that none without mistake could lie above
                       the threshold and some of the interval does; else missing
    half_life          tokens at which the accuracy above the floor is half that at the shortest; missing: beyond the
                       longest
    area               mean over log2 length of the fraction of the way from the floor to 1

    Bounds are over seeds, missing for one seed (a missing bound of a half-life also means beyond the longest).
    Lengths at which the load could not grow are left out of growing load.
    """
    curves = curves_over_length(results)
    records: list[dict[str, Any]] = []
    for (task, memory, mode), mine in curves.groupby(KEYS[:3], sort=False) if len(curves) else ():
        by_seed = mine[~mine["capped"]].pivot_table(index="seed", columns="length", values="accuracy")
        by_seed = by_seed.dropna(axis="columns")
        lengths = [int(length) for length in by_seed.columns]
        if len(lengths) < 2:
            continue
        means = mine.drop_duplicates("length").set_index("length").loc[lengths]
        floors, seeds, accuracies = means["floor"].to_numpy(), len(by_seed), by_seed.to_numpy()
        record = {"task": task, "memory": memory, "mode": mode, "seeds": seeds, "threshold": threshold}
        record["solved"] = int(mine.drop_duplicates("seed")["solved"].sum())
        record |= {"train_length": int(mine["train_length"].iloc[0]), "longest": lengths[-1]}
        record["effective_length"] = reached = effective_length(lengths, means["low"].to_numpy(), threshold)
        record["undecided"] = too_few_sequences(means, reached, threshold)
        lives = half_life_interval(lengths, accuracies, floors)
        record |= dict(zip(("half_life", "half_low", "half_high"), lives, strict=True))
        areas = area_interval(lengths, accuracies, floors)
        records.append(record | dict(zip(("area", "area_low", "area_high"), areas, strict=True)))
    return pd.DataFrame(records, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[9:], float))


def too_few_sequences(means: pd.DataFrame, reached: int, threshold: float) -> float:
    """Sequences at the first length beyond `reached` where they are too few to decide; NaN where they are not.

    means   num_sequences and high at each length, which rises
    """
    beyond = means[means.index > reached].head(1)
    few = beyond[(beyond["num_sequences"] < sequences_to_show(threshold)) & (beyond["high"] > threshold)]
    return float(few["num_sequences"].iloc[0]) if len(few) else np.nan


def length_summary_table(numbers: pd.DataFrame) -> pd.DataFrame:
    """`length_summaries` as text, for a terminal or a page."""
    records, several_modes = [], (numbers["mode"] != FIXED_LOAD).any()
    for _, one in numbers.iterrows():
        reached, longest = one["effective_length"], one["longest"]
        record = {name: one[name] for name in ("task", "memory", "mode") if name != "mode" or several_modes}
        above = f"holds above {fraction(one['threshold'])}"
        record[above] = f"{reached:,}{'+' * bool(reached == longest)}" if reached else "none"
        if one["undecided"] > 0:
            takes = f"{one['undecided']:.0f} sequences: that takes {sequences_to_show(one['threshold'])}"
            record[above] += f"; beyond not decidable with {takes}"
        record |= {"half-life": _half_life(one), "area": _area(one)}
        record |= {"trained at": f"{one['train_length']:,}", "tested to": f"{longest:,}", "seeds": seeds_solved(one)}
        records.append(record)
    return pd.DataFrame(records)


def _area(numbers: pd.Series[Any]) -> str:
    values = (numbers["area"], numbers["area_low"], numbers["area_high"])
    mean, low, high = (fraction(min(1.0, v)) if v >= 0 else f"−{fraction(min(1.0, -v))}" for v in values)
    return mean if numbers["seeds"] == 1 else f"{mean} [{low}–{high}]"


def _half_life(numbers: pd.Series[Any]) -> str:
    if numbers["half_life"] == 0:
        return "nothing to lose"
    beyond = f">{numbers['longest']:,}"
    values = (numbers["half_life"], numbers["half_low"], numbers["half_high"])
    life, low, high = (beyond if np.isnan(v) else amount(round(v)) for v in values)
    return life if numbers["seeds"] == 1 or life == low == high == beyond else f"{life} [{low}–{high}]"
