"""Ridge regression: closed form, one factorisation for every item and value at once.

On principal axes of energies e the weights of targets Y are diag(1 / (e + alpha)) Z^T Y, for every alpha. Each item
takes the alpha that errs least on the rows held out.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..columns import validated
from ..factorise import Components, varies
from ..information import doubted, log_softmax, sharpened
from .prior import usual
from .reader import HELD_OUT, Floats, Labels, Reader

ALPHAS = tuple(10.0**power for power in range(-5, 4))
"""Of the mean energy of an axis."""
AT_ONCE = 2**24
"""Numbers of guesses held at once."""


class Ridge(Reader):
    """Regresses one-hot values; the guesses, as steep as the held-out rows allow, are added to what is usual (`Prior`)
    and read as logits.

    alphas      strengths to choose from, over the mean energy of an axis
    orthogonal  X is on principal axes already (see `factorise`): it is not standardised again, and factorised again
                only where these rows are not all that the axes were found on
    """

    meaning = "ridge regression: layers, contents and times, with controls"

    def __init__(self, num_values: int = 0, alphas: tuple[float, ...] = ALPHAS, orthogonal: bool = False) -> None:
        super().__init__(num_values)
        self.alphas, self.orthogonal = alphas, orthogonal

    def learn(self, X: Floats, y: Labels, chosen_by: tuple[Floats, Labels]) -> None:
        V = self.num_values_
        Z, Zv = self._placed(X, chosen_by[0])
        often = np.stack([np.bincount(column, minlength=V) / len(y) for column in y.T])
        self.usual_ = usual(y, chosen_by[1], V)
        K, axes = y.shape[1], Z.shape[1]
        self.weights_, self.alpha_, self.steep_ = np.empty((axes, K, V)), np.empty(K), np.empty(K)
        step = max(1, AT_ONCE // (max(len(Zv), axes) * V))
        for first in range(0, K, step):
            some = slice(first, first + step)
            targets = onehot(y[:, some], V) - often[some]
            aims = onehot(chosen_by[1][:, some], V) - often[some]
            self.weights_[:, some], self.alpha_[some] = solved(Z, targets, Zv, aims, self.alphas)
            self.steep_[some] = sharpened(self._guesses(Zv, some), chosen_by[1][:, some], self.usual_[some])
        self.rows_ = len(Zv)

    def log_proba(self, X: Floats) -> Floats:
        Z = self.axes_.transform(X) if self.axes_ else X if self.varies_ else X[:, :0]
        K, V = self.usual_.shape
        step = max(1, AT_ONCE // (len(Z) * V))
        parts = [slice(first, first + step) for first in range(0, K, step)]
        logs = [log_softmax(self._guesses(Z, some) * self.steep_[some, None] + self.usual_[some]) for some in parts]
        return doubted(np.concatenate(logs, axis=1), self.rows_)

    def _placed(self, X: Floats, more: Floats) -> tuple[Floats, Floats]:
        """Both on the principal axes of the first."""
        self.axes_: Components | None = None
        self.varies_ = varies(X)
        if not self.varies_:
            return X[:, :0], more[:, :0]  # what is usual is all there is to say
        if self.orthogonal and is_orthogonal(X):
            return X, more
        self.axes_ = Components(standardise=not self.orthogonal).fit(X)
        return self.axes_.transform(X), self.axes_.transform(more)

    def _guesses(self, Z: Floats, some: slice) -> Floats:
        """What each value of some items is given beyond how often it comes: [n, items, V]."""
        return np.asarray(np.tensordot(Z, self.weights_[:, some], 1))


class Levels(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The same for numbers, such as the levels of a signal: y [n, K] or [n]; `score` is the variance explained."""

    def __init__(self, alphas: tuple[float, ...] = ALPHAS, orthogonal: bool = False) -> None:
        self.alphas, self.orthogonal = alphas, orthogonal

    def fit(self, X: ArrayLike, y: ArrayLike, validation: tuple[ArrayLike, ArrayLike] | None = None) -> Self:
        """The last fifth of the rows is held out to choose by, or the rows that are given for it."""
        Z, aims = validated(X), np.asarray(y, np.float64)
        if len(Z) != len(aims) or len(Z) < HELD_OUT:
            raise ValueError(f"{len(Z):,} states, {len(aims):,} rows of numbers: as many of both, {HELD_OUT} at least")
        self.single_ = aims.ndim == 1
        aims = aims.reshape(len(aims), -1)
        if validation is None:
            out = max(1, len(Z) // HELD_OUT)
            Z, more, aims, chosen_by = Z[:-out], Z[-out:], aims[:-out], aims[-out:]
        else:
            more, chosen_by = validated(validation[0]), np.asarray(validation[1], np.float64).reshape(-1, aims.shape[1])
        self.axes_ = None if self.orthogonal else Components().fit(Z)
        Z, more = (Z, more) if self.axes_ is None else (self.axes_.transform(Z), self.axes_.transform(more))
        self.mean_ = aims.mean(0)
        weights, self.alpha_ = solved(
            Z, (aims - self.mean_)[..., None], more, (chosen_by - self.mean_)[..., None], self.alphas
        )
        self.weights_ = weights[..., 0]
        return self

    def predict(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        Z = validated(X) if self.axes_ is None else self.axes_.transform(X)
        found = Z @ self.weights_ + self.mean_
        return np.asarray(found[:, 0] if self.single_ else found)


def is_orthogonal(Z: Floats) -> bool:
    """Whether the columns [n, r] are centred and orthogonal but for rounding: seen on one vector, not on all pairs."""
    v = np.cos(np.arange(1, Z.shape[1] + 1))
    energy = np.square(Z).sum(0)
    wrong = Z.T @ (Z @ v) - energy * v
    return bool(np.abs(wrong).max() <= 1e-6 * energy.max() and np.abs(Z.mean(0)).max() <= 1e-6 * np.abs(Z).max())


def onehot(y: Labels, V: int) -> Floats:
    """[n, K] -> [n, K, V]."""
    return np.asarray((y[..., None] == np.arange(V)).astype(np.float64))


def solved(Z: Floats, targets: Floats, more: Floats, aims: Floats, alphas: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Weights [r, K, V] for targets [n, K, V] on axes Z [n, r], and the alpha of each item [K].

    `more` and `aims` are the rows that choose. Alphas are over the mean energy of an axis.
    """
    (n, K, V), axes = targets.shape, Z.shape[1]
    energy = np.square(Z).sum(0)
    both = Z.T @ targets.reshape(n, -1)
    best, errors = np.zeros((axes, K, V)), np.full(K, np.inf)
    chosen = np.full(K, np.inf)
    flat = aims.reshape(len(aims), -1)
    for alpha in alphas if energy.any() else ():
        shrunk = both / (energy + alpha * energy.mean())[:, None]
        wrong = np.square(more @ shrunk - flat).reshape(len(aims), K, V).mean((0, 2))
        better = wrong < errors
        best[:, better] = shrunk.reshape(axes, K, V)[:, better]
        errors, chosen = np.where(better, wrong, errors), np.where(better, alpha, chosen)
    return best, chosen
