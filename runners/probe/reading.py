"""One reader on one set of states: fitted and tested on the parts of a split, and scored item by item.

Control task (Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks", arXiv 1909.03368): every
type (such as the token that a state was taken at) gets a random label. A reader that knows types alone does well at it;
what it scores above that is its selectivity.

Shapes: n states, F features, K items, V values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..config.custom_code import check_recorded, class_of_file, class_title
from ..statistics import cluster_interval, wilson
from .information import Bits, usable_bits
from .readers import READERS
from .readers.reader import Prior, Reader
from .splits import Split
from .state_store import Floats, Labels


class Reading(NamedTuple):
    """Test results of a reader: `correct` [n, K], usable bits of each item [K], and whether its fit converged.

    prior [K, V]: log-probabilities without a state. sequences [n]: that of each state, where several share one.
    """

    correct: NDArray[np.bool_]
    bits: Bits
    converged: bool
    prior: Floats
    sequences: Labels | None = None


def reader_kind(name: str) -> type[Reader]:
    """The class that a name or `file.py:Class` stands for.

    A file is imported on the word of a record only where its user named it on a command line or allowed it. Raises
    ValueError where there is none, and for what is no reader of states.
    """
    if name in READERS:
        return READERS[name]
    if ".py:" not in name:
        raise ValueError(f"unknown reader {name!r}: choose of {', '.join(READERS)}, or FILE.py:CLASS")
    check_recorded(name)
    kind, (path, _, attribute) = class_of_file(name), name.rpartition(":")
    if not (isinstance(kind, type) and issubclass(kind, Reader)):
        raise ValueError(f"{path} has no reader {attribute!r}: name a class that extends runners.probe.Reader")
    if missing := [part for part in ("learn", "log_proba") if getattr(kind, part) is getattr(Reader, part)]:
        raise ValueError(f"the reader {attribute} cannot be fitted: it lacks {', '.join(missing)}")
    if not hasattr(kind, "meaning"):
        raise ValueError(f"the reader {attribute} lacks meaning: say in a few words what it is")
    if not kind.sees_state:
        raise ValueError(f"the reader {attribute} sees no state: a probe reads states")
    return kind


def refuse_same_titles(names: list[str], others: list[str]) -> None:
    """Raises ValueError where two readers would have one name in tables."""
    titles = [class_title(name) for name in names if ".py:" in name]
    for title in titles:
        if title in others or titles.count(title) > 1:
            raise ValueError(f"two readers or passes are called {title}: rename the class of one")


def make_reader(name: str | type[Reader], num_values: int, random_state: int = 0, orthogonal: bool = True) -> Reader:
    """A reader by name or class, not fitted yet. Raises ValueError for an unknown name."""
    reader = (reader_kind(name) if isinstance(name, str) else name)(num_values=num_values)
    known = reader.get_params()
    settings = {"random_state": random_state, "orthogonal": orthogonal}
    reader.set_params(**{key: value for key, value in settings.items() if key in known})
    return reader


def read(
    reader: Reader,
    X: Floats | NDArray[np.float32],
    labels: Labels,
    parts: Split,
    prior: Floats | None = None,
    sequences: Labels | None = None,
) -> Reading:
    """Fit on the training states, choose by the validation states, read the test states.

    X [n, F], labels [n, K]; prior [K, V] are log-probabilities without a state, fitted to these labels by default.
    """
    if prior is None:
        prior = fit_prior(labels, parts, reader.num_values)
    train, validation, test = parts
    reader.fit(X[train], labels[train], validation=(X[validation], labels[validation]))
    logs = reader.predict_log_proba(X[test]).reshape(len(test), labels.shape[1], -1)
    owners = None if sequences is None else sequences[test]
    bits = usable_bits(logs, prior, labels[test], owners)
    return Reading(logs.argmax(-1) == labels[test], bits, reader.converged_, prior, owners)


def fit_prior(labels: Labels, parts: Split, num_values: int) -> Floats:
    """Log-probabilities [K, V] of values, without any state."""
    nothing, (train, validation, _) = np.zeros((len(labels), 1)), parts
    prior = Prior(num_values).fit(nothing[train], labels[train], (nothing[validation], labels[validation]))
    return np.asarray(prior.log_proba(nothing[:1])[0])


def score_records(reading: Reading) -> list[dict[str, Any]]:
    """Accuracy and usable bits of each item, with 95 % intervals, beside what no state gives and all there is.

    chance is the accuracy expected without a state, item_bits the entropy that is left then.
    """
    names = "chance", "bits", "bits_low", "bits_high", "item_bits"
    numbers = zip(np.exp(reading.prior.max(-1)), *reading.bits, prior_bits(reading.prior), strict=True)
    return [
        {"num_sequences": len(correct)}
        | accuracy_record(correct, reading.sequences)
        | dict(zip(names, map(float, some), strict=True))
        | {"converged": reading.converged}
        for correct, some in zip(reading.correct.T, numbers, strict=True)
    ]


def prior_bits(prior: Floats) -> Floats:
    """Entropy [K] of the values of each item without a state, in bits; prior [K, V] are log-probabilities."""
    return np.asarray(-(np.exp(prior) * prior).sum(-1) / np.log(2))


def with_controls(records: list[dict[str, Any]], *place: str) -> Iterator[tuple[dict[str, Any], float | None]]:
    """Each record, and the accuracy on the control task of what is read at the same place.

    None for records that are controls themselves, and where there was no control task.
    """
    keys = [tuple(record[name] for name in place) for record in records]
    controls = {key: one["accuracy"] for key, one in zip(keys, records, strict=True) if one["control"] == "control"}
    for key, record in zip(keys, records, strict=True):
        yield record, controls.get(key) if record["control"] == "none" else None


def rate(correct: NDArray[np.bool_], name: str = "accuracy", prefix: str = "") -> dict[str, float]:
    """The fraction of sequences [n] that is correct, by this name, with Wilson's bounds of 95 %."""
    low, high = wilson(int(correct.sum()), len(correct))
    return {name: float(correct.mean()), f"{prefix}low": float(low), f"{prefix}high": float(high)}


def accuracy_record(correct: NDArray[np.bool_], sequences: Labels | None) -> dict[str, float]:
    """Accuracy [n] with Wilson's 95 % bounds, at the effective sample size where states share a sequence."""
    if sequences is None:
        return rate(correct)
    _, owner = np.unique(sequences, return_inverse=True)
    low, high = cluster_interval(np.bincount(owner, correct), np.bincount(owner))
    return {"accuracy": float(correct.mean()), "low": low, "high": high}


def control_labels(labels: Labels, types: ArrayLike, rng: np.random.Generator) -> Labels:
    """Labels of the control task: for every type one of its own, sampled from those there are, per item.

    types [n] or [n, K], any numbers or words; labels [n, K].
    """
    kinds = np.asarray(types)
    kinds = np.broadcast_to(kinds.reshape(len(kinds), -1), labels.shape)
    random = np.empty_like(labels)
    for item, (own, kind) in enumerate(zip(labels.T, kinds.T, strict=True)):
        _, number = np.unique(kind, return_inverse=True)
        random[:, item] = rng.choice(own, number.max() + 1)[number]
    return random
