"""Absent, present but unused, or used: the verdict on a memory from its probes and interventions.

    readable   ridge finds values in the whole state better than its control does
    answered   the model, asked, is right more often than without memory (`floor`)
    hurt       erasing what ridge finds costs answers, and more than erasing as much of anything else (which may even
               help); left open where the state is so small that there is not as much else to erase

docs/probing.md has the table of verdicts. A 95 % interval decides each claim, or nothing does: yes where the interval
is above what it is compared with, no where it does not reach `MARGIN` beyond it; an effect that is certain but smaller
is no effect. `verdict` takes the records of one run; the tables over seeds give `judge` their own intervals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MARGIN = 0.05
"""Least effect that matters, as a fraction of the way from chance to 1."""
ENOUGH = 0.5
"""Least variance that the random control of an erasure removes, as a fraction of what the erasure removes."""

LEFT = 0.25
"""Most that a new reader may find in erased states, as a fraction of before, if it counts that erasing hurts nobody."""

Record = Mapping[str, Any]
Columns = tuple[str, str, str]
Interval = Callable[[Sequence[Record], Columns], tuple[float, float, float]]
"""Estimate and 95 % bounds of some records, from the columns that hold each record's own."""

ACCURACY: Columns = ("accuracy", "low", "high")


@dataclass(frozen=True)
class Claim:
    """An estimate with bounds, what it is compared with, and the margin that matters."""

    words: str
    estimate: float
    low: float
    high: float
    against: float
    margin: float

    @property
    def holds(self) -> bool | None:
        """True if the estimate is higher, by its interval; None where the interval leaves it open."""
        if self.high <= self.against + self.margin:
            return False
        return True if self.low > self.against else None

    def __str__(self) -> str:
        answer = {True: "yes", False: "no", None: "undecided"}[self.holds]
        bounds = f"{self.estimate:.3f} in {self.low:.3f} to {self.high:.3f}, against {self.against:.3f}"
        return f"{self.words}: {answer} ({bounds})"


@dataclass(frozen=True)
class Verdict:
    """The verdict in a few words, the claims it follows from, and the items it rests on.

    answered  None where nothing was asked for
    hurt      None where nothing was erased, or nothing else could be
    present   items that are readable; `items` are those judged: readable and asked for, if there are any
    """

    words: str
    readable: Claim | None
    answered: Claim | None
    hurt: Claim | None
    present: frozenset[int]
    items: frozenset[int]
    chance: float

    def __str__(self) -> str:
        claims = [claim for claim in (self.readable, self.answered, self.hurt) if claim]
        return "; ".join([self.words, *map(str, claims)])


def verdict(
    probes: Iterable[Record], interventions: Iterable[Record], floor: float | None = None, control: str = "control"
) -> Verdict:
    """Verdict on one run, or on several taken together, from the records of their probes and interventions.

    probes         those of ridge on all layers together, where items are asked for, count
    interventions  intact ones, and those on all layers together, count
    floor          accuracy without memory; None: chance
    control        name of the control that the reader is compared with

    Estimates and bounds are means over records, which is cautious: errors of different items never cancel. Raises
    ValueError where there is nothing to decide by.
    """
    place = {"reader": "ridge", "layer": 0, "content": "state", "end": True, "reduced": 0}
    at_end = [record for record in probes if all(record[name] == value for name, value in place.items())]
    read, control_read = ([record for record in at_end if record["control"] == name] for name in ("none", control))
    changed = [record for record in interventions if not record["layer"]]
    intact = of_kind(changed, "intact")
    for some, words in ((read, "reading by ridge"), (control_read, f"control {control!r}"), (intact, "intact answer")):
        if not some:
            raise ValueError(f"a verdict needs probes and interventions of one run: there is no {words} among these")
    return judge(read, control_read, intact, changed, floor=floor)


def judge(
    read: Sequence[Record],
    control_read: Sequence[Record],
    answered: Sequence[Record],
    changed: Sequence[Record],
    *,
    interval: Interval | None = None,
    floor: float | None = None,
) -> Verdict:
    """Verdict from records of what was read, of its control, of the model's answers and of interventions.

    If some items are readable, the verdict is on those of them that were asked for. `answered` and `changed` may be
    empty; without `control_read` the reader is compared with chance.
    """
    interval = interval or mean_interval
    present = readable_items(read, control_read)
    items = present & {int(record["item"]) for record in changed} or present
    if items:
        read, control_read, answered, changed = (
            [record for record in some if record["item"] in items] for some in (read, control_read, answered, changed)
        )
    chance = mean(read, "chance")
    margin = MARGIN * (1 - chance)

    def claim(words: str, records: Sequence[Record], columns: Columns, against: float) -> Claim | None:
        estimate, low, high = interval(records, columns) if records else (np.nan,) * 3
        return None if np.isnan(estimate) else Claim(words, estimate, low, high, against, margin)

    readable = claim("readable", read, ACCURACY, mean(control_read, "high") if control_read else chance)
    answers = claim("answered", answered, ACCURACY, chance if floor is None else floor)
    erased, random = of_kind(changed, "erased"), of_kind(changed, "random")
    comparable = bool(erased and random) and mean(random, "changed") >= ENOUGH * mean(erased, "changed")
    hurt = claim("hurt", erased, cost_columns(erased), 0.0) if comparable else None
    enough = bool(erased) and all(record["sure"] == 1 for record in erased)
    enough = enough and not mean(erased, "bits_after") > LEFT * mean(erased, "bits_before")
    words = decide(readable, answers, hurt, enough)
    return Verdict(words, readable, answers, hurt, present, frozenset(items), chance)


def decide(readable: Claim | None, answered: Claim | None, hurt: Claim | None, enough: bool = True) -> str:
    """The verdict in words. That erasing hurts nobody counts only where `enough` was erased."""
    there = readable.holds if readable else None
    if answered is None:
        return "undecided" if there is None else "present, not asked" if there else "absent, not asked"
    if answered.holds is False and there is not None:
        return "present but unused" if there else "absent"
    if answered.holds and there is False:
        return "used, but not linearly readable"
    if answered.holds and there and hurt and (hurt.holds or (hurt.holds is False and enough)):
        return "used" if hurt.holds else "used in another form"
    return "undecided"


def readable_items(read: Iterable[Record], control_read: Iterable[Record]) -> frozenset[int]:
    """Items whose accuracy is surely above that of their control, and beyond chance by what matters.

    A memory that keeps the last of many items has it, though of all items the average is hardly above chance.
    Records of several runs are averaged item by item.
    """
    controls, present = by_item(control_read), set()
    for item, records in by_item(read).items():
        chance = mean(records, "chance")
        against = mean(controls[item], "high") if item in controls else chance
        if mean(records, "low") > against and mean(records, "accuracy") > chance + MARGIN * (1 - chance):
            present.add(item)
    return frozenset(present)


def by_item(records: Iterable[Record]) -> dict[int, list[Record]]:
    """Records of each item."""
    groups = defaultdict[int, list[Record]](list)
    for record in records:
        groups[int(record["item"])].append(record)
    return groups


def of_kind(records: Iterable[Record], kind: str) -> list[Record]:
    """Records of one kind of intervention."""
    return [record for record in records if record["kind"] == kind]


def cost_columns(erased: Sequence[Record]) -> Columns:
    """Columns of what erasing costs: the smaller of the loss beside the intact model and that beside the control."""
    name = "drop" if mean(erased, "drop") < mean(erased, "excess") else "excess"
    return name, f"{name}_low", f"{name}_high"


def mean_interval(records: Sequence[Record], columns: Columns) -> tuple[float, float, float]:
    """Means over records of the estimate and of its bounds."""
    return mean(records, columns[0]), mean(records, columns[1]), mean(records, columns[2])


def mean(records: Sequence[Record], name: str) -> float:
    """Mean of a column."""
    return float(np.mean([record[name] for record in records]))
