"""The contract of a reader: fitted on frozen states and what was stored, it says what is stored in states never seen.

Readers are scikit-learn estimators: parameters in the constructor, `fit`, `predict`, `predict_proba`, `score`,
`get_params`, a `random_state` where anything is drawn. What they add is that many items are read at once, and that
a part of the rows given to `fit` is held out to choose by (regularisation, temperature): the last fifth, or the
rows that are given for it.

Shapes: n rows, F features, K items, V values. X [n, F]; y [n] for one item or [n, K].
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ..columns import validated

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

HELD_OUT = 5
"""One row in so many is held out to choose by."""


class Reader(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What all readers share. Those below say `learn` and `log_proba`.

    num_values  V; 0: as many as y says

    meaning    a few words for `recall probe --readers` and `recall ls readers`
    sees_state  False of a reader that is given no state
    strong     computes what no other part of a model could read: judged by its code length alone
    """

    meaning: ClassVar[str]
    sees_state: ClassVar[bool] = True
    strong: ClassVar[bool] = False

    converged_: bool

    def __init__(self, num_values: int = 0) -> None:
        self.num_values = num_values

    @abstractmethod
    def learn(self, X: Floats, y: Labels, chosen_by: tuple[Floats, Labels]) -> None:
        """Fit to X [n, F], y [n, K]; choose what is to be chosen by other rows of the same shapes."""

    @abstractmethod
    def log_proba(self, X: Floats) -> Floats:
        """Natural logarithms of the probability of each value: [n, K, V]."""

    def fit(self, X: ArrayLike, y: ArrayLike, validation: tuple[ArrayLike, ArrayLike] | None = None) -> Self:
        """Rows come in no order that their labels follow: the last fifth is held out where no others are given.

        Raises ValueError for rows that do not fit together, for values that are not 0 to V - 1, for numbers that
        are not finite, and for fewer rows than can be held out from."""
        X, y = validated(X), values(y)
        self.single_, self.n_features_in_ = y.ndim == 1, X.shape[1]
        y = y.reshape(len(y), -1)
        if len(X) != len(y):
            raise ValueError(f"{len(X):,} states and {len(y):,} rows of labels: one row of labels for each state")
        if validation is None:
            out = len(X) // HELD_OUT
            if not out:
                raise ValueError(f"a reader needs at least {HELD_OUT} states, not {len(X)}")
            chosen_by = X[-out:], y[-out:]
            X, y = X[:-out], y[:-out]
        else:
            chosen_by = validated(validation[0]), values(validation[1]).reshape(len(validated(validation[0])), -1)
        most = int(max(y.max(), chosen_by[1].max())) + 1
        self.num_values_ = self.num_values or max(2, most)
        if most > self.num_values_:
            raise ValueError(f"labels run from 0 to {self.num_values_ - 1}, not to {most - 1}")
        self.classes_ = np.arange(self.num_values_)
        self.converged_ = True
        self.learn(X, y, chosen_by)
        return self

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """[n, V] for one item, else [n, K, V]; natural logarithms."""
        check_is_fitted(self)
        found = validated(X)
        if found.shape[1] != self.n_features_in_:
            raise ValueError(f"fitted to states of {self.n_features_in_:,} numbers, not {found.shape[1]:,}")
        logs = self.log_proba(found)
        return logs[:, 0] if self.single_ else logs

    def predict_proba(self, X: ArrayLike) -> Floats:
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict(self, X: ArrayLike) -> Labels:
        """The likeliest values: [n] for one item, else [n, K]."""
        return np.asarray(self.predict_log_proba(X).argmax(-1))

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: Floats | None = None) -> float:
        """Accuracy, over all items."""
        right = self.predict(X) == values(y)
        return float(np.average(right.reshape(len(right), -1).mean(1), weights=sample_weight))


def values(y: ArrayLike) -> Labels:
    """As whole numbers [n] or [n, K]. Raises ValueError where they are not."""
    found = np.asarray(y)
    if found.dtype.kind in "bf" and (found == np.round(found)).all():
        found = found.astype(np.int64)
    if found.ndim not in (1, 2) or not found.size or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"labels are whole numbers [rows] or [rows, items], not {found.dtype} {list(found.shape)}")
    if found.min() < 0:
        raise ValueError(f"labels are values counted from 0, not {found.min()}")
    return found.astype(np.int64)
