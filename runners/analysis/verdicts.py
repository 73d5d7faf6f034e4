"""Whether what is in a state is used: the verdict on each memory, with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..probe.verdict import KINDS, MARGIN, Claim, comparable, cost, decided, readable_items, told
from ..results.tables import Results
from .interventions import interventions
from .probes import READER, SHARE, at_end, over_seeds, share_over_seeds, where
from .recovered import rising

CONTROLS = ("control", "untrained", "input")


VERDICT = (
    "task", "memory", "seeds", "verdict", "items", "readable", "rising", "chance", "probe", "probe_low", "probe_high",
    *CONTROLS,
    "behaviour", "behaviour_low", "behaviour_high", "erased", "random", "cost", "cost_low",
    "cost_high", "bits_before", "bits_after", "follows",
)  # fmt: skip


def verdicts(results: Results) -> pd.DataFrame:
    """One row per task and memory: `VERDICT`, the word of `probe.verdict` and its evidence, means over seeds.

    probe              accuracy of the linear reader on the state; control: on labels drawn at random;
                       untrained: on the state of an untrained model; input: on the last tokens instead of the state
    behaviour          what the model itself answers when asked the same
    erased, random     its accuracy once what the reader reads was erased from the state, or as many directions
                       drawn at random; cost: what the former costs, beyond the latter if that is less
    follows            answers that are the donor's when the state is transplanted

    The word rests on intervals over seeds. Where the model cannot be asked it says what is read alone.
    """
    rows, done = at_end(results), interventions(results)
    found = []
    for (task, memory), mine in rows.groupby(["task", "memory"], sort=False) if len(rows) else ():
        read = where(mine, {"reader": READER})
        trained, asked = where(read, {"control": "none"}), where(mine, {"control": "none", "reader": "model"})
        if not len(trained):
            continue
        row = dict.fromkeys(VERDICT, np.nan) | {"task": task, "memory": memory, "seeds": trained["seed"].nunique()}
        here, dealt = where(done, {"task": task, "memory": memory}), where(read, {"control": "control"})
        items = readable_items(of(trained), of(dealt))
        row |= {"items": trained["item"].nunique(), "readable": len(items), "rising": rising(trained)}
        if items:  # what is asked of items that are there, is asked of these alone
            both = items & set(here["item"]) if len(here) else items
            read, trained, asked, here, dealt = (
                part[part["item"].isin(both or items)] if len(part) else part
                for part in (read, trained, asked, here, dealt)
            )
        row |= {"chance": float(trained["chance"].mean())}
        row |= bounded("probe", SHARE, trained, share_over_seeds)
        row |= {name: where(read, {"control": name})["accuracy"].mean() for name in CONTROLS}
        of_kind = {kind: where(here, {"kind": kind}) for kind in ("intact", "erased", "random", "transplanted")}
        if len(answers := asked if len(asked) else of_kind["intact"]):
            row |= bounded("behaviour", SHARE, answers, share_over_seeds)
        row |= {kind: part["accuracy"].mean() for kind in ("erased", "random") if len(part := of_kind[kind])}
        if len(of_kind["erased"]) and comparable(*(of_kind[kind]["changed"].mean() for kind in KINDS)):
            erased = of_kind["erased"]
            row |= bounded("cost", cost(erased["drop"].mean(), erased["excess"].mean()), erased, over_seeds)
        for name in ("bits_before", "bits_after") if len(of_kind["erased"]) else ():
            row[name] = of_kind["erased"][name].astype(float).mean()
        if len(moved := of_kind["transplanted"]):
            row["follows"] = moved["follows"].mean()
        against = float(dealt["high"].mean() if len(dealt) else trained["chance"].mean())
        sure = len(of_kind["erased"]) > 0 and bool((of_kind["erased"]["sure"] == True).all())  # noqa: E712
        found.append(row | {"verdict": word(row, against, sure)})
    return pd.DataFrame(found, columns=list(VERDICT))


def bounded(
    name: str, columns: tuple[str, str, str], rows: pd.DataFrame, over: Callable[..., tuple[float, float, float]]
) -> dict[str, float]:
    """`name`, its _low and its _high: the mean of the first column over seeds, and its interval."""
    each = rows.groupby("seed")[list(columns)].mean()
    return dict(zip((name, f"{name}_low", f"{name}_high"), over(*(each[column] for column in columns)), strict=True))


def of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows, each by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def word(row: Mapping[str, Any], control: float, sure: bool = True) -> str:
    """What the intervals of a row of `verdicts` say together; `control` is what the reader is held against, `sure`
    whether there were rows enough to erase by."""
    margin = MARGIN * (1 - row["chance"])

    def claim(name: str, against: float) -> Claim | None:
        share, low, high = (row[column] for column in (name, f"{name}_low", f"{name}_high"))
        return None if np.isnan(share) else Claim(name, share, low, high, against, margin)

    readable, answered, hurt = claim("probe", control), claim("behaviour", row["chance"]), claim("cost", 0.0)
    if readable is None or answered is None:
        more = readable.more if readable else None
        return "undecided" if more is None else "present, not asked" if more else "absent, not asked"
    return decided(readable.more, answered.more, told(hurt.more if hurt else None, sure))
