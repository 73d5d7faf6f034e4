"""How far a memory holds: its curve of accuracy over length, and that curve in three numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ..config.length_modes import FIXED_LOAD, GROWING_LOAD, grown, order
from ..formatting import amount, share
from ..results.tables import FLOORS, Results
from ..statistics import area, area_interval, effective_length, half_life, half_life_interval
from .comparison import means_over_seeds

THRESHOLD = 0.9
KEYS = ["task", "memory", "mode", "length"]
COLUMNS = (
    "task", "memory", "mode", "seeds", "train_length", "longest", "threshold", "effective_length",
    "half_life", "half_low", "half_high", "area", "area_low", "area_high",
)  # fmt: skip


def floor(scores: pd.DataFrame) -> pd.Series[float]:
    """The highest floor that is one: a reader that is perfect without recall is no floor but the answer."""
    floors = scores[list(FLOORS)].astype(float)
    return floors.where(floors < 1).max(axis=1).fillna(scores["chance"])


@lru_cache(maxsize=1)  # a figure and a table of a report ask for the same
def curves_over_length(results: Results) -> pd.DataFrame:
    """task, memory, mode, length, load, train_length, num_rows, seed, accuracy, mean, low, high, chance, floor,
    ceiling, capped

    One row a seed; mean and its interval are over seeds. `capped`: the load could not grow with the length, as the
    task's alphabets or its rows hold no more. Empty where nothing but the training length was tested.
    """
    if not len(results.scores) or not (results.scores["kind"] == "extrapolation").any():
        return pd.DataFrame()
    # The training length may be tested twice: the test of the run has more rows than that of the ladder.
    scores, sequences = (
        table if "mode" in table else table.assign(mode=FIXED_LOAD) for table in (results.scores, results.sequences)
    )
    trained = scores[scores["kind"] == "test"].set_index("run")["load"]
    scores = scores.sort_values("kind", ascending=False, kind="stable")
    scores = scores.drop_duplicates([*KEYS, "seed"]).assign(floor=floor)
    at = zip(scores["run"].map(trained), scores["train_length"], scores["length"], strict=True)
    capped = (scores["mode"] == GROWING_LOAD) & (scores["load"] < [grown(*of) for of in at])
    bounds = ["chance", "floor", "ceiling"]
    drawn = scores.assign(capped=capped)
    drawn = drawn[[*KEYS, "kind", "load", "train_length", "num_sequences", "seed", "accuracy", *bounds, "capped"]]
    drawn = drawn.merge(means_over_seeds(sequences), on=[*KEYS, "kind"]).drop(columns=["kind", "seeds"])
    first = {name: i for i, name in enumerate(results.scores["task"].unique())}
    by: dict[str, Any] = {"task": first.get, "mode": order, "length": int}
    return drawn.sort_values(list(by), key=lambda column: column.map(by[str(column.name)]), kind="stable")


def horizons(results: Results, threshold: float = THRESHOLD) -> pd.DataFrame:
    """One row per task, memory and mode with two lengths or more: `COLUMNS`.

    effective_length   tokens: the longest tested such that up to it every interval over seeds lies above the
                       threshold; 0 where none does
    half_life          tokens at which what the shortest has above its floor has halved; missing: beyond the longest
    area               mean over log2 length of the share of what lies above the floor: 1 perfect, 0 the floor

    Bounds are over seeds, missing for one seed (a missing bound of a half-life also means beyond the longest).
    Lengths at which the load could not grow are left out of growing load.
    """
    curves = curves_over_length(results)
    rows: list[dict[str, Any]] = []
    for (task, memory, mode), mine in curves.groupby(KEYS[:3], sort=False) if len(curves) else ():
        by_seed = mine[~mine["capped"]].pivot_table(index="seed", columns="length", values="accuracy")
        by_seed = by_seed.dropna(axis="columns")
        lengths = [int(length) for length in by_seed.columns]
        if len(lengths) < 2:
            continue
        means = mine.drop_duplicates("length").set_index("length").loc[lengths]
        floors, seeds, accuracies = means["floor"].to_numpy(), len(by_seed), by_seed.to_numpy()
        row = {"task": task, "memory": memory, "mode": mode, "seeds": seeds, "threshold": threshold}
        row |= {"train_length": int(mine["train_length"].iloc[0]), "longest": lengths[-1]}
        row["effective_length"] = effective_length(lengths, means["low"].to_numpy(), threshold)
        if seeds > 1:
            lives = half_life_interval(lengths, accuracies, floors)
            areas: tuple[float | None, ...] = area_interval(lengths, accuracies, floors)
        else:
            lives = half_life(lengths, accuracies[0], floors), None, None
            areas = area(lengths, accuracies[0], floors), None, None
        row |= dict(zip(("half_life", "half_low", "half_high"), lives, strict=True))
        row |= dict(zip(("area", "area_low", "area_high"), areas, strict=True))
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[8:], float))


def horizon_table(numbers: pd.DataFrame) -> pd.DataFrame:
    """`horizons` as a person reads it: all text, for a terminal or a page."""
    rows = []
    for _, row in numbers.iterrows():
        held, modes = row["effective_length"], (numbers["mode"] != FIXED_LOAD).any()
        said = {"task": row["task"], "memory": row["memory"]} | ({"mode": row["mode"]} if modes else {})
        said[f"holds above {share(row['threshold'])}"] = (
            f"{held:,}{'+' if held == row['longest'] else ''}" if held else "none"
        )
        said |= {"half-life": _half(row), "area": _area(row), "trained at": f"{row['train_length']:,}"}
        rows.append(said | {"tested to": f"{row['longest']:,}", "seeds": str(row["seeds"])})
    return pd.DataFrame(rows)


def _area(row: pd.Series[Any]) -> str:
    found = (row["area"], row["area_low"], row["area_high"])
    mean, low, high = (share(min(1.0, v)) if v >= 0 else f"−{share(min(1.0, -v))}" for v in found)
    return mean if row["seeds"] == 1 else f"{mean} [{low}–{high}]"


def _half(row: pd.Series[Any]) -> str:
    if row["half_life"] == 0:
        return "nothing to lose"
    beyond = f">{row['longest']:,}"
    said = [beyond if np.isnan(v) else amount(round(v)) for v in (row["half_life"], row["half_low"], row["half_high"])]
    return said[0] if row["seeds"] == 1 or said == [beyond] * 3 else f"{said[0]} [{said[1]}–{said[2]}]"
