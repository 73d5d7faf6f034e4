"""Principal axes of a set of states: one factorisation for all readers, items, values and controls.

States are standardised by the training states and turned onto the principal axes of these. There ridge regression is
diagonal, the leading axes are the best reduction to fewer numbers, and nothing that a linear reader could find is
lost. Where a state has more numbers than there are states, products of states are factorised instead of
products of numbers, a few columns at a time, so states may stay on disk.

Shapes: n states, F features, r axes, at most the number of training states.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .state_store import Columns, Floats, Table, as_states

Index = NDArray[np.int64]

CHUNK = 2**22
"""Numbers of states that are read at once."""
LEAST = 1e-10
"""Of the largest energy: axes below carry rounding."""
STILL = 1e-5
"""Of a feature's size: one that varies by less is constant but for rounding."""


class Factors(NamedTuple):
    """All states in the coordinates of the training states.

    scores    [n, r] on the principal axes, largest first; over the training states orthogonal, with mean 0
    energy    [r] their squared lengths over the training states
    features  F, of which `varying` are not constant over the training states
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
        """Effective rank: the exponential of the entropy of the energy distribution (Roy and Vetterli 2007)."""
        fractions = self.energy / self.energy.sum() if len(self.energy) else np.ones(1)
        return float(np.exp(-(fractions * np.log(fractions)).sum()))

    def reduced(self, dimension: int) -> Factors:
        """The leading axes alone."""
        return self._replace(scores=self.scores[:, :dimension], energy=self.energy[:dimension])


def factorise(states: Columns, train: Index) -> Factors:
    """Factorise states in float64; those that never vary have no axis, and leave a reader with value frequencies."""
    (n, F), fitted = states.shape, len(train)
    rest, varying = np.setdiff1d(np.arange(n), train), 0
    small, kernel = list[Floats](), np.zeros((n, fitted))
    for A, _ in _standardised(states, train):
        varying += A.shape[1]
        if fitted < F:
            kernel += A @ A[train].T
        else:
            small.append(A)
    if not varying:
        return Factors(np.zeros((n, 0)), np.zeros(0), F, 0)
    if fitted < F:
        energy, U = _axes(kernel[train])
        scores = np.empty((n, len(energy)))
        scores[train] = U * np.sqrt(energy)
        scores[rest] = kernel[rest] @ U / np.sqrt(energy)
        return Factors(scores, energy, F, varying)
    A = np.concatenate(small, axis=1)
    energy, U = _axes(A[train].T @ A[train])
    return Factors(A @ U, energy, F, varying)


def _axes(gram: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues, largest first, above rounding, and their vectors as columns."""
    values, vectors = np.linalg.eigh(gram)
    large = values > LEAST * values[-1]
    return values[large][::-1], vectors[:, large][:, ::-1]


def _standardised(
    states: Columns, train: Index, scaled: bool = True
) -> Iterator[tuple[Floats, tuple[Index, Floats, Floats]]]:
    """Columns that vary, some at a time, with their indices, means and scales."""
    n, F = states.shape
    step = max(1, CHUNK // n)
    for start in range(0, F, step):
        A = np.asarray(states.columns(start, min(F, start + step)), np.float64)
        mean, scale = A[train].mean(0), A[train].std(0)
        varying = np.flatnonzero(scale > STILL * np.abs(A[train]).max(0))
        mean, scale = mean[varying], scale[varying] if scaled else np.ones(len(varying))
        yield (A[:, varying] - mean) / scale, (start + varying, mean, scale)


def varies(X: NDArray[np.floating]) -> bool:
    """True if any number of these states [n, F] differs between them by more than rounding."""
    return bool((X.std(0) > STILL * np.abs(X).max(0)).any())


class Components(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Principal axes as a scikit-learn transformer: fit on training states [n, F], transform any.

    dimension    number of leading axes; None: all of them
    standardise  divide each number by its spread first; scores on other axes have one scale already, and must not be
    """

    def __init__(self, dimension: int | None = None, standardise: bool = True) -> None:
        self.dimension, self.standardise = dimension, standardise

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Raises ValueError for states of which no number varies, or that are not numbers."""
        if self.dimension is not None and self.dimension < 1:
            raise ValueError(f"states are reduced to at least 1 component, not {self.dimension}")
        table = Table(as_states(X))
        parts = list(_standardised(table, np.arange(table.shape[0]), self.standardise))
        A = np.concatenate([part for part, _ in parts], axis=1)
        self.which_, self.mean_, self.scale_ = (np.concatenate([one[i] for _, one in parts]) for i in range(3))
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
        A = as_states(X, self.n_features_in_)
        A = (A[:, self.which_] - self.mean_) / self.scale_
        return np.asarray(A @ self.axes_)
