"""Ridge regression in closed form, with one factorisation for all items and values.

On principal axes of energies e the weights of targets Y are diag(1 / (e + alpha)) Z^T Y, for every alpha. Each item
takes the alpha with the least error on the validation states.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..factorise import Components, varies
from ..information import add_doubt, best_steepness, log_softmax
from ..state_store import Floats, Labels, as_states
from .reader import HELD_OUT, Reader, frequencies_of, hold_out, prior_log_proba

ALPHAS = tuple(10.0**power for power in range(-5, 4))
"""Strengths, as multiples of the mean energy of an axis."""
AT_ONCE = 2**24
"""Scores in memory at once."""


class Ridge(Reader):
    """Regression of one-hot values; scores, as steep as validation allows, are added to the `Prior` and read as logits.

    alphas      strengths to choose from, over the mean energy of an axis
    orthogonal  X is on principal axes already (see `factorise`): it is not standardised again, and factorised again
                only where these states are not all that the axes were found on
    """

    meaning = "ridge regression: layers, contents and times, with controls"

    def __init__(self, num_values: int = 0, alphas: tuple[float, ...] = ALPHAS, orthogonal: bool = False) -> None:
        super().__init__(num_values)
        self.alphas, self.orthogonal = alphas, orthogonal

    def learn(self, X: Floats, y: Labels, validation: tuple[Floats, Labels]) -> None:
        V = self.num_values_
        Z, Zv = self._on_axes(X, validation[0])
        labels = validation[1]
        frequencies = frequencies_of(y, V)
        self.prior_ = prior_log_proba(y, labels, V)
        K, axes = y.shape[1], Z.shape[1]
        self.weights_, self.alpha_, self.steep_ = np.empty((axes, K, V)), np.empty(K), np.empty(K)
        step = max(1, AT_ONCE // (max(len(Zv), axes) * V))
        for first in range(0, K, step):
            some = slice(first, first + step)
            targets = one_hot(y[:, some], V) - frequencies[some]
            aims = one_hot(labels[:, some], V) - frequencies[some]
            self.weights_[:, some], self.alpha_[some] = solve_ridge(Z, targets, Zv, aims, self.alphas)
            self.steep_[some] = best_steepness(self._scores(Zv, some), labels[:, some], self.prior_[some])
        self.count_ = len(Zv)

    def log_proba(self, X: Floats) -> Floats:
        Z = self.axes_.transform(X) if self.axes_ else X if self.varies_ else X[:, :0]
        K, V = self.prior_.shape
        step = max(1, AT_ONCE // (len(Z) * V))
        parts = [slice(first, first + step) for first in range(0, K, step)]
        logs = [log_softmax(self._scores(Z, some) * self.steep_[some, None] + self.prior_[some]) for some in parts]
        return add_doubt(np.concatenate(logs, axis=1), self.count_)

    def _on_axes(self, X: Floats, more: Floats) -> tuple[Floats, Floats]:
        """Both on the principal axes of the first."""
        self.axes_: Components | None = None
        self.varies_ = varies(X)
        if not self.varies_:
            return X[:, :0], more[:, :0]  # the prior is all that is left
        if self.orthogonal and is_orthogonal(X):
            return X, more
        self.axes_ = Components(standardise=not self.orthogonal).fit(X)
        return self.axes_.transform(X), self.axes_.transform(more)

    def _scores(self, Z: Floats, some: slice) -> Floats:
        """Scores of each value of some items, beyond its frequency: [n, items, V]."""
        return np.asarray(np.tensordot(Z, self.weights_[:, some], 1))


class Levels(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge regression of numbers, such as levels of a signal: y [n, K] or [n]; `score` is the variance explained."""

    def __init__(self, alphas: tuple[float, ...] = ALPHAS, orthogonal: bool = False) -> None:
        self.alphas, self.orthogonal = alphas, orthogonal

    def fit(self, X: ArrayLike, y: ArrayLike, validation: tuple[ArrayLike, ArrayLike] | None = None) -> Self:
        """Fit as `Reader.fit` does: the last fifth of the states is validation where none is given."""
        Z, aims = as_states(X), np.asarray(y, np.float64)
        if len(Z) != len(aims) or len(Z) < HELD_OUT:
            raise ValueError(f"{len(Z):,} states and {len(aims):,} rows of numbers: give {HELD_OUT} or more of both")
        self.single_ = aims.ndim == 1
        aims = aims.reshape(len(aims), -1)
        if validation is None:
            Z, aims, more, other = hold_out(Z, aims)
        else:
            more, other = as_states(validation[0]), np.asarray(validation[1], np.float64).reshape(-1, aims.shape[1])
        self.axes_ = None if self.orthogonal else Components().fit(Z)
        Z, more = (Z, more) if self.axes_ is None else (self.axes_.transform(Z), self.axes_.transform(more))
        self.mean_ = aims.mean(0)
        targets, other = (aims - self.mean_)[..., None], (other - self.mean_)[..., None]
        weights, self.alpha_ = solve_ridge(Z, targets, more, other, self.alphas)
        self.weights_ = weights[..., 0]
        return self

    def predict(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        Z = as_states(X) if self.axes_ is None else self.axes_.transform(X)
        numbers = Z @ self.weights_ + self.mean_
        return np.asarray(numbers[:, 0] if self.single_ else numbers)


def is_orthogonal(Z: Floats) -> bool:
    """True if the columns [n, r] are centred and orthogonal but for rounding, tested on one vector, not all pairs."""
    v = np.cos(np.arange(1, Z.shape[1] + 1))
    energy = np.square(Z).sum(0)
    wrong = Z.T @ (Z @ v) - energy * v
    return bool(np.abs(wrong).max() <= 1e-6 * energy.max() and np.abs(Z.mean(0)).max() <= 1e-6 * np.abs(Z).max())


def one_hot(y: Labels, V: int) -> Floats:
    """One-hot labels: [n, K] -> [n, K, V]."""
    return np.asarray((y[..., None] == np.arange(V)).astype(np.float64))


def solve_ridge(
    Z: Floats, targets: Floats, more: Floats, aims: Floats, alphas: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Weights [r, K, V] for targets [n, K, V] on axes Z [n, r], and the alpha of each item [K].

    `more` and `aims` are those to choose by. Alphas are multiples of the mean energy of an axis.
    """
    (n, K, V), axes = targets.shape, Z.shape[1]
    energy = np.square(Z).sum(0)
    both = Z.T @ targets.reshape(n, -1)
    best, errors = np.zeros((axes, K, V)), np.full(K, np.inf)
    strengths = np.full(K, np.inf)
    flat = aims.reshape(len(aims), -1)
    for alpha in alphas if energy.any() else ():
        shrunk = both / (energy + alpha * energy.mean())[:, None]
        wrong = np.square(more @ shrunk - flat).reshape(len(aims), K, V).mean((0, 2))
        better = wrong < errors
        best[:, better] = shrunk.reshape(axes, K, V)[:, better]
        errors, strengths = np.where(better, wrong, errors), np.where(better, alpha, strengths)
    return best, strengths
