"""The contract of a reader: fitted on frozen states and labels, it gives the probability of each value in new states.

Readers are scikit-learn estimators: parameters in the constructor, `fit`, `predict`, `predict_proba`, `score`,
`get_params`, a `random_state` where anything is random. In addition they read many items at once, and hold out a part
of the states given to `fit` to choose by (regularisation, temperature): the last fifth, or `validation`.

Shapes: n states, F features, r axes, K items, V values. X [n, F]; y [n] for one item or [n, K].
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..factorise import Components, varies
from ..information import best_steepness, log_softmax, true_log_prob
from ..state_store import Floats, Labels, as_labels, as_states

Number = TypeVar("Number", np.float64, np.int64)

HELD_OUT = 5
"""One state in so many is held out to choose by."""
PRIOR_WEIGHTS = (0.0, 0.5, 0.9, 0.99)
"""Weights of the frequencies beside an even guess; none is 1, for a value may come that never was."""


class Reader(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A reader of states; each kind defines `learn` and `log_proba`, and says what it is.

    num_values  V; 0: as many as y has

    meaning     a few words for `recall ls readers`
    sees_state  False for a reader that is given no state
    strong      True for one that computes what is not there in readable form: judged by its code length alone
    """

    meaning: ClassVar[str]
    sees_state: ClassVar[bool] = True
    strong: ClassVar[bool] = False
    converged_: bool

    def __init__(self, num_values: int = 0) -> None:
        self.num_values = num_values

    @abstractmethod
    def learn(self, X: Floats, y: Labels, validation: tuple[Floats, Labels]) -> None:
        """Fit to X [n, F], y [n, K]; choose by validation, others of the same shapes."""

    @abstractmethod
    def log_proba(self, X: Floats) -> Floats:
        """Natural logarithms of the probability of each value: [n, K, V]."""

    def fit(self, X: ArrayLike, y: ArrayLike, validation: tuple[ArrayLike, ArrayLike] | None = None) -> Self:
        """Fit to states whose order says nothing of their labels; the last fifth is validation where none is given.

        Raises ValueError for states and labels that do not fit together, for values that are not 0 to V - 1, for
        numbers that are not finite, and for fewer states than can be held out from.
        """
        X, y = as_states(X), as_labels(y)
        self.single_, self.n_features_in_ = y.ndim == 1, X.shape[1]
        y = y.reshape(len(y), -1)
        if len(X) != len(y):
            raise ValueError(f"{len(X):,} states and {len(y):,} rows of labels: each state needs one row of labels")
        if validation is None:
            X, y, more, labels = hold_out(X, y)
        else:
            more = as_states(validation[0])
            labels = as_labels(validation[1]).reshape(len(more), -1)
        most = int(max(y.max(), labels.max())) + 1
        self.num_values_ = self.num_values or max(2, most)
        if most > self.num_values_:
            raise ValueError(f"labels run from 0 to {self.num_values_ - 1}, not to {most - 1}")
        self.classes_ = np.arange(self.num_values_)
        self.converged_ = True
        self.learn(X, y, (more, labels))
        return self

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """Natural log-probabilities: [n, V] for one item, else [n, K, V]."""
        check_is_fitted(self)
        logs = self.log_proba(as_states(X, self.n_features_in_))
        return logs[:, 0] if self.single_ else logs

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Probabilities: [n, V] for one item, else [n, K, V]."""
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict(self, X: ArrayLike) -> Labels:
        """The likeliest values: [n] for one item, else [n, K]."""
        return np.asarray(self.predict_log_proba(X).argmax(-1))

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: Floats | None = None) -> float:
        """Accuracy over all items."""
        correct = self.predict(X) == as_labels(y)
        return float(np.average(correct.reshape(len(correct), -1).mean(1), weights=sample_weight))


class Prior(Reader):
    """Frequencies of the values, mixed with an even guess as suits the validation states best."""

    meaning = "frequencies of the values, without the state"
    sees_state = False

    def learn(self, X: Floats, y: Labels, validation: tuple[Floats, Labels]) -> None:
        self.logs_ = prior_log_proba(y, validation[1], self.num_values_)

    def log_proba(self, X: Floats) -> Floats:
        return np.broadcast_to(self.logs_, (len(X), *self.logs_.shape))


class LeadingReader(Reader):
    """A reader of the leading principal axes, for fits by steps or by products of states.

    All axes have one scale: to give each its own would give directions of noise the weight of signal.

    components  number of axes, at most
    orthogonal  X is on principal axes already (see `factorise`): the first are taken as they are
    """

    def __init__(self, num_values: int = 0, components: int = 256, orthogonal: bool = False) -> None:
        super().__init__(num_values)
        self.components, self.orthogonal = components, orthogonal

    def fit_axes(self, X: Floats) -> Floats:
        """X [n, F] on its axes, [n, r], with mean 0 and mean square 1. Raises ValueError for no axes."""
        if self.components < 1:
            raise ValueError(f"a reader takes at least 1 principal component, not {self.components}")
        varied = varies(X)
        self.axes_ = Components(self.components).fit(X) if varied and not self.orthogonal else None
        self.num_axes_ = self.components if varied else 0
        Z = self._turned(X)
        self.mean_, self.scale_ = Z.mean(0), float(Z.std()) if Z.size else 1.0
        return np.asarray((Z - self.mean_) / self.scale_)

    def on_axes(self, X: Floats) -> Floats:
        """Other states on the same axes: [n, r]; r is 0 where nothing varied."""
        return np.asarray((self._turned(X) - self.mean_) / self.scale_)

    def _turned(self, X: Floats) -> Floats:
        return (self.axes_.transform(X) if self.axes_ else X)[:, : self.num_axes_]


class SharedDecoder(Reader):
    """One reader for all items: X [n, K F] holds F numbers for each item, one item after the other.

    A row of X is a sequence, as for every reader: whatever is held out or coded portion by portion are sequences, and
    the items of one are never on both sides.

    reader  decodes an item [F]; a copy of it is fitted to n K of them
    """

    def __init__(self, reader: Reader, num_values: int = 0) -> None:
        super().__init__(num_values)
        self.reader = reader

    def learn(self, X: Floats, y: Labels, validation: tuple[Floats, Labels]) -> None:
        K = y.shape[1]
        if X.shape[1] % K:
            raise ValueError(f"{X.shape[1]:,} numbers a sequence cannot be divided evenly among {K} items")
        decoder = clone(self.reader).set_params(num_values=self.num_values_)
        more, labels = validation
        self.items_ = K
        self.decoder_ = decoder.fit(self._by_item(X), y.ravel(), (self._by_item(more), labels.ravel()))
        self.converged_ = decoder.converged_

    def log_proba(self, X: Floats) -> Floats:
        logs: Floats = self.decoder_.predict_log_proba(self._by_item(X))
        return logs.reshape(len(X), self.items_, self.num_values_)

    def _by_item(self, X: Floats) -> Floats:
        return X.reshape(len(X) * self.items_, -1)


def hold_out(X: Floats, y: NDArray[Number]) -> tuple[Floats, NDArray[Number], Floats, NDArray[Number]]:
    """States and labels, then the last fifth of both, to choose by. Raises ValueError for too few."""
    count = len(X) // HELD_OUT
    if not count:
        raise ValueError(f"a reader needs at least {HELD_OUT} states, not {len(X)}")
    return X[:-count], y[:-count], X[-count:], y[-count:]


def frequencies_of(y: Labels, V: int) -> Floats:
    """Fraction of the labels [n, K] of each item that is each value: [K, V]."""
    return np.stack([np.bincount(column, minlength=V) / len(y) for column in y.T])


def prior_log_proba(y: Labels, validation: Labels, V: int) -> Floats:
    """Log-probabilities [K, V] of values without a state, from labels y [n, K] and those to choose by."""
    frequencies = frequencies_of(y, V)
    mixed = np.log([weight * frequencies + (1 - weight) / V for weight in PRIOR_WEIGHTS])
    items = np.arange(y.shape[1])
    gained = np.stack([logs[items, validation].mean(0) for logs in mixed])
    return np.asarray(mixed[gained.argmax(0), items])


def best_candidate(scores: Floats, y: Labels, prior: Floats | None = None) -> tuple[int, float]:
    """Index and steepness of the scores with the least log-loss, of C candidates [n, C, V] for one item.

    y [n] are labels of states that no way was fitted to; prior [V], log-probabilities that scores are added to.
    """
    labels = np.repeat(y[:, None], scores.shape[1], axis=1)
    offset = np.zeros(scores.shape[1:]) if prior is None else np.broadcast_to(prior, scores.shape[1:])
    steep = best_steepness(scores, labels, offset)
    gained = true_log_prob(log_softmax(scores * steep[:, None] + offset), labels).mean(0)
    best = int(gained.argmax())
    return best, float(steep[best])


def two_columns(scores: Floats) -> Floats:
    """Scores [..., V]: of two values scikit-learn scores the second alone."""
    return np.concatenate([np.zeros_like(scores), scores], axis=-1) if scores.shape[-1] == 1 else scores
