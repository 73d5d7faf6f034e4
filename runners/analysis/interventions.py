"""Conclusions from changed states: verdicts on each memory, activation patching, and errors of routing.

Means and intervals are over seeds; a single seed has the interval of its sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ..probe.verdict import ACCURACY, Columns, Record, judge
from ..results.tables import Results
from ..statistics import fraction_over_seeds, number_over_seeds
from .probes import READER, at_end, bits_still_rising, matching

CONTROLS = ("control", "untrained", "input")
VERDICT = (
    "task", "memory", "seeds", "solved", "verdict", "items", "readable", "rising", "chance",
    "probe", "probe_low", "probe_high", *CONTROLS,
    "behaviour", "behaviour_low", "behaviour_high", "erased", "random", "cost", "cost_low",
    "cost_high", "bits_before", "bits_after", "follows",
)  # fmt: skip


@lru_cache(maxsize=1)
def interventions(results: Results) -> pd.DataFrame:
    """Records of interventions on the whole state of all layers together, or else of the last layer there is."""
    records = matching(results.interventions, {"content": "state"})
    parts = [part for _, part in records.groupby(["task", "memory", "kind"], sort=False)]
    compared = [part[part["layer"] == (0 if (part["layer"] == 0).any() else part["layer"].max())] for part in parts]
    return pd.concat(compared, ignore_index=True) if parts else records


def patches(results: Results) -> pd.DataFrame:
    """One record per task, memory, layer and content that was patched in from another sequence.

    seeds, items, follows    how often the donor's value is answered
    accuracy, chance         how often the sequence's own still is
    """
    records = matching(results.interventions, {"kind": "patched"})
    keys, means = ["task", "memory", "layer", "content"], ["follows", "accuracy", "chance"]
    return _means_over_seeds(records, keys, means) if len(records) else pd.DataFrame()


def routing_errors(results: Results) -> pd.DataFrame:
    """One record per task and memory that weighs caches, and layer (0: all layers' gates at once).

    seeds, items, accuracy, oracle               as it is, and with the true positions given to its gate
    routing_error, compression_error             oracle - accuracy, and 1 - oracle
    weight, right, even                          on the memory that holds the answer (missing for layer 0)
    num_sequences                                in all
    """
    records, keys, means = (
        results.routing,
        ["task", "memory", "layer"],
        ["accuracy", "oracle", "weight", "right", "even"],
    )
    if not len(records):
        return pd.DataFrame()
    errors = _means_over_seeds(records, keys, means).join(records.groupby(keys)["num_sequences"].sum(), on=keys)
    errors = errors.assign(routing_error=errors["oracle"] - errors["accuracy"], compression_error=1 - errors["oracle"])
    return errors[[*keys, *means, "routing_error", "compression_error", "seeds", "items", "num_sequences"]]


def verdicts(results: Results) -> pd.DataFrame:
    """Verdict on each memory of each task by the rules of `probe.verdict`, with its evidence: columns `VERDICT`.

    solved             seeds that solved the task
    probe              accuracy of the linear reader on the state; control: on random labels; untrained: on the state
                       of an untrained model; input: on the last tokens instead of the state
    behaviour          accuracy of the model itself at the same queries
    erased, random     its accuracy once what the reader reads was erased from the state, or as many random directions;
                       cost: of the former, beyond the latter if that is less
    follows            answers that are the donor's when another sequence's state is patched in

    The verdict rests on intervals over seeds. Where the model was not queried it speaks of the reader alone.
    """
    probes, changes = at_end(results), interventions(results)
    solved = results.scores.drop_duplicates("run").set_index("run")["solved"]
    records = []
    for (task, memory), mine in probes.groupby(["task", "memory"], sort=False):
        here = matching(changes, {"task": task, "memory": memory})
        read, model = (matching(mine, {"reader": reader}) for reader in (READER, "model"))
        if not len(trained := matching(read, {"control": "none"})):
            continue
        answers = matching(model, {"control": "none"})
        answered = answers if len(answers) else matching(here, {"kind": "intact"})
        evidence = trained, matching(read, {"control": "control"}), answered, here
        judged = judge(*(_as_dictionaries(part) for part in evidence), interval=_over_trainings)
        record = dict.fromkeys(VERDICT, np.nan) | {"task": task, "memory": memory, "verdict": judged.words}
        record |= {"seeds": trained["seed"].nunique(), "items": trained["item"].nunique(), "chance": judged.chance}
        record["solved"] = solved.reindex(trained["run"].unique()).sum()
        record |= {"readable": len(judged.present), "rising": bits_still_rising(trained)}
        for name, claim in (("probe", judged.readable), ("behaviour", judged.answered), ("cost", judged.hurt)):
            if claim:
                record |= {name: claim.estimate, f"{name}_low": claim.low, f"{name}_high": claim.high}
        if judged.items:
            read, here = (part[part["item"].isin(judged.items)] for part in (read, here))
        record |= {name: matching(read, {"control": name})["accuracy"].mean() for name in CONTROLS}
        if len(erased := matching(here, {"kind": "erased"})):
            record |= {name: erased[name].astype(float).mean() for name in ("bits_before", "bits_after")}
            record |= {kind: matching(here, {"kind": kind})["accuracy"].mean() for kind in ("erased", "random")}
        if len(patched := matching(here, {"kind": "patched"})):
            record["follows"] = patched["follows"].mean()
        records.append(record)
    return pd.DataFrame(records, columns=list(VERDICT))


def _means_over_seeds(records: pd.DataFrame, keys: list[str], means: list[str]) -> pd.DataFrame:
    """Means over seeds of the means of each, by `keys`; seeds, and items of all seeds."""
    by_seed = records.groupby([*keys, "seed"], sort=False)
    groups = by_seed[means].mean().assign(items=by_seed.size()).reset_index().groupby(keys, sort=False)
    return groups[means].mean().assign(seeds=groups.size(), items=groups["items"].sum()).reset_index()


def _over_trainings(records: Sequence[Record], columns: Columns) -> tuple[float, float, float]:
    """Mean of the first column over seeds, and its interval."""
    each = pd.DataFrame(records).groupby("seed")[list(columns)].mean()
    over = fraction_over_seeds if columns == ACCURACY else number_over_seeds
    return over(*(each[column] for column in columns))


def _as_dictionaries(records: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in record.items()} for record in records.to_dict("records")]
