"""What is kept: linear readers over the layers, contents and times of a run, beside their `controls`.

at every time    all layers together, whole (`layer` 0), of the first template each too
at the end       each content and view by itself, states reduced to a few components, and all controls
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .capture import capture, layers_of, parts, whole
from .columns import Columns
from .context import ProbeContext, Template
from .controls import answers, controlled, untrained, without_state
from .factorise import factorise
from .others import code_lengths
from .rows import by_reader, prior_of, read_rows, selective
from .state_store import Shelf


def kept(asked: ProbeContext) -> list[dict[str, Any]]:
    """By ridge, and what no reader but the model itself, or none, is needed for."""
    rows: list[dict[str, Any]] = []
    for template in asked.templates():
        rows += _trained(asked, template) + untrained(asked, template)
        rows += without_state(asked, template) + answers(asked, template)
    return selective(rows)


def _trained(asked: ProbeContext, template: Template) -> list[dict[str, Any]]:
    question, rows = template.question, []
    end = question.end
    times = asked.times(question)
    with Shelf(asked.limit) as shelf:
        capture(asked.model, template.drawn.tokens, times, shelf, views=end)
        for time in times:
            for layer in layers_of(asked.model) if time == end or not template.number else [0]:
                asked.watch(f"probing: layer {layer or 'all'} after {time} tokens")
                found = factorise(whole(shelf, time, layer), template.rows.train)
                some = read_rows(asked, template, found, time, layer, "state", "none")
                if layer == 0 and time == end:
                    lengths = code_lengths("ridge", found, template, asked.run.seed)
                    halves = _by_half(asked, template, whole(shelf, time))
                    for row, bits, half in zip(some, lengths, halves, strict=True):
                        row |= {"codelength": float(bits), "bits_half": float(half)}
                rows += some
                if time == end:
                    rows += controlled(asked, template, found, layer)
                    if 0 < asked.dimension < len(found.energy):
                        reduced = found.reduced(asked.dimension)
                        rows += read_rows(
                            asked, template, reduced, time, layer, "state", "none", reduced=asked.dimension
                        )
        for layer in layers_of(asked.model)[1:] or [1]:
            for name, content in parts(shelf, end, layer).items():
                asked.watch(f"probing: layer {layer}, {name}")
                rows += read_rows(asked, template, factorise(content, template.rows.train), end, layer, name, "none")
    return rows


def _by_half(asked: ProbeContext, template: Template, states: Columns) -> NDArray[np.float64]:
    """Usable bits of a reader fitted to half the rows: where all of them find more, more still would. Per item."""
    rows = template.rows
    fewer = template._replace(rows=rows._replace(train=rows.train[: len(rows.train) // 2]))
    found = factorise(states, fewer.rows.train)
    labels = template.labels
    reading = by_reader("ridge", found, fewer, labels, prior_of(fewer, labels), asked.run.seed)
    return np.asarray(reading.bits.bits)
