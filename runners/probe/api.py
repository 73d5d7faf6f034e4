"""Read labels out of states of any kind, with every number held against its controls.

Rows belong to sequences, and sequences are split, never rows: no state of a sequence that is tested was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .columns import Columns, Table, validated
from .factorise import Factored, factorise
from .readers import READERS
from .readers.reader import values
from .reading import control_labels, dealt, read, reader_named, scored
from .splits import Split, check_enough, split


def probe(
    X: ArrayLike | Columns,
    y: ArrayLike,
    *,
    sequences: ArrayLike,
    types: ArrayLike | None = None,
    inputs: ArrayLike | None = None,
    readers: Sequence[str] = ("ridge",),
    num_values: int = 0,
    dimension: int | None = None,
    random_state: int = 0,
) -> pd.DataFrame:
    """Read labels out of any states: a row for each reader, control and item.

    X          [n, F] states: an array, or what a `Shelf` holds
    y          [n] or [n, K] labels, whole numbers from 0
    sequences  [n]: of which sequence each state is. Sequences are split, so states of one are never parted. States
               that are all of different sequences: range(n)
    types      [n] or [n, K]: what the control task labels, such as the token a state was taken at, or its place;
               without, every sequence is a type of its own
    inputs     [n, F']: what a reader could know without the state (the last tokens, as one-hot, say), read in its
               place as the control "input"
    dimension  principal components that states are reduced to; None: none

    Columns: reader, control ("none", "control", "shuffled", "input"), item, num_rows, accuracy, low, high, chance,
    bits, bits_low, bits_high, item_bits, converged, features, rank, control_accuracy, selectivity (the last two where
    control is "none"). Raises ValueError where states and labels do not fit, are too few, or never vary.
    """
    found, labels = X if isinstance(X, Columns) else Table(validated(X)), values(y)
    labels = labels.reshape(len(labels), -1)
    of = np.asarray(sequences)
    count, width = found.shape
    if not count == len(labels) == len(of):
        raise ValueError(f"{count:,} states, {len(labels):,} labels and {len(of):,} sequences: one of each a row")
    if isinstance(readers, str) or not readers:
        raise ValueError(f"readers are a list of at least one of {', '.join(READERS)}, not {readers!r}")
    if (labels == labels[0]).all():
        raise ValueError(f"all labels are {labels[0].tolist()}: there is nothing to tell apart")
    V = num_values or max(2, int(labels.max()) + 1)
    if labels.max() >= V:
        raise ValueError(f"labels run from 0 to {V - 1}, not to {labels.max()}")
    check_enough(len(np.unique(of)), V, width)
    rows, rng = split(of, random_state), np.random.Generator(np.random.Philox(key=[random_state, 6]))
    shared = np.unique(of, return_inverse=True)[1] if len(np.unique(of)) < count else None
    seen = factorised(found, rows, dimension)
    if not seen.varying:
        raise ValueError(f"none of the {seen.features:,} numbers of these states varies: there is nothing to read")
    asked = {
        "none": (seen, labels),
        "control": (seen, control_labels(labels, of if types is None else types, rng)),
        "shuffled": (seen, labels[dealt(rows, rng)]),
    }
    if inputs is not None:
        asked["input"] = (factorised(Table(validated(inputs)), rows, dimension), labels)
    table = []
    for name in readers:
        for control, (source, wanted) in asked.items():
            reading = read(reader_named(name, V, random_state), source.coordinates, wanted, rows, sequences=shared)
            head = {"reader": name, "control": control}
            more = {"features": source.features, "rank": source.rank}
            table += [head | {"item": item} | row | more for item, row in enumerate(scored(reading))]
    return selective(pd.DataFrame(table))


def factorised(X: Columns, rows: Split, dimension: int | None = None) -> Factored:
    """On the principal axes of the rows to fit on, the leading ones if so many are named."""
    if dimension is not None and dimension < 1:
        raise ValueError(f"states are reduced to at least 1 component, not {dimension} (None: not reduced)")
    found = factorise(X, rows.train)
    return found if dimension is None else found.reduced(dimension)


def selective(table: pd.DataFrame, by: Sequence[str] = ("reader", "item")) -> pd.DataFrame:
    """With control_accuracy, that of the row which agrees in `by`, and selectivity: where control is "none"."""
    keys = list(by)
    control = table.loc[table["control"] == "control", [*keys, "accuracy"]].rename(
        columns={"accuracy": "control_accuracy"}
    )
    joined = table.merge(control, on=keys, how="left")
    joined.loc[joined["control"] != "none", "control_accuracy"] = np.nan
    return joined.assign(selectivity=joined["accuracy"] - joined["control_accuracy"])
