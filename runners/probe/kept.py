"""What is kept: linear readers over the layers, contents and times of a run, beside their controls.

    at every time                    all layers together, whole (`layer` 0), of the first template each too, by ridge
    at the end                       each content and view by itself, and states reduced to a few components
    control                          a random label of its own for every sequence
    shuffled                         states dealt to the wrong rows
    untrained                        a model of the same seed before training
    input                            the last tokens, in place of the state

Addresses being frozen, the one type that a state has beside its values is its sequence: so that is what the control
task labels here. Where keys vary too, every key is a type: see `own`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recall_tasks.generators.signal import Signal

from .asked import Asked, Template, by_reader, prior_of, rows_of
from .behaviour import answered
from .capture import capture, memories, parts, whole
from .components import Columns, Factored, Table, factorise
from .description import description_length
from .information import doubted, log_softmax, sharpened, usable_bits
from .question import Drawn
from .readers.ridge import Levels
from .reading import Reading, control_labels, dealt, reader_named
from .shelf import Shelf

INPUTS = 8
"""Last tokens that the reader of the input is given."""


def kept(asked: Asked) -> list[dict[str, Any]]:
    """By ridge, and what no reader but the model itself, or none, is needed for."""
    rows: list[dict[str, Any]] = []
    for template in asked.templates():
        rows += _trained(asked, template) + _untrained(asked, template)
        rows += _without_state(asked, template) + _model(asked, template)
    return selective(rows)


def selective(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With `selectivity`, accuracy above that of the control task, where the same reader was given both."""
    place = ("layer", "content", "reader", "reduced", "time", "item")
    dealt = {tuple(row[key] for key in place): row["accuracy"] for row in rows if row["control"] == "control"}
    for row in rows:
        control = dealt.get(tuple(row[key] for key in place)) if row["control"] == "none" else None
        row["selectivity"] = None if control is None else row["accuracy"] - control
    return rows


def read_by(name: str, asked: Asked) -> list[dict[str, Any]]:
    """By another reader: each layer and all of them, at the end."""
    rows: list[dict[str, Any]] = []
    for template in asked.templates():
        end = template.question.end
        with Shelf(asked.limit) as shelf:
            capture(asked.model, template.drawn.tokens, [end], shelf)
            for layer in _layers(asked):
                asked.watch(f"probing: {name}, layer {layer or 'all'}")
                found = factorise(whole(shelf, end, layer), template.rows.train)
                rows += _read(asked, template, found, end, layer, "state", "none", name)
    return rows


def coded_by(name: str, asked: Asked) -> list[dict[str, Any]]:
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


def _layers(asked: Asked) -> list[int]:
    """0, all together, and each; where there is one, it alone is all."""
    count = len(memories(asked.model))
    return [0] if count == 1 else [0, *range(1, count + 1)]


def _trained(asked: Asked, template: Template) -> list[dict[str, Any]]:
    question, rows = template.question, []
    end = question.end
    times = asked.times(question)
    with Shelf(asked.limit) as shelf:
        capture(asked.model, template.drawn.tokens, times, shelf, views=end)
        for time in times:
            for layer in _layers(asked) if time == end or not template.number else [0]:
                asked.watch(f"probing: layer {layer or 'all'} after {time} tokens")
                found = factorise(whole(shelf, time, layer), template.rows.train)
                some = _read(asked, template, found, time, layer, "state", "none")
                if layer == 0 and time == end:
                    lengths = code_lengths("ridge", found, template, asked.run.seed)
                    halves = _by_half(asked, template, whole(shelf, time))
                    for row, bits, half in zip(some, lengths, halves, strict=True):
                        row |= {"codelength": float(bits), "bits_half": float(half)}
                rows += some
                if time == end:
                    rows += _controlled(asked, template, found, layer)
                    if 0 < asked.dimension < len(found.energy):
                        reduced = found.reduced(asked.dimension)
                        rows += _read(asked, template, reduced, time, layer, "state", "none", reduced=asked.dimension)
        for layer in _layers(asked)[1:] or [1]:
            for name, content in parts(shelf, end, layer).items():
                asked.watch(f"probing: layer {layer}, {name}")
                rows += _read(asked, template, factorise(content, template.rows.train), end, layer, name, "none")
    return rows


def _by_half(asked: Asked, template: Template, states: Columns) -> NDArray[np.float64]:
    """Usable bits of a reader fitted to half the rows: where all of them find more, more still would. Per item."""
    rows = template.rows
    fewer = template._replace(rows=rows._replace(train=rows.train[: len(rows.train) // 2]))
    found = factorise(states, fewer.rows.train)
    labels = template.labels
    reading = by_reader("ridge", found, fewer, labels, prior_of(fewer, labels), asked.run.seed)
    return np.asarray(reading.bits.bits)


def _controlled(asked: Asked, template: Template, found: Factored, layer: int) -> list[dict[str, Any]]:
    rng, labels = asked.rng(7), template.labels
    end = template.question.end
    other = {
        "control": control_labels(labels, np.arange(len(labels)), rng),
        "shuffled": labels[dealt(template.rows, rng)],
    }
    return [
        row
        for control, wrong in other.items()
        for row in _read(asked, template, found, end, layer, "state", control, labels=wrong)
    ]


def _untrained(asked: Asked, template: Template) -> list[dict[str, Any]]:
    end, rows = template.question.end, []
    with Shelf(asked.limit) as shelf:
        capture(asked.run.build(), template.drawn.tokens, [end], shelf)
        for layer in _layers(asked):
            found = factorise(whole(shelf, end, layer), template.rows.train)
            rows += _read(asked, template, found, end, layer, "state", "untrained")
    return rows


def _without_state(asked: Asked, template: Template) -> list[dict[str, Any]]:
    """The reader of the last tokens, and the one of nothing."""
    end = template.question.end
    last = template.drawn.tokens[:, max(0, end - INPUTS) : end]
    shown = (last[:, :, None] == np.arange(asked.run.task.task.vocab_size)).any(0).any(0)
    onehot: Columns = Table((last[:, :, None] == np.flatnonzero(shown)).reshape(len(last), -1).astype(np.float32))
    found = factorise(onehot, template.rows.train)
    rows = _read(asked, template, found, end, 0, "state", "input")
    return rows + _read(asked, template, found, end, 0, "state", "none", "prior")


def _model(asked: Asked, template: Template) -> list[dict[str, Any]]:
    """What the model answers itself; as sure of it as its answers on the validation rows allow, like any reader."""
    if asked.model.told:
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


def _read(
    asked: Asked,
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
