"""Conclusions from changed states: verdicts on each memory, activation patching, and errors of routing.

Means and intervals are over seeds; a single seed has the interval of its sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ..probe.verdict import KINDS, MARGIN, Claim, comparable, cost, decided, readable_items, told
from ..results.tables import Results
from ..statistics import fraction_over_seeds, number_over_seeds
from .probes import ACCURACY, READER, at_end, bits_still_rising, matching

CONTROLS = ("control", "untrained", "input")
VERDICT = (
    "task", "memory", "seeds", "verdict", "items", "readable", "rising", "chance", "probe", "probe_low", "probe_high",
    *CONTROLS,
    "behaviour", "behaviour_low", "behaviour_high", "erased", "random", "cost", "cost_low",
    "cost_high", "bits_before", "bits_after", "follows",
)  # fmt: skip


@lru_cache(maxsize=1)
def interventions(results: Results) -> pd.DataFrame:
    """Records of interventions on the whole state of all layers together, or else of the last layer there is."""
    records = matching(results.interventions, {"content": "state"})
    if not len(records):
        return records
    compared = []
    for _, part in records.groupby(["task", "memory", "kind"], sort=False):
        compared.append(part[part["layer"] == (0 if (part["layer"] == 0).any() else part["layer"].max())])
    return pd.concat(compared, ignore_index=True)


def patches(results: Results) -> pd.DataFrame:
    """One record per task, memory, layer and content that was patched in from another sequence.

    seeds, items, follows    how often the donor's value is answered
    accuracy, chance         how often the sequence's own still is
    """
    records = matching(results.interventions, {"kind": "transplanted"})
    if not len(records):
        return pd.DataFrame()
    keys = ["task", "memory", "layer", "content"]
    return _over_seeds(records, keys, ["follows", "accuracy", "chance"]).reset_index()


def routing_errors(results: Results) -> pd.DataFrame:
    """One record per task and memory that weighs caches, and layer (0: all layers' gates at once).

    seeds, items, accuracy, oracle               as it is, and with the true positions given to its gate
    routing_error, compression_error             oracle - accuracy, and 1 - oracle
    weight, right, even                          on the memory that holds the answer (missing for layer 0)
    num_sequences                                in all
    """
    records = results.routing
    if not len(records):
        return pd.DataFrame()
    keys = ["task", "memory", "layer"]
    errors = _over_seeds(records, keys, ["accuracy", "oracle", "weight", "right", "even"])
    num_sequences = records.groupby(keys, sort=False)["num_sequences"].sum()
    errors = errors.assign(routing_error=errors["oracle"] - errors["accuracy"], compression_error=1 - errors["oracle"])
    counts = {name: errors.pop(name) for name in ("seeds", "items")}
    return errors.assign(**counts, num_sequences=num_sequences).reset_index()


def verdicts(results: Results) -> pd.DataFrame:
    """Verdict on the use of each memory's state, with its evidence: one record per task and memory, `VERDICT`.

    probe              accuracy of the linear reader on the state; control: on random labels; untrained: on the state
                       of an untrained model; input: on the last tokens instead of the state
    behaviour          accuracy of the model itself at the same queries
    erased, random     its accuracy once what the reader reads was erased from the state, or as many random directions;
                       cost: of the former, beyond the latter if that is less
    follows            answers that are the donor's when the state is patched

    The word of `probe.verdict` rests on intervals over seeds. Where the model was not queried it speaks of the reader
    alone. Where some items are readable, all evidence is of these.
    """
    records, changed = at_end(results), interventions(results)
    table = []
    for (task, memory), mine in records.groupby(["task", "memory"], sort=False) if len(records) else ():
        read = matching(mine, {"reader": READER})
        trained, answers = matching(read, {"control": "none"}), matching(mine, {"control": "none", "reader": "model"})
        if not len(trained):
            continue
        record = dict.fromkeys(VERDICT, np.nan) | {"task": task, "memory": memory, "seeds": trained["seed"].nunique()}
        here, control = matching(changed, {"task": task, "memory": memory}), matching(read, {"control": "control"})
        items = readable_items(*(_as_dictionaries(part) for part in (trained, control)))
        record |= {"items": trained["item"].nunique(), "readable": len(items), "rising": bits_still_rising(trained)}
        if items:
            both = items & set(here["item"]) if len(here) else items
            read, trained, answers, here, control = (
                part[part["item"].isin(both or items)] if len(part) else part
                for part in (read, trained, answers, here, control)
            )
        record |= {"chance": float(trained["chance"].mean())}
        record |= _bounded("probe", ACCURACY, trained, fraction_over_seeds)
        record |= {name: matching(read, {"control": name})["accuracy"].mean() for name in CONTROLS}
        of_kind = {kind: matching(here, {"kind": kind}) for kind in ("intact", "erased", "random", "transplanted")}
        if len(behaviour := answers if len(answers) else of_kind["intact"]):
            record |= _bounded("behaviour", ACCURACY, behaviour, fraction_over_seeds)
        record |= {kind: part["accuracy"].mean() for kind in ("erased", "random") if len(part := of_kind[kind])}
        erased = of_kind["erased"]
        if len(erased):
            if comparable(*(of_kind[kind]["changed"].mean() for kind in KINDS)):
                columns = cost(erased["drop"].mean(), erased["excess"].mean())
                record |= _bounded("cost", columns, erased, number_over_seeds)
            record |= {name: erased[name].astype(float).mean() for name in ("bits_before", "bits_after")}
        if len(patched := of_kind["transplanted"]):
            record["follows"] = patched["follows"].mean()
        against = float(control["high"].mean() if len(control) else trained["chance"].mean())
        sure = len(erased) > 0 and bool(erased["sure"].eq(True).all())
        table.append(record | {"verdict": verdict_word(record, against, sure)})
    return pd.DataFrame(table, columns=list(VERDICT))


def verdict_word(record: Mapping[str, Any], control: float, sure: bool = True) -> str:
    """Verdict from the intervals of a record of `verdicts`.

    control   accuracy that the reader must exceed
    sure      there were sequences enough to erase by
    """
    margin = MARGIN * (1 - record["chance"])

    def claim(name: str, against: float) -> Claim | None:
        fraction, low, high = (record[column] for column in (name, f"{name}_low", f"{name}_high"))
        return None if np.isnan(fraction) else Claim(name, fraction, low, high, against, margin)

    readable, answered, hurt = claim("probe", control), claim("behaviour", record["chance"]), claim("cost", 0.0)
    if readable is None or answered is None:
        more = readable.more if readable else None
        return "undecided" if more is None else "present, not asked" if more else "absent, not asked"
    return decided(readable.more, answered.more, told(hurt.more if hurt else None, sure))


def _over_seeds(records: pd.DataFrame, keys: list[str], columns: list[str]) -> pd.DataFrame:
    """Means over seeds of the means of each, by `keys`; seeds, and items of all seeds."""
    by_seed = records.groupby([*keys, "seed"], sort=False)
    each = by_seed[columns].mean().assign(items=by_seed.size()).reset_index()
    groups = each.groupby(keys, sort=False)
    return groups[columns].mean().assign(seeds=groups.size(), items=groups["items"].sum())


def _bounded(
    name: str, columns: tuple[str, str, str], records: pd.DataFrame, over: Callable[..., tuple[float, float, float]]
) -> dict[str, float]:
    """`name`, its _low and its _high: the mean of the first column over seeds, and its interval."""
    each = records.groupby("seed")[list(columns)].mean()
    return dict(zip((name, f"{name}_low", f"{name}_high"), over(*(each[column] for column in columns)), strict=True))


def _as_dictionaries(records: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in record.items()} for record in records.to_dict("records")]
