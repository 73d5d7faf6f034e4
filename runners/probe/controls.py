"""What stands beside what is read: the same of states that hold less, and of none; and what the model answers itself.

    control      a random label of its own for every sequence
    shuffled     states dealt to the wrong rows
    untrained    a model of the same seed before training
    input        the last tokens, in place of the state

Addresses being frozen, the one type that a state has beside its values is its sequence: so that is what the control
task labels here. Where keys vary too, every key is a type: see `own`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .behaviour import answered
from .capture import capture, layers_of, whole
from .columns import Columns, Table
from .context import ProbeContext, Template
from .factorise import Factored, factorise
from .information import doubted, log_softmax, sharpened, usable_bits
from .reading import Reading, control_labels, dealt
from .rows import prior_of, read_rows, rows_of
from .state_store import Shelf
from .templates import Drawn

INPUTS = 8
"""Last tokens that the reader of the input is given."""


def controlled(asked: ProbeContext, template: Template, found: Factored, layer: int) -> list[dict[str, Any]]:
    rng, labels = asked.rng(7), template.labels
    end = template.question.end
    other = {
        "control": control_labels(labels, np.arange(len(labels)), rng),
        "shuffled": labels[dealt(template.rows, rng)],
    }
    return [
        row
        for control, wrong in other.items()
        for row in read_rows(asked, template, found, end, layer, "state", control, labels=wrong)
    ]


def untrained(asked: ProbeContext, template: Template) -> list[dict[str, Any]]:
    end, rows = template.question.end, []
    with Shelf(asked.limit) as shelf:
        capture(asked.run.build(), template.drawn.tokens, [end], shelf)
        for layer in layers_of(asked.model):
            found = factorise(whole(shelf, end, layer), template.rows.train)
            rows += read_rows(asked, template, found, end, layer, "state", "untrained")
    return rows


def without_state(asked: ProbeContext, template: Template) -> list[dict[str, Any]]:
    """The reader of the last tokens, and the one of nothing."""
    end = template.question.end
    last = template.drawn.tokens[:, max(0, end - INPUTS) : end]
    shown = (last[:, :, None] == np.arange(asked.run.task.task.vocab_size)).any(0).any(0)
    onehot: Columns = Table((last[:, :, None] == np.flatnonzero(shown)).reshape(len(last), -1).astype(np.float32))
    found = factorise(onehot, template.rows.train)
    rows = read_rows(asked, template, found, end, 0, "state", "input")
    return rows + read_rows(asked, template, found, end, 0, "state", "none", "prior")


def answers(asked: ProbeContext, template: Template) -> list[dict[str, Any]]:
    """What the model answers itself; as sure of it as its answers on the validation rows allow, like any reader."""
    if asked.model.uses_oracle:
        return []
    question, rows = template.question, template.rows
    said = []
    for some in (rows.validation, rows.test):
        logs, items = answered(asked.model, question, Drawn(template.drawn.tokens[some], template.drawn.labels[some]))
        inside = np.isin(items, template.items)
        logs, items = logs[:, inside], items[inside]
        said.append((logs, template.drawn.labels[some][:, items]))
    if not len(items):
        return []
    (known, chosen_by), (logs, labels) = said
    prior = prior_of(template, template.drawn.labels[:, items])
    logs = doubted(log_softmax(logs * sharpened(known, chosen_by)[:, None]), len(known))
    reading = Reading(logs.argmax(-1) == labels, usable_bits(logs, prior, labels), True, prior)
    head = {"layer": 0, "content": "state", "reader": "model", "control": "none", "reduced": 0}
    return rows_of("ridge", template, items, question.end, reading, None, **head)
