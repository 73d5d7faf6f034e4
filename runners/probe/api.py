"""Labels read out of any states, or out of any memory, every number beside its controls.

States belong to sequences, and sequences are split, not states: none of a test sequence was fitted to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .capture import Inputs, Module, capture, full_state, memories, parts
from .factorise import Factors, factorise, varies
from .readers import READERS, Reader
from .reading import control_labels, make_reader, read, score_records, with_controls
from .splits import Split, check_enough, shuffled_order, split
from .state_store import LIMIT, Columns, StateStore, Table, as_labels, as_states


def probe(
    X: ArrayLike | Columns,
    y: ArrayLike,
    *,
    sequences: ArrayLike,
    types: ArrayLike | None = None,
    inputs: ArrayLike | None = None,
    readers: Sequence[str | type[Reader]] = ("ridge",),
    num_values: int = 0,
    dimension: int | None = None,
    random_state: int = 0,
) -> pd.DataFrame:
    """Read labels out of any states: one record for each reader, control and item.

    X          [n, F] states: an array, or a state of a `StateStore`
    y          [n] or [n, K] labels, integers from 0
    sequences  [n]: the sequence of each state. Sequences are split, so states of one stay together. Where all states
               are of different sequences: range(n)
    types      [n] or [n, K]: what the control task labels, such as the token or the position that a state was taken
               at; without, every sequence is a type of its own
    inputs     [n, F']: what a reader could know without the state (the last tokens as one-hot, say), read in its
               place as the control "input"
    dimension  principal components that states are reduced to; None: not reduced

    Columns: reader, control ("none", "control", "shuffled", "input"), item, num_sequences, accuracy, low, high, chance,
    bits, bits_low, bits_high, item_bits, converged, features, rank, control_accuracy, selectivity (the last two where
    control is "none"). Raises ValueError where states and labels do not fit, are too few, or never vary.
    """
    states, labels = X if isinstance(X, Columns) else Table(as_states(X)), as_labels(y)
    labels = labels.reshape(len(labels), -1)
    owners = np.asarray(sequences)
    count, width = states.shape
    if not count == len(labels) == len(owners):
        raise ValueError(
            f"{count:,} states, {len(labels):,} labels and {len(owners):,} sequences: each state needs one of both"
        )
    if isinstance(readers, str) or not readers:
        raise ValueError(f"readers are a list of at least one of {', '.join(READERS)}, not {readers!r}")
    if (labels == labels[0]).all():
        raise ValueError(f"all labels are {labels[0].tolist()}: there is nothing to read")
    V = num_values or max(2, int(labels.max()) + 1)
    if labels.max() >= V:
        raise ValueError(f"labels run from 0 to {V - 1}, not to {labels.max()}")
    names = np.unique(owners)
    check_enough(len(names), V, width)
    split_, rng = split(owners, random_state), np.random.Generator(np.random.Philox(key=[random_state, 6]))
    shared = np.unique(owners, return_inverse=True)[1] if len(names) < count else None
    factors = principal_axes(states, split_, dimension)
    if not factors.varying:
        raise ValueError(f"none of the {factors.features:,} numbers of these states varies: there is nothing to read")
    sources = {
        "none": (factors, labels),
        "control": (factors, control_labels(labels, owners if types is None else types, rng)),
        "shuffled": (factors, labels[shuffled_order(split_, rng)]),
    }
    if inputs is not None:
        sources["input"] = (principal_axes(Table(as_states(inputs)), split_, dimension), labels)
    records = []
    for kind in readers:
        name = kind if isinstance(kind, str) else kind.__name__
        for control, (source, targets) in sources.items():
            reading = read(make_reader(kind, V, random_state), source.coordinates, targets, split_, sequences=shared)
            head, more = {"reader": name, "control": control}, {"features": source.features, "rank": source.rank}
            records += [head | {"item": item} | score | more for item, score in enumerate(score_records(reading))]
    table = pd.DataFrame(records)
    table["control_accuracy"] = np.array([control for _, control in with_controls(records, "reader", "item")], float)
    return table.assign(selectivity=table["accuracy"] - table["control_accuracy"])


def probe_memory(
    module: Module,
    inputs: Inputs,
    labels: ArrayLike,
    *,
    times: Sequence[int] = (),
    readers: Sequence[str | type[Reader]] = ("ridge",),
    num_values: int = 0,
    dimension: int | None = None,
    limit: int = LIMIT,
    random_state: int = 0,
) -> pd.DataFrame:
    """Read labels out of a memory: records of `probe`, with layer, content and time before them.

    module   a memory, which reads vectors, or a whole model, which reads tokens
    inputs   [n, T, D] or tokens [n, T]: n sequences
    labels   [n] or [n, K]: integers from 0
    times    inputs after which states are taken (default: all of them)
    limit    bytes of states in memory; the rest goes to disk meanwhile

    Contents are "state", all that a layer carries, then each that the memory names, and at the last time its views;
    layer 0 is all layers together, where there are several. Contents that never vary are left out. Raises ValueError
    as `probe` does, and for a memory that names no contents.
    """
    times = sorted(set(times)) or [inputs.shape[1]]
    read_labels = partial(
        probe, y=labels, sequences=np.arange(len(inputs)), readers=readers, num_values=num_values, dimension=dimension,
        random_state=random_state
    )  # fmt: skip
    tables = []
    with StateStore(limit) as store:
        capture(module, inputs, times, store, views=times[-1])
        layers = range(1, len(memories(module)) + 1)
        for time in times:
            sources: list[tuple[int, str, Columns]] = [(0, "state", full_state(store, time))] if len(layers) > 1 else []
            for layer in layers:
                sources.append((layer, "state", full_state(store, time, layer)))
                sources += [(layer, name, content) for name, content in parts(store, time, layer).items()]
            for layer, name, columns in sources:
                if name != "state" and not any_varies(columns):
                    continue
                table = read_labels(columns)
                table.insert(0, "layer", layer)
                table.insert(1, "content", name)
                table.insert(2, "time", time)
                tables.append(table)
    return pd.concat(tables, ignore_index=True)


def principal_axes(X: Columns, split_: Split, dimension: int | None = None) -> Factors:
    """States on the principal axes of the training ones; on the leading ones if `dimension` is an integer."""
    if dimension is not None and dimension < 1:
        raise ValueError(f"states are reduced to at least 1 component, not {dimension} (None: not reduced)")
    factors = factorise(X, split_.train)
    return factors if dimension is None else factors.reduced(dimension)


def any_varies(columns: Columns) -> bool:
    """True if any number differs between states."""
    width = columns.shape[1]
    return any(varies(columns.columns(i, min(width, i + 256))) for i in range(0, width, 256))
