"""Taking a stored value out of a state with the least change: least-squares concept erasure (LEACE: Belrose et al.
2023, "LEACE: Perfect linear concept erasure in closed form", arXiv 2306.03819).

    r(x) = x - A B^T (x - mean),    A = D^1/2 Q,    B = D^-1/2 Q

Q is an orthonormal basis of D^-1/2 Cov(x, y). Whatever D is, the mean state of every value is the same afterwards, and
with it all that a linear reader could tell values by, on the rows it was fitted to. With D = Cov(x) it is, of all
affine maps that achieve this, the one that changes states least, in every norm that they are measured in.

Fresh rows are another matter. B is the ridge reader of y, and where there are as many numbers as rows, it is a reader
of these rows' noise. So D is shrunk a little towards the variances of single numbers, D = (1 - shrinkage) Cov(x) +
shrinkage Var(x). Of 200 noisy numbers and 201 rows, erasing without it takes 7.5 times the variance of fresh states and
readers of another item fall from .97 to .68; at .01 it takes .11 of it and they stay. With more it is weaker: what
readers find of the item itself, .99 before, is .42 after shrinking by .01 and .52 by .1. At 1, with numbers of equal
variance, what is erased are the directions of the means.

A is the second doubt. Means over rows that share a value share other things by chance, and what is subtracted
writes these into the states, where a reader of fresh rows finds the value again. Where the other items' values are
known (`given`), they are told apart by least squares. Of 16 items of 8 values in 1,024 numbers that add up, a ridge
reader fitted to fresh states finds .33 of the erased values of 768 rows without that, with it .14; chance is .125.
Then means agree but for what the other items' chance agreements explain.

Shapes: n rows, F features, r axes of the training rows, at most n - 1, k directions. No F x F table is made.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from .columns import validated
from .factorise import STILL
from .readers.reader import Floats, values

SHRINKAGE = 0.01
LEAST = 1e-7
"""Of the largest: lesser lengths are rounding."""
SLIGHT = 1e-3
"""Of the states' size: what varies less is no direction to draw."""
ALONE = 0.1
"""Of what other items add to a state, what is taken to be the row's own."""
"""Of a number's size: one that varies by less is constant but for rounding, and stays as it is."""


class Span(NamedTuple):
    """Training rows factorised: what all that is erased from one set of states shares.

    mean, scale  [F] of each number over the rows; scale 1 where it is constant
    rows         [n, F] standardised by them; 0 where constant
    U            [n, r] the rows on their principal axes, each of length 1
    variances    [r] on these axes
    """

    mean: Floats
    scale: Floats
    rows: Floats
    U: Floats
    variances: Floats

    @property
    def lengths(self) -> Floats:
        """[r] of the training rows along each axis."""
        return np.asarray(np.sqrt(len(self.rows) * self.variances))

    def shrunk(self, shrinkage: float) -> Floats:
        """D [r]: the variances, as much nearer to their mean."""
        mean = self.variances.sum() / max(1, len(self.variances))
        return np.asarray((1 - shrinkage) * self.variances + shrinkage * mean)

    def numbers(self, directions: Floats) -> Floats:
        """Directions along the axes [r, k] as directions of standardised numbers [F, k]."""
        return np.asarray(self.rows.T @ ((self.U / self.lengths) @ directions))

    def coordinates(self, X: ArrayLike) -> Floats:
        """[n, r] of any states along the axes; what lies outside of them is left out."""
        standard = (validated(X) - self.mean) / self.scale
        return np.asarray((standard @ self.rows.T) @ (self.U / self.lengths))


def spanned(X: ArrayLike) -> Span:
    """Raises ValueError for a single row, and for numbers that are not finite."""
    X = validated(X)
    n, F = X.shape
    if n < 2:
        raise ValueError(f"erasing is fitted to 2 or more states, not {n}")
    mean, scale = X.mean(0), X.std(0)
    varies = scale > STILL * np.abs(X).max(0)
    scale = np.where(varies, scale, 1.0)
    rows = (X - mean) / scale * varies
    if n >= F:
        U, lengths, _ = np.linalg.svd(rows, full_matrices=False)
    else:
        energies, U = np.linalg.eigh(rows @ rows.T)
        U, lengths = U[:, ::-1], np.sqrt(energies[::-1].clip(0))
    kept = lengths > LEAST * lengths[0]
    return Span(mean, scale, rows, U[:, kept], lengths[kept] ** 2 / n)


class Eraser(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Fitted to states [n, F] and the value that each holds, takes it out of any states.

    shrinkage  of the covariance, from 0, none, to 1

    Fitted: `rank_`, directions removed, at most one fewer than there are values; A and B as `A_` and `B_` [F, k], and
    along the axes of the span `written_` and `read_` [r, k].
    """

    def __init__(self, shrinkage: float = SHRINKAGE) -> None:
        self.shrinkage = shrinkage

    def fit(self, X: ArrayLike, y: ArrayLike, given: ArrayLike | None = None, span: Span | None = None) -> Self:
        """y [n], or [n, K] to erase all of K items.

        given  [n, J] what else the states hold, where that is known: other items, drawn independently of y
        span   spanned(X), where it is at hand

        Raises ValueError for a shrinkage that is none, and for rows that do not fit together.
        """
        if not 0 <= self.shrinkage <= 1:
            raise ValueError(f"shrinkage is a share from 0 to 1, not {self.shrinkage!r}")
        span, targets = spanned(X) if span is None else span, centred(values(y))
        n = len(span.rows)
        if len(targets) != n:
            raise ValueError(f"{n:,} states and {len(targets):,} rows of labels: one row of labels for each state")
        if given is not None:
            targets = apart(targets, values(given))
        D = span.shrunk(self.shrinkage)
        whitened = (span.lengths / np.sqrt(D))[:, None] * (span.U.T @ targets)
        Q, sizes, _ = np.linalg.svd(whitened, full_matrices=False)
        Q = Q[:, sizes > LEAST * np.sqrt(n) * np.linalg.norm(targets)]
        return self._removing(Q, span)

    def _removing(self, Q: Floats, span: Span) -> Self:
        """The directions Q [r, k] of the whitened axes."""
        D = span.shrunk(self.shrinkage)
        self.rank_, self.span_ = Q.shape[1], span
        self.written_, self.read_ = np.sqrt(D)[:, None] * Q, Q / np.sqrt(D)[:, None]
        self.A_ = span.numbers(self.written_) * span.scale[:, None]
        self.B_ = span.numbers(self.read_) / span.scale[:, None]
        self.mean_, self.n_features_in_ = span.mean, len(span.mean)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """[n, F] without the value."""
        if not hasattr(self, "A_"):
            raise ValueError("Eraser is not fitted yet: call fit first")
        found = validated(X)
        if found.shape[1] != self.n_features_in_:
            raise ValueError(f"fitted to states of {self.n_features_in_:,} numbers, not {found.shape[1]:,}")
        return np.asarray(found - ((found - self.mean_) @ self.B_) @ self.A_.T)

    def along_axes(self, Z: Floats) -> Floats:
        """The same in coordinates along the axes of the span: [n, r]."""
        return np.asarray(Z - (Z @ self.read_) @ self.written_.T)


def centred(labels: NDArray[np.int64]) -> Floats:
    """[n] or [n, K] as one-hot columns less their means: [n, K V]."""
    columns = labels.reshape(len(labels), -1).T
    onehot = np.concatenate([column[:, None] == np.unique(column) for column in columns], axis=1)
    return np.asarray(onehot - onehot.mean(0))


def apart(targets: Floats, given: NDArray[np.int64]) -> Floats:
    """Targets [n, .] less what the labels [n, J] agree with them by chance: generalised least squares over rows.

    Of rows in which other items add to the states independently, so that rows which share their values vary together.
    """
    others = centred(given)
    together = others @ others.T
    noise = ALONE * np.trace(together) / len(together)
    found = np.linalg.solve(together + noise * np.eye(len(together)), noise * targets)
    return np.asarray(found - found.mean(0))


def random_like(eraser: Eraser, rng: np.random.Generator) -> Eraser:
    """The control: as many directions in which the states vary, drawn at random, uncorrelated with those of the eraser.

    They are drawn with the covariance of the states, so that about as much is removed or more. Erasing labels dealt to
    the wrong rows is no control: their directions are even over all axes, most of which hardly vary, and of states of
    a small trained attention .025 of the variance went where .25 went with a value. Fewer directions are removed, or
    none, where states vary in too few other ways.
    """
    span, D = eraser.span_, eraser.span_.shrunk(eraser.shrinkage)
    taken = eraser.written_ / np.sqrt(D)[:, None]
    drawn = np.sqrt(span.variances)[:, None] * rng.standard_normal((len(D), eraser.rank_))
    drawn -= taken @ (taken.T @ drawn)
    Q, sizes, _ = np.linalg.svd(drawn, full_matrices=False)
    Q = Q[:, sizes > SLIGHT * np.sqrt(span.variances.sum())]
    return Eraser(eraser.shrinkage)._removing(Q, span)
