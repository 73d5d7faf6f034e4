"""The one factorisation of a set of states that all readers, items, values and controls share.

States are standardised by the training rows and turned onto these rows' principal axes. In those coordinates
ridge regression is diagonal, the leading axes are the best reduction to fewer numbers, and a memory of a hundred
thousand numbers is no larger than the rows it was seen on: nothing that a linear reader of these rows could find
is lost. Where a state has more numbers than there are rows, the products of rows are factorised in place of those
of numbers, a few columns at a time, so states may stay on disk.

Shapes: n rows, F features, r axes, at most the number of training rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .columns import Columns, Floats, Table, validated

Index = NDArray[np.int64]

CHUNK = 2**22
"""Numbers of states read at once."""
LEAST = 1e-10
"""Of the largest energy: axes below carry rounding."""
STILL = 1e-5
"""Of a feature's size: one that varies by less is constant but for rounding."""


class Factored(NamedTuple):
    """States of all rows in the coordinates of the training rows.

    scores    [n, r] on the principal axes, largest first; over the training rows orthogonal, with mean 0
    energy    [r] their squared lengths over the training rows
    features  F, of which `varying` are not constant over the training rows
    """

    scores: Floats
    energy: Floats
    features: int
    varying: int

    @property
    def coordinates(self) -> Floats:
        """`scores`, or one number that is always 0 for states that never vary: readers take at least one."""
        return self.scores if self.scores.shape[1] else np.zeros((len(self.scores), 1))

    @property
    def rank(self) -> float:
        """Effective rank: the exponential of the entropy of the shares of energy (Roy and Vetterli 2007)."""
        share = self.energy / self.energy.sum() if len(self.energy) else np.ones(1)
        return float(np.exp(-(share * np.log(share)).sum()))

    def reduced(self, dimension: int) -> Factored:
        """The leading axes alone."""
        return self._replace(scores=self.scores[:, :dimension], energy=self.energy[:dimension])


def factorise(states: Columns, train: Index) -> Factored:
    """Solved in float64. States that never vary have no axis, and a reader is left with what is usual."""
    n, F = states.shape
    rows = len(train)
    rest = np.setdiff1d(np.arange(n), train)
    varying = 0
    small: list[Floats] = []
    kernel = np.zeros((n, rows))
    for A, _ in _standardised(states, train):
        varying += A.shape[1]
        if rows < F:
            kernel += A @ A[train].T
        else:
            small.append(A)
    if not varying:
        return Factored(np.zeros((n, 0)), np.zeros(0), F, 0)
    if rows < F:
        energy, U = _axes(kernel[train])
        scores = np.empty((n, len(energy)))
        scores[train] = U * np.sqrt(energy)
        scores[rest] = kernel[rest] @ U / np.sqrt(energy)
        return Factored(scores, energy, F, varying)
    A = np.concatenate(small, axis=1)
    energy, U = _axes(A[train].T @ A[train])
    return Factored(A @ U, energy, F, varying)


def _axes(gram: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues, largest first, above rounding, and their vectors as columns."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > LEAST * values[-1]
    return values[kept][::-1], vectors[:, kept][:, ::-1]


def _standardised(
    states: Columns, train: Index, scaled: bool = True
) -> Iterator[tuple[Floats, tuple[Index, Floats, Floats]]]:
    """Some columns after the other, those that vary, with which they are, their means and scales."""
    n, F = states.shape
    step = max(1, CHUNK // n)
    for start in range(0, F, step):
        A = np.asarray(states.columns(start, min(F, start + step)), np.float64)
        mean, scale = A[train].mean(0), A[train].std(0)
        which = np.flatnonzero(scale > STILL * np.abs(A[train]).max(0))
        mean, scale = mean[which], scale[which] if scaled else np.ones(len(which))
        yield (A[:, which] - mean) / scale, (start + which, mean, scale)


def varies(X: NDArray[np.floating]) -> bool:
    """Whether any number of these states [n, F] differs between rows by more than rounding."""
    return bool((X.std(0) > STILL * np.abs(X).max(0)).any())


class Components(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The same as a scikit-learn transformer: fit on training states [n, F], transform any.

    dimension    leading axes that are kept; None: all of them
    standardise  divide each number by its spread first; scores on other axes have one scale already, and must not be
    """

    def __init__(self, dimension: int | None = None, standardise: bool = True) -> None:
        self.dimension, self.standardise = dimension, standardise

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Raises ValueError for states of which no number varies, or that are no numbers."""
        if self.dimension is not None and self.dimension < 1:
            raise ValueError(f"states are reduced to at least 1 component, not {self.dimension}")
        table = Table(validated(X))
        every = np.arange(table.shape[0])
        parts = list(_standardised(table, every, self.standardise))
        A = np.concatenate([part for part, _ in parts], axis=1)
        self.which_, self.mean_, self.scale_ = (np.concatenate([kept[i] for _, kept in parts]) for i in range(3))
        if not A.shape[1]:
            raise ValueError(f"none of the {table.shape[1]:,} numbers of these states varies: there is nothing to read")
        dual = len(A) < A.shape[1]
        self.energy_, U = _axes(A @ A.T if dual else A.T @ A)
        axes = A.T @ U / np.sqrt(self.energy_) if dual else U
        self.axes_, self.energy_ = axes[:, : self.dimension], self.energy_[: self.dimension]
        self.n_features_in_ = table.shape[1]
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """[n, r]."""
        check_is_fitted(self)
        found = validated(X)
        if found.shape[1] != self.n_features_in_:
            raise ValueError(f"fitted to states of {self.n_features_in_:,} numbers, not {found.shape[1]:,}")
        A = (found[:, self.which_] - self.mean_) / self.scale_
        return np.asarray(A @ self.axes_)
