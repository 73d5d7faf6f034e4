"""Whether what is in a state is used: the verdict on each memory, with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..probe.verdict import ACCURACY, Claim, Columns, Record, judge
from ..results.tables import Results
from .interventions import interventions
from .probes import READER, at_end, over_seeds, share_over_seeds, where
from .recovered import rising

CONTROLS = ("control", "untrained", "input")


VERDICT = (
    "task", "memory", "seeds", "verdict", "items", "readable", "rising", "chance", "probe", "probe_low", "probe_high",
    *CONTROLS,
    "behaviour", "behaviour_low", "behaviour_high", "erased", "random", "cost", "cost_low",
    "cost_high", "bits_before", "bits_after", "follows",
)  # fmt: skip


def verdicts(results: Results) -> pd.DataFrame:
    """The verdict on each memory of each task by the rules of `probe.verdict`, with its evidence in means over seeds.

    Columns are `VERDICT`:

    probe              accuracy of the linear reader on the state; control: on labels drawn at random;
                       untrained: on the state of an untrained model; input: on the last tokens instead of the state
    behaviour          what the model itself answers when asked the same
    erased, random     its accuracy once what the reader reads was erased from the state, or as many directions
                       drawn at random; cost: what the former costs, beyond the latter if that is less
    follows            answers that are the donor's when another sequence's state is put in its place

    The verdict rests on intervals over seeds. Where the model cannot be asked it says what is read alone.
    """
    probes, changes = at_end(results), interventions(results)
    found = []
    for (task, memory), mine in probes.groupby(["task", "memory"], sort=False) if len(probes) else ():
        here = where(changes, {"task": task, "memory": memory})
        read, model = (where(mine, {"reader": reader}) for reader in (READER, "model"))
        if not len(trained := where(read, {"control": "none"})):
            continue
        asked = where(model, {"control": "none"})
        answered = asked if len(asked) else where(here, {"kind": "intact"})
        control = where(read, {"control": "control"})
        judged = judge(*(of(some) for some in (trained, control, answered, here)), interval=over_trainings)
        record = dict.fromkeys(VERDICT, np.nan) | {"task": task, "memory": memory, "verdict": judged.words}
        record |= {"seeds": trained["seed"].nunique(), "items": trained["item"].nunique(), "chance": judged.chance}
        record |= {"readable": len(judged.present), "rising": rising(trained)}
        for name, claim in (("probe", judged.readable), ("behaviour", judged.answered), ("cost", judged.hurt)):
            record |= bounded(name, claim) if claim else {}
        if judged.items:
            read, here = (part[part["item"].isin(judged.items)] if len(part) else part for part in (read, here))
        record |= {name: where(read, {"control": name})["accuracy"].mean() for name in CONTROLS}
        if len(erased := where(here, {"kind": "erased"})):
            record |= {name: erased[name].astype(float).mean() for name in ("bits_before", "bits_after")}
            record |= {kind: where(here, {"kind": kind})["accuracy"].mean() for kind in ("erased", "random")}
        if len(patched := where(here, {"kind": "patched"})):
            record["follows"] = patched["follows"].mean()
        found.append(record)
    return pd.DataFrame(found, columns=list(VERDICT))


def bounded(name: str, claim: Claim) -> dict[str, float]:
    """The estimate of a claim and its bounds, by the names of their columns."""
    return {name: claim.estimate, f"{name}_low": claim.low, f"{name}_high": claim.high}


def over_trainings(records: Sequence[Record], columns: Columns) -> tuple[float, float, float]:
    """Mean of the first column over seeds, and its interval."""
    each = pd.DataFrame(records).groupby("seed")[list(columns)].mean()
    over = share_over_seeds if columns == ACCURACY else over_seeds
    return over(*(each[column] for column in columns))


def of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Records of a table, by the names of its columns."""
    return [{str(name): value for name, value in record.items()} for record in table.to_dict("records")]
