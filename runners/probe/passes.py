"""Passes of `recall probe`: everything that is measured of a finished run, one object each.

`PASSES` is the only list. A reader of `READERS` has a pass of its own, which reads whole states where items are asked
for; ridge alone reads every layer, content and time, with all controls. Anything else is a `Pass` and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from recall_tasks.generators.signal import Signal

from .capture import capture, full_state, layers_of, parts
from .context import ProbeContext, Record, Template, probe_records, with_selectivity
from .controls import label_controls, model_answers, untrained_states, without_state
from .factorise import Factors, factorise
from .information import description_length
from .interventions import interventions
from .own_read import bilinear, own_read
from .readers import READERS, Reader
from .reading import make_reader, prior_bits, reader_kind
from .routing import gated_memories, routing
from .state_store import Columns, Floats, StateStore

GATED = 384
"""Sequences whose gates are looked at."""


@dataclass(frozen=True)
class Pass:
    """One thing to measure of a run: its name, its meaning, the table of its records, and what makes them."""

    name: str
    meaning: str
    table: str
    records: Callable[[ProbeContext], list[Record]]


def all_by_ridge(context: ProbeContext) -> list[Record]:
    """Records of ridge and of its controls, for every template.

    at every time    all layers together, whole (`layer` 0); of the first template each layer too
    at the end       each content and view by itself, states reduced to a few components, and all controls
    """
    records: list[Record] = []
    for template in context.templates():
        records += by_ridge(context, template) + untrained_states(context, template)
        records += without_state(context, template) + model_answers(context, template)
    return with_selectivity(records)


def by_ridge(context: ProbeContext, template: Template) -> list[Record]:
    """Records of ridge on the trained model's states, of one template."""
    records: list[Record] = []
    end, train = template.question.end, template.parts.train
    times = context.times(template.question)
    with StateStore(context.limit) as store:
        capture(context.model, template.samples.tokens, times, store, views=end)
        for time in times:
            for layer in layers_of(context.model) if time == end or not template.number else [0]:
                context.watch(f"probing: layer {layer or 'all'} after {time} tokens")
                factors = factorise(full_state(store, time, layer), train)
                some = context.read(template, factors, time, layer)
                if layer == 0 and time == end:
                    lengths = code_lengths(context, template, factors, "ridge")
                    halves = bits_by_half(context, template, full_state(store, time))
                    for record, bits, half in zip(some, lengths, halves, strict=True):
                        record |= {"codelength": float(bits), "bits_half": float(half)}
                records += some
                if time == end:
                    records += label_controls(context, template, factors, layer)
                    if 0 < (dimension := context.dimension) < len(factors.energy):
                        reduced = factors.reduced(dimension)
                        records += context.read(template, reduced, time, layer, reduced=dimension)
        for layer in layers_of(context.model)[1:] or [1]:
            for name, content in parts(store, end, layer).items():
                context.watch(f"probing: layer {layer}, {name}")
                records += context.read(template, factorise(content, train), end, layer, content=name)
    return records


def bits_by_half(context: ProbeContext, template: Template, states: Columns) -> Floats:
    """Usable bits of each item for ridge fitted to half the sequences: where all find more, more still would."""
    split = template.parts
    fewer = template._replace(parts=split._replace(train=split.train[: len(split.train) // 2]))
    return context.reading(fewer, factorise(states, fewer.parts.train), fewer.labels).bits.bits


def code_lengths(context: ProbeContext, template: Template, factors: Factors, name: str) -> Floats:
    """Online code length of the training labels of each item under a reader, in bits a label."""
    train, V = template.parts.train, template.question.num_values
    reader = make_reader(name, V, context.run.seed)
    return description_length(reader, factors.coordinates[train], template.labels[train], V).bits


def by_reader(name: str, context: ProbeContext) -> list[Record]:
    """Records of another reader: each layer's whole state and that of all, at the end."""
    records: list[Record] = []
    for template in context.templates():
        for layer, factors in context.states_at_end(template, name):
            records += context.read(template, factors, template.question.end, layer, name)
    return records


def by_code_length(name: str, context: ProbeContext) -> list[Record]:
    """Records of a strong reader: the code length of labels given the whole state at the end, and no accuracy."""
    records: list[Record] = []
    for template in context.templates():
        _, factors = next(context.states_at_end(template, f"code length by {name}"))
        prior, lengths = template.prior(template.labels), code_lengths(context, template, factors, name)
        numbers = zip(lengths, prior_bits(prior), np.exp(prior.max(-1)), strict=True)
        names = "codelength", "item_bits", "chance"
        scores = [dict(zip(names, map(float, some), strict=True)) for some in numbers]
        records += probe_records(name, template.items(template.question.end, template.chosen), scores)
    return records


def causal(context: ProbeContext) -> list[Record]:
    """Records of `interventions`.

    None for a model with oracle positions, nor for signals: their values depend on one another, so that none can be
    erased alone.
    """
    records: list[Record] = []
    signal = isinstance(context.run.task.task, Signal)
    for template in context.templates() if not signal and not context.model.uses_oracle else ():
        context.watch("probing: erasing and patching")
        records += number_items(template, interventions(context.model, template.question, context.rng(9)))
    return records


def gates(context: ProbeContext) -> list[Record]:
    """Records of `routing`; none where no layer weighs caches, or items cannot be asked for."""
    records: list[Record] = []
    for template in context.templates() if gated_memories(context.model) and not context.model.uses_oracle else ():
        if any(True for _ in template.question.queries(template.samples)):
            context.watch("probing: gates of caches")
            records += number_items(template, routing(context.model, template.question, GATED, context.rng(10)))
    return records


def number_items(template: Template, records: list[Record]) -> list[Record]:
    """Records with items of several templates numbered one after the other, as in the table of probes."""
    stored = len(template.question.positions)
    return [record | {"item": record["item"] + template.number * stored} for record in records]


def passes_of(readers: Mapping[str, type[Reader]]) -> dict[str, Pass]:
    """Every pass by name, in the order in which they are done: reading, code lengths, then what goes beyond."""
    reading, coding = list[Pass](), list[Pass]()
    for name, reader in readers.items():
        if reader.strong:
            meaning = f"{reader.meaning}, by its code length alone"
            coding.append(Pass(name, meaning, "probes", partial(by_code_length, name)))
        elif reader.sees_state:
            records = all_by_ridge if name == "ridge" else partial(by_reader, name)
            reading.append(Pass(name, reader.meaning, "probes", records))
    every = [
        *reading,
        Pass("own", "the memory's own answer to a key, decoded; keys and positions vary", "probes", own_read),
        Pass("bilinear", "bilinear in the state and the key; keys and positions vary", "probes", bilinear),
        *coding,
        Pass("causal", "use of what is read: erased, and patched in from other sequences", "interventions", causal),
        Pass("routing", "which cache holds an answer, and whether gates find it", "routing", gates),
    ]
    return {one.name: one for one in every}


PASSES = passes_of(READERS)


def pass_of(name: str) -> Pass:
    """A pass by name, or that of a custom reader. Raises ValueError where there is none."""
    return PASSES[name] if name in PASSES else passes_of({name: reader_kind(name)})[name]
