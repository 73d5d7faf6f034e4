"""One reader on one set of states: fitted, chosen and tested on the rows of a split, and put into numbers.

Control task (Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks", arXiv 1909.03368): every
type (the token or the place that a state was taken at, say) is given a random label of its own, drawn from the
labels there are. A reader does well at it that knows types alone; what it scores above that is its selectivity.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..statistics import cluster_interval, wilson
from .information import Bits, usable_bits
from .readers import READERS
from .readers.prior import Prior
from .readers.reader import Labels, Reader
from .splits import Split

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
    X: Floats | NDArray[np.float32],
    labels: Labels,
    rows: Split,
    prior: Floats | None = None,
    sequences: Labels | None = None,
) -> Reading:
    """Fit on the training rows, choose by the validation rows, read the others.

    X [n, F], labels [n, K]; prior [K, V] are log-probabilities of who sees no state, fitted to these rows unless given.
    """
    if prior is None:
        prior = fitted_prior(labels, rows, reader.num_values)
    reader.fit(X[rows.train], labels[rows.train], validation=(X[rows.validation], labels[rows.validation]))
    told = reader.predict_log_proba(X[rows.test]).reshape(len(rows.test), labels.shape[1], -1)
    right = told.argmax(-1) == labels[rows.test]
    of = None if sequences is None else sequences[rows.test]
    return Reading(right, usable_bits(told, prior, labels[rows.test], of), reader.converged_, prior, of)


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
                "num_sequences": len(right),
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


def dealt(rows: Split, rng: np.random.Generator) -> Labels:
    """An order in which every part of the split keeps its rows, each in another place."""
    order = np.arange(sum(len(part) for part in rows))
    for part in rows:
        order[part] = rng.permutation(part)
    return order
