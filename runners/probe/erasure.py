"""Concept erasure: a stored value is taken out of a state by the least change that leaves no linear reader anything.

Least-squares concept erasure (LEACE: Belrose et al. 2023, "LEACE: Perfect linear concept erasure in closed form", arXiv
2306.03819):

    r(x) = x - A B^T (x - mean),    A = D^1/2 Q,    B = D^-1/2 Q

Q is an orthonormal basis of D^-1/2 Cov(x, z). Whatever D is, the mean state of every value is the same afterwards, so
that no linear reader tells values apart in the states it was fitted to. With D = Cov(x) it is, of all affine maps that
achieve this, the one that changes states least, in every norm.

Two things are added for states that were not fitted to; docs/probing.md says how much each matters. D is shrunk towards
the variances of single numbers, D = (1 - shrinkage) Cov(x) + shrinkage Var(x), since B is the ridge reader of z and
reads noise where there are as many numbers as states. Values of other items, where known, are separated from z by least
squares: states that share a value share others by chance, and erasing would write these into the states.

A third where states are few: an erasure writes the noise of the states it was fitted to into all others, as an imprint
of the value along every axis. Where there are more axes than values of all items (n / V where other items are not
known), the weakest of them are replaced by their mean, if they hold no more than `weak` of the variance together.

Shapes: n states, F features, r axes of the training states, at most n - 1, k directions. No F x F table is made.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .factorise import STILL
from .state_store import Floats, Labels, as_labels, as_states

SHRINKAGE = 0.01
WEAK = 0.1
LEAST = 1e-7
"""Lengths below this fraction of the largest are rounding."""
SLIGHT = 1e-3
"""Directions that vary by less than this fraction of the states' size are not sampled."""
OWN_NOISE = 0.1
"""Variance of a single state, as a fraction of what other items add to it."""


class Span(NamedTuple):
    """Principal axes of the training states, shared by all that is erased from them.

    mean, scale  [F] of each number over the states; scale 1 where it is constant
    standard     [n, F] states standardised by them; 0 where constant
    U            [n, r] states on their principal axes, each of length 1
    variances    [r] on these axes
    """

    mean: Floats
    scale: Floats
    standard: Floats
    U: Floats
    variances: Floats

    @property
    def lengths(self) -> Floats:
        """Lengths [r] of the training states along each axis."""
        return np.asarray(np.sqrt(len(self.standard) * self.variances))

    def shrunk(self, shrinkage: float) -> Floats:
        """D [r]: the variances, shrunk towards their mean."""
        mean = self.variances.sum() / max(1, len(self.variances))
        return np.asarray((1 - shrinkage) * self.variances + shrinkage * mean)

    def numbers(self, directions: Floats) -> Floats:
        """Directions along the axes [r, k] as directions of standardised numbers [F, k]."""
        return np.asarray(self.standard.T @ ((self.U / self.lengths) @ directions))

    def coordinates(self, X: ArrayLike) -> Floats:
        """Coordinates [n, r] of any states along the axes; anything outside of them is left out."""
        standard = (as_states(X) - self.mean) / self.scale
        return np.asarray((standard @ self.standard.T) @ (self.U / self.lengths))


def span_of(X: ArrayLike) -> Span:
    """The span of training states [n, F]. Raises ValueError for a single one, and for numbers that are not finite."""
    X = as_states(X)
    n, F = X.shape
    if n < 2:
        raise ValueError(f"erasing is fitted to 2 or more states, not {n}")
    mean, scale = X.mean(0), X.std(0)
    varies = scale > STILL * np.abs(X).max(0)
    scale = np.where(varies, scale, 1.0)
    standard = (X - mean) / scale * varies
    if n >= F:
        U, lengths, _ = np.linalg.svd(standard, full_matrices=False)
    else:
        energies, U = np.linalg.eigh(standard @ standard.T)
        U, lengths = U[:, ::-1], np.sqrt(energies[::-1].clip(0))
    long = lengths > LEAST * lengths[0]
    return Span(mean, scale, standard, U[:, long], lengths[long] ** 2 / n)


class Eraser(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Concept erasure fitted to states [n, F] and the value of each.

    shrinkage  of the covariance, from 0 (none) to 1
    weak       variance of the axes that may be left out, as a fraction of all; 0 changes nothing but the value

    Fitted: `rank_`, directions removed, at most one fewer than there are values; A and B as `A_` and `B_` [F, k], and
    along the axes of the span `written_` and `read_` [r, k]; `kept_` [r], axes that are not weak. `changed(Z)` is the
    fraction of variance that goes.
    """

    def __init__(self, shrinkage: float = SHRINKAGE, weak: float = WEAK) -> None:
        self.shrinkage, self.weak = shrinkage, weak

    def fit(self, X: ArrayLike, z: ArrayLike, others: ArrayLike | None = None, span: Span | None = None) -> Self:
        """Fit to values z [n], or [n, K] to erase all of K items.

        others  [n, J] values of other items, independent of z, where they are known
        span    span_of(X), where it is at hand

        Raises ValueError for a shrinkage outside 0 to 1, and for states and labels that do not fit together.
        """
        if not 0 <= self.shrinkage <= 1:
            raise ValueError(f"shrinkage is a fraction from 0 to 1, not {self.shrinkage!r}")
        span, targets = span_of(X) if span is None else span, centred_one_hot(as_labels(z))
        n = len(span.standard)
        if len(targets) != n:
            raise ValueError(f"{n:,} states and {len(targets):,} rows of labels: each state needs one row of labels")
        least = n // len(np.unique(as_labels(z)))
        if others is not None:
            known = centred_one_hot(as_labels(others))
            least, targets = min(n, targets.shape[1] + known.shape[1]), without_others(targets, known)
        kept = strong_axes(span.variances, least, self.weak)
        whitened = (span.lengths / np.sqrt(span.shrunk(self.shrinkage)))[:, None] * (span.U.T @ targets)
        Q, sizes, _ = np.linalg.svd(whitened, full_matrices=False)
        Q = Q[:, sizes > LEAST * np.sqrt(n) * np.linalg.norm(targets)]
        return self._remove(Q, span, kept)

    def _remove(self, Q: Floats, span: Span, kept: NDArray[np.bool_]) -> Self:
        """Set up to remove the directions Q [r, k] of the whitened axes, and the axes that are not kept."""
        D = span.shrunk(self.shrinkage)
        self.rank_, self.span_, self.kept_ = Q.shape[1], span, kept
        self.written_, self.read_ = np.sqrt(D)[:, None] * Q, Q / np.sqrt(D)[:, None]
        self.A_ = span.numbers(self.written_) * span.scale[:, None]
        self.B_ = span.numbers(self.read_) / span.scale[:, None]
        self.mean_, self.n_features_in_ = span.mean, len(span.mean)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """States [n, F] without the value."""
        check_is_fitted(self)
        X = as_states(X, self.n_features_in_)
        if self.kept_.all():
            return np.asarray(X - ((X - self.mean_) @ self.B_) @ self.A_.T)
        left = self.along_axes(self.span_.coordinates(X)) @ self.span_.numbers(np.eye(len(self.kept_))).T
        return np.asarray(self.mean_ + self.span_.scale * left)

    def along_axes(self, Z: Floats) -> Floats:
        """The same in coordinates along the axes of the span: [n, r]."""
        return np.asarray((Z - (Z @ self.read_) @ self.written_.T) * self.kept_)

    def changed(self, Z: Floats) -> float:
        """Fraction of the variance of states Z [n, r], along the axes of the span, that is removed."""
        tiny = float(np.finfo(np.float64).tiny)
        return float(np.square(Z - self.along_axes(Z)).sum() / max(np.square(Z).sum(), tiny))


def strong_axes(variances: Floats, least: int, weak: float) -> NDArray[np.bool_]:
    """The `least` strongest axes [r], or all where the others hold more than the fraction `weak` of the variance."""
    weakest = np.argsort(variances, kind="stable")[: max(0, len(variances) - least)]
    kept = np.ones(len(variances), dtype=bool)
    kept[weakest] = variances[weakest].sum() > weak * variances.sum()
    return kept


def centred_one_hot(labels: Labels) -> Floats:
    """Labels [n] or [n, K] as one-hot columns less their means: [n, K V]."""
    columns = labels.reshape(len(labels), -1).T
    onehot = np.concatenate([column[:, None] == np.unique(column) for column in columns], axis=1)
    return np.asarray(onehot - onehot.mean(0))


def without_others(targets: Floats, others: Floats) -> Floats:
    """Targets [n, .] without their chance agreement with one-hot columns [n, .]: generalised least squares over states.

    Other items are taken to add to the states independently, so that states which share their values vary together.
    """
    covariance = others @ others.T
    noise = OWN_NOISE * np.trace(covariance) / len(covariance)
    residual = np.linalg.solve(covariance + noise * np.eye(len(covariance)), noise * targets)
    return np.asarray(residual - residual.mean(0))


def random_like(eraser: Eraser, rng: np.random.Generator) -> Eraser:
    """The control: as many random directions in which the states vary, uncorrelated with those of the eraser.

    They are sampled with the covariance of the states, so that about as much variance is removed or more (shuffled
    labels would remove far less, see docs/probing.md). Fewer directions are removed, or none, where states vary in too
    few other ways.
    """
    span, D = eraser.span_, eraser.span_.shrunk(eraser.shrinkage)
    erased = eraser.written_ / np.sqrt(D)[:, None]
    sampled = np.sqrt(span.variances)[:, None] * rng.standard_normal((len(D), eraser.rank_))
    sampled -= erased @ (erased.T @ sampled)
    Q, sizes, _ = np.linalg.svd(sampled, full_matrices=False)
    Q = Q[:, sizes > SLIGHT * np.sqrt(span.variances.sum())]
    return Eraser(eraser.shrinkage, eraser.weak)._remove(Q, span, eraser.kept_)
