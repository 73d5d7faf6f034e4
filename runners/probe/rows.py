"""Rows of the table of probes: what a reader makes of states, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recall_tasks.generators.signal import Signal

from .context import ProbeContext, Template
from .factorise import Factored
from .information import Floats
from .readers.ridge import Levels
from .reading import Reading, fitted_prior, read, reader_named, scored
from .templates import Labels


def prior_of(template: Template, labels: Labels) -> Floats:
    """Of who sees no state: even where values are drawn evenly, fitted for signals."""
    question = template.question
    if isinstance(question.task, Signal):
        return fitted_prior(labels, template.rows, question.num_values)
    return np.full((labels.shape[1], question.num_values), -np.log(question.num_values))


def by_reader(name: str, found: Factored, template: Template, labels: Labels, prior: Floats, seed: int) -> Reading:
    """What one of `READERS` reads of states on principal axes."""
    reader = reader_named(name, template.question.num_values, seed)
    return read(reader, found.coordinates, labels, template.rows, prior)


def rows_of(
    part: str, template: Template, items: Labels, time: int, reading: Reading, found: Factored | None, **head: Any
) -> list[dict[str, Any]]:
    """A row of the table for each of these items; `head` names layer, content, reader, control and reduced."""
    question = template.question
    stored, ages = len(question.positions), question.ages(time)
    same = {
        "part": part,
        "time": time,
        "end": time == question.end,
        "num_items": stored,
        "features": found.features if found else 0,
        "rank": found.rank if found else None,
    }
    return [
        head
        | same
        | {"item": int(item) + template.number * stored, "age": int(ages[item])}
        | {"written": int(question.positions[item])}
        | row
        for item, row in zip(items, scored(reading), strict=True)
    ]


def read_rows(
    asked: ProbeContext,
    template: Template,
    found: Factored,
    time: int,
    layer: int,
    content: str,
    control: str,
    reader: str = "ridge",
    reduced: int = 0,
    labels: NDArray[np.int64] | None = None,
) -> list[dict[str, Any]]:
    """Rows of the items that were written by then."""
    written = template.question.ages(time)[template.items] >= 0
    items, wanted = template.items[written], (template.labels if labels is None else labels)[:, written]
    prior = prior_of(template, wanted)
    reading = by_reader(reader, found, template, wanted, prior, asked.run.seed)
    head = {"layer": layer, "content": content, "reader": reader, "control": control, "reduced": reduced}
    rows = rows_of(reader if reader != "prior" else "ridge", template, items, time, reading, found, **head)
    if isinstance(template.question.task, Signal) and reader == "ridge":
        for row, error in zip(rows, errors(found, template, wanted), strict=True):
            row["error"] = float(error)
    return rows


def errors(found: Factored, template: Template, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of a linear reconstruction of levels: squared error over variance, on the rows that test; 1 is the mean's."""
    train, validation, test = template.rows
    Z = found.coordinates
    made = Levels(orthogonal=True).fit(Z[train], labels[train], (Z[validation], labels[validation]))
    wrong = np.square(made.predict(Z[test]) - labels[test]).mean(0)
    spread = np.square(labels[test] - labels[train].mean(0)).mean(0)
    return np.asarray(np.divide(wrong, spread, out=np.ones_like(wrong), where=spread > 0))


def selective(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With `selectivity`, accuracy above that of the control task, where the same reader was given both."""
    place = ("layer", "content", "reader", "reduced", "time", "item")
    dealt = {tuple(row[key] for key in place): row["accuracy"] for row in rows if row["control"] == "control"}
    for row in rows:
        control = dealt.get(tuple(row[key] for key in place)) if row["control"] == "none" else None
        row["selectivity"] = None if control is None else row["accuracy"] - control
    return rows
