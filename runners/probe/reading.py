"""Read labels out of states, with every number held against its controls: what `recall probe` does to memories,
for any array of states.

Rows belong to sequences, and sequences are split, never rows: no state of a sequence that is tested was fitted on.

Control task (Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks", arXiv 1909.03368): every
type (the token or the place that a state was taken at, say) is given a random label of its own, drawn from the
labels there are. A reader does well at it that knows types alone; what it scores above that is its selectivity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..statistics import cluster_interval, wilson
from .components import Columns, Factored, Table, factorise, validated
from .information import Bits, usable_bits
from .readers import READERS
from .readers.prior import Prior
from .readers.reader import Labels, Reader, values
from .splitting import Split, check_enough, split

Floats = NDArray[np.float64]


class Reading(NamedTuple):
    """What a reader made of rows never seen, per item [K]: `right` [n, K], bits, and whether its fit converged.

    prior [K, V]: log-probabilities of who sees no state. sequences [n]: of which each row is, where some share one.
    """

    right: NDArray[np.bool_]
    bits: Bits
    converged: bool
    prior: Floats
    sequences: Labels | None = None


def reader_named(name: str, num_values: int, random_state: int = 0, orthogonal: bool = True) -> Reader:
    """A fresh one of `READERS`. Raises ValueError for a name that is none."""
    if name not in READERS:
        raise ValueError(f"unknown reader {name!r}: choose of {', '.join(READERS)}")
    made = READERS[name](num_values=num_values)
    known = made.get_params()
    wanted = {"random_state": random_state, "orthogonal": orthogonal}
    made.set_params(**{key: value for key, value in wanted.items() if key in known})
    return made


def read(
    reader: Reader,
    found: Factored,
    labels: Labels,
    rows: Split,
    prior: Floats | None = None,
    sequences: Labels | None = None,
) -> Reading:
    """Fit on the training rows, choose by the validation rows, read the others.

    labels [n, K]; prior [K, V] are log-probabilities of who sees no state, fitted to these rows unless given.
    """
    Z, y = found.coordinates, labels
    if prior is None:
        prior = fitted_prior(labels, rows, reader.num_values)
    reader.fit(Z[rows.train], y[rows.train], validation=(Z[rows.validation], y[rows.validation]))
    told = reader.predict_log_proba(Z[rows.test]).reshape(len(rows.test), y.shape[1], -1)
    right = told.argmax(-1) == y[rows.test]
    of = None if sequences is None else sequences[rows.test]
    return Reading(right, usable_bits(told, prior, y[rows.test], of), reader.converged_, prior, of)


def fitted_prior(labels: Labels, rows: Split, num_values: int) -> Floats:
    """Log-probabilities [K, V] of values, without any state."""
    nothing = np.zeros((len(labels), 1))
    prior = Prior(num_values).fit(
        nothing[rows.train], labels[rows.train], (nothing[rows.validation], labels[rows.validation])
    )
    return np.asarray(prior.log_proba(nothing[:1])[0])


def scored(reading: Reading) -> list[dict[str, Any]]:
    """A row for each item: accuracy and usable bits, each with a 95 % interval, beside chance and all there is.

    chance is the share that who sees no state expects to get right, item_bits what is open to it.
    """
    rows = []
    chance = np.exp(reading.prior.max(-1))
    open_bits = -(np.exp(reading.prior) * reading.prior).sum(-1) / np.log(2)
    for item, right in enumerate(reading.right.T):
        low, high = bounds(right, reading.sequences)
        rows.append(
            {
                "num_rows": len(right),
                "accuracy": float(right.mean()),
                "low": float(low),
                "high": float(high),
                "chance": float(chance[item]),
                "bits": float(reading.bits.bits[item]),
                "bits_low": float(reading.bits.low[item]),
                "bits_high": float(reading.bits.high[item]),
                "item_bits": float(open_bits[item]),
                "converged": reading.converged,
            }
        )
    return rows


def bounds(right: NDArray[np.bool_], sequences: Labels | None) -> tuple[float, float]:
    """A 95 % interval of a share [n]: Wilson's, at the effective number of rows where some are of one sequence."""
    if sequences is None:
        low, high = wilson(int(right.sum()), len(right))
        return float(low), float(high)
    _, which = np.unique(sequences, return_inverse=True)
    return cluster_interval(np.bincount(which, right), np.bincount(which))


def control_labels(labels: Labels, types: ArrayLike, rng: np.random.Generator) -> Labels:
    """The control task: for every type a label of its own, drawn from those there are, per item.

    types [n] or [n, K], any numbers or words; labels [n, K].
    """
    kinds = np.asarray(types)
    kinds = np.broadcast_to(kinds.reshape(len(kinds), -1), labels.shape)
    dealt = np.empty_like(labels)
    for item, (own, kind) in enumerate(zip(labels.T, kinds.T, strict=True)):
        _, number = np.unique(kind, return_inverse=True)
        dealt[:, item] = rng.choice(own, number.max() + 1)[number]
    return dealt


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
            reading = read(reader_named(name, V, random_state), source, wanted, rows, sequences=shared)
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


def dealt(rows: Split, rng: np.random.Generator) -> Labels:
    """An order in which every part of the split keeps its rows, each in another place."""
    order = np.arange(sum(len(part) for part in rows))
    for part in rows:
        order[part] = rng.permutation(part)
    return order


def selective(table: pd.DataFrame, by: Sequence[str] = ("reader", "item")) -> pd.DataFrame:
    """With control_accuracy, that of the row which agrees in `by`, and selectivity: where control is "none"."""
    keys = list(by)
    control = table.loc[table["control"] == "control", [*keys, "accuracy"]].rename(
        columns={"accuracy": "control_accuracy"}
    )
    joined = table.merge(control, on=keys, how="left")
    joined.loc[joined["control"] != "none", "control_accuracy"] = np.nan
    return joined.assign(selectivity=joined["accuracy"] - joined["control_accuracy"])
