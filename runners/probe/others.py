"""Other readers than ridge: of whole states at the end, or of how short labels become."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .capture import capture, layers_of, whole
from .context import ProbeContext, Template
from .description import description_length
from .factorise import Factored, factorise
from .reading import reader_named
from .rows import prior_of, read_rows
from .state_store import Shelf


def read_by(name: str, asked: ProbeContext) -> list[dict[str, Any]]:
    """By another reader: each layer and all of them, at the end."""
    rows: list[dict[str, Any]] = []
    for template in asked.templates():
        end = template.question.end
        with Shelf(asked.limit) as shelf:
            capture(asked.model, template.drawn.tokens, [end], shelf)
            for layer in layers_of(asked.model):
                asked.watch(f"probing: {name}, layer {layer or 'all'}")
                found = factorise(whole(shelf, end, layer), template.rows.train)
                rows += read_rows(asked, template, found, end, layer, "state", "none", name)
    return rows


def coded_by(name: str, asked: ProbeContext) -> list[dict[str, Any]]:
    """How short labels become under a reader, given the whole state at the end: its description length alone."""
    rows: list[dict[str, Any]] = []
    for template in asked.templates():
        end = template.question.end
        with Shelf(asked.limit) as shelf:
            capture(asked.model, template.drawn.tokens, [end], shelf)
            asked.watch(f"probing: description length by {name}")
            found = factorise(whole(shelf, end), template.rows.train)
        lengths = code_lengths(name, found, template, asked.run.seed)
        priors = prior_of(template, template.labels)
        for item, bits, prior in zip(template.items, lengths, priors, strict=True):
            rows.append(_place(template, item, end, prior) | {"part": name, "reader": name, "codelength": float(bits)})
    return rows


def code_lengths(name: str, found: Factored, template: Template, seed: int) -> NDArray[np.float64]:
    """Bits a label of the training rows, coded one portion after the other: per item."""
    train, V = template.rows.train, template.question.num_values
    reader = reader_named(name, V, seed)
    return np.asarray(description_length(reader, found.coordinates[train], template.labels[train], V).bits)


def _place(template: Template, item: int, time: int, prior: NDArray[np.float64]) -> dict[str, Any]:
    """The columns that name what is read where all of the state is; prior [V] of who sees none."""
    question = template.question
    stored = len(question.positions)
    return {
        "layer": 0,
        "content": "state",
        "control": "none",
        "reduced": 0,
        "time": time,
        "end": time == question.end,
        "num_items": stored,
        "item": int(item) + template.number * stored,
        "age": int(question.ages(time)[item]),
        "written": int(question.positions[item]),
        "item_bits": float(-(np.exp(prior) * prior).sum() / np.log(2)),
        "chance": float(np.exp(prior.max())),
    }
