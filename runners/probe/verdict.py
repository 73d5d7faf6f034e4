"""Absent, present but unused, or used: what probes and interventions say together of one memory on one task.

    readable   ridge finds values in the whole state better than its control does
    answered   the model, asked, is right more often than without memory (`floor`)
    hurt       taking out what ridge finds costs answers, and more than taking out as much of anything else (which
               may even help); not told where the state is so small that there is not as much else to take out

        readable  answered  hurt
           no        no       -     absent
          yes        no       -     present but unused
          yes       yes      yes    used
           no       yes       -     used, but not linearly readable
          yes       yes       no    used in another form: what ridge finds is not what the model goes by
       yes, no    (not asked)  -    present, not asked; absent, not asked

Each is decided by a 95 % interval, or not at all: yes where the interval is above what it is held against, no where it
does not reach `MARGIN` beyond it. An effect that is sure but smaller than that is no effect; where neither holds, and
it matters, the verdict is "undecided".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

MARGIN = 0.05
"""Of the way from chance to 1: what matters."""

ENOUGH = 0.5
"""Of the variance that erasing takes out, its control takes so much at least, or says nothing."""
KINDS = ("erased", "random")

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Claim:
    """A share between its bounds, what it is held against, and whether it is more: None where that cannot be told."""

    words: str
    share: float
    low: float
    high: float
    against: float
    margin: float

    @property
    def more(self) -> bool | None:
        if self.high <= self.against + self.margin:
            return False
        return True if self.low > self.against else None

    def __str__(self) -> str:
        said = {True: "yes", False: "no", None: "cannot be told"}[self.more]
        return (
            f"{self.words}: {said} ({self.share:.3f} in {self.low:.3f} to {self.high:.3f}, against {self.against:.3f})"
        )


@dataclass(frozen=True)
class Verdict:
    """`said` in one word or few, and the claims it follows from; `hurt` is None where nothing was erased,
    or nothing else could be."""

    said: str
    readable: Claim
    answered: Claim
    hurt: Claim | None

    def __str__(self) -> str:
        claims = [claim for claim in (self.readable, self.answered, self.hurt) if claim]
        return "; ".join([self.said, *map(str, claims)])


def verdict(probes: Rows, interventions: Rows, floor: float | None = None, control: str = "control") -> Verdict:
    """Of the tables of one run, or of several that are to be taken together.

    probes         of which those by ridge of all layers together, where items are asked, are looked at
    interventions  of which intact ones, and those erased from all layers together
    floor          accuracy without memory; None: chance
    control        which of the controls of the probes the reader is held against

    If some items are readable (`readable_items`) the verdict is on those of them that were asked for, else on all.
    Over items shares and their bounds are averaged, which is cautious: errors of different items are never taken to
    cancel. Raises ValueError where there is nothing to decide by.
    """
    seen = [
        row
        for row in probes
        if row["reader"] == "ridge"
        and row["layer"] == 0
        and row["content"] == "state"
        and row["end"]
        and not row["reduced"]
    ]
    read, dealt = ([row for row in seen if row["control"] == name] for name in ("none", control))
    changed = list(interventions)
    intact = [row for row in changed if row["kind"] == "intact"]
    erased, random = ([row for row in changed if row["kind"] == kind and not row["layer"]] for kind in KINDS)
    for found, words in ((read, "reading by ridge"), (dealt, f"control {control!r}"), (intact, "intact intervention")):
        if not found:
            raise ValueError(
                f"a verdict takes probes and interventions of the same run: there is no {words} among these"
            )
    items = readable_items(read, dealt)
    both = items & {row["item"] for row in intact} if items else set()
    if both:  # what is asked of items that are there, is asked of these alone
        read, dealt, intact, erased, random = (
            [row for row in rows if row["item"] in both] for rows in (read, dealt, intact, erased, random)
        )
    chance = mean(read, "chance")
    margin = MARGIN * (1 - chance)
    readable = claim("readable", read, ("accuracy", "low", "high"), mean(dealt, "high"), margin)
    answered = claim("answered", intact, ("accuracy", "low", "high"), chance if floor is None else floor, margin)
    fair = bool(erased) and comparable(mean(erased, "changed"), mean(random, "changed"))
    hurt = claim("hurt", erased, cost(mean(erased, "drop"), mean(erased, "excess")), 0.0, margin) if fair else None
    more = told(hurt.more if hurt else None, bool(erased) and all(row["sure"] for row in erased))
    if items and not both:  # none of those that are there was asked for
        return Verdict("present, not asked", readable, answered, None)
    return Verdict(decided(readable.more, answered.more, more), readable, answered, hurt)


def readable_items(read: Rows, dealt: Rows) -> set[int]:
    """Items whose accuracy is surely above that of their control, by what matters; of several runs, on the average.

    A memory that keeps the last of many items has them, though of all items the average is hardly above chance.
    """
    found = set()
    controls = by_item(dealt)
    for item, rows in by_item(read).items():
        against = mean(controls.get(item, rows), "high" if item in controls else "chance")
        margin = MARGIN * (1 - mean(rows, "chance"))
        if mean(rows, "low") > against and mean(rows, "accuracy") > mean(rows, "chance") + margin:
            found.add(item)
    return found


def by_item(rows: Rows) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(int(row["item"]), []).append(row)
    return found


def told(hurt: bool | None, sure: bool) -> bool | None:
    """That erasing hurts nobody says something only where enough rows were there to erase by."""
    return None if hurt is False and not sure else hurt


def decided(readable: bool | None, answered: bool | None, hurt: bool | None) -> str:
    """The table above, as far as the claims are told."""
    if answered is False and readable is not None:
        return "present but unused" if readable else "absent"
    if answered and readable is False:
        return "used, but not linearly readable"
    if answered and readable and hurt is not None:
        return "used" if hurt else "used in another form"
    return "undecided"


def cost(drop: float, excess: float) -> tuple[str, str, str]:
    """The columns of what erasing costs: beside the model as it is, or beside the control; the smaller of both."""
    name = "drop" if drop < excess else "excess"
    return name, f"{name}_low", f"{name}_high"


def comparable(erased: float, random: float) -> bool:
    """Whether the control changed the states about as much: by these shares of their variance."""
    return random >= ENOUGH * erased


def claim(
    words: str, rows: list[Mapping[str, Any]], names: tuple[str, str, str], against: float, margin: float
) -> Claim:
    share, low, high = (mean(rows, name) for name in names)
    return Claim(words, share, low, high, against, margin)


def mean(rows: list[Mapping[str, Any]], name: str) -> float:
    return float(np.mean([row[name] for row in rows]))
