"""Bits that a reader can use, and online code length.

Usable bits are V-information (Xu et al. 2020, "A Theory of Usable Information Under Computational Constraints", arXiv
2002.10689):

    I_V(S -> Y) = H_V(Y) - H_V(Y | S)

H_V(Y | S) is the log-loss, on test sequences, of the best reader of a family V that is given the state, H_V(Y) that of
the best one that is not. What is measured on fresh sequences is, but for chance, no more than is there: a reader that
is too weak, too sure or fitted on too little loses bits. So bits are "at least", and only a lower bound bounds what is
there: of a signal in 64 numbers worth .38 (1.30, 2.19) bits, ridge finds .19 (1.04, 1.99) with 1,280 sequences and .30
(1.22, 2.14) with 5,120; the lower bound held in all of 60 draws each, the whole interval in .00 to .77. Bits about
items of independent values add up.

Online code length (minimum description length: Voita and Titov 2020, "Information-Theoretic Probing with Minimum
Description Length", arXiv 2003.12298): labels are sent portion by portion, the first at log2 V bits a label, each of
the others by the probabilities of a reader fitted on all before it. A reader that is right only after many sequences,
since it computes what a state does not say, pays for those: readers of any strength can be compared.

Shapes: n sequences, F features, K items, V values; log-probabilities are natural, bits are base 2.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone

from .state_store import Floats, Labels, as_labels, as_states

STEEPEST = 2.0**12
HALVINGS = 20
SUREST = -30.0
"""Log-probability of a value that was ruled out, at least."""
BETWEEN = 1.959964
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""
PORTIONS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.25, 12.5, 25.0, 50.0, 100.0)
"""Percent of the sequences after which a reader is fitted anew, as in the source."""
LEAST = 40
"""Sequences before the first reader, of which it holds out a fifth: with fewer than 8 to choose by, it is too sure."""


class Bits(NamedTuple):
    """Usable bits of each item [K]: the mean over sequences, and 95 % bounds; `high` bounds what this reader saves."""

    bits: Floats
    low: Floats
    high: Floats


def usable_bits(log_proba: Floats, prior: Floats, labels: Labels, sequences: Labels | None = None) -> Bits:
    """Bits of each item that knowing the state saves: log_proba [n, K, V], prior [K, V], labels [n, K].

    sequences [n] names the sequence of each state: those of one are averaged first, as they are not independent. The
    lower bound counts one state more that is as wrong as can be: of a reader that errs once in hundreds, the others
    may show no error at all.
    """
    even = np.broadcast_to(prior, log_proba.shape)
    saved = (true_log_prob(log_proba, labels) - true_log_prob(even, labels)) / np.log(2)
    mean = saved.mean(0)
    if sequences is not None:
        _, owner = np.unique(sequences, return_inverse=True)
        saved = np.stack([np.bincount(owner, item) for item in saved.T], axis=1) / np.bincount(owner).mean()
    worst = (np.maximum(log_proba.min((0, 2)), SUREST) - prior.mean(-1)) / np.log(2)
    doubtful = np.concatenate([saved, worst[None]])
    return Bits(mean, doubtful.mean(0) - BETWEEN * standard_error(doubtful), mean + BETWEEN * standard_error(saved))


def standard_error(values: Floats) -> Floats:
    """Standard error of the mean of independent values, [n, K] -> [K]."""
    return np.asarray(values.std(0, ddof=1) / np.sqrt(len(values)))


def true_log_prob(log_proba: Floats, labels: Labels) -> Floats:
    """Log-probability of the true label: [n, K]."""
    return np.asarray(np.take_along_axis(log_proba, labels[..., None], axis=-1)[..., 0])


def best_steepness(scores: Floats, labels: Labels, prior: Floats | None = None) -> Floats:
    """Factor (inverse temperature) of scores [n, K, V] at which their softmax has the least log-loss: [K].

    prior [K, V] are log-probabilities that the steepened scores are added to (default: even ones). The loss is convex
    in the factor; it is 0, which leaves the prior, where scores are of no use.
    """
    offset = np.zeros(scores.shape[1:]) if prior is None else prior
    low, high = np.full(scores.shape[1], 2.0**-8), np.full(scores.shape[1], STEEPEST)
    target = true_log_prob(scores, labels).mean(0)

    def rises(steep: Floats) -> NDArray[np.bool_]:
        weights = np.exp(log_softmax(scores * steep[:, None] + offset))
        return np.asarray((weights * scores).sum(-1).mean(0) > target)

    useless = rises(low)
    for _ in range(HALVINGS):
        middle = np.sqrt(low * high)
        over = rises(middle)
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.where(useless, 0.0, low)


def log_softmax(scores: Floats) -> Floats:
    """Over the last axis."""
    shifted = scores - scores.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def add_doubt(log_proba: Floats, count: int) -> Floats:
    """Mix in an even guess by 1 / (count + 2): nobody can be surer of the next sequence after so many."""
    doubt = 1 / (count + 2)
    return np.asarray(np.logaddexp(log_proba + np.log1p(-doubt), np.log(doubt / log_proba.shape[-1])))


class CodeLength(NamedTuple):
    """Online code length: bits [K] a label, and `uniform`, those of a label sent without a reader: log2 V."""

    bits: Floats
    uniform: float

    @property
    def compression(self) -> Floats:
        """Factor by which the code is shorter, [K]: 1 where states say nothing."""
        return self.uniform / self.bits


def description_length(reader: BaseEstimator, X: ArrayLike, y: ArrayLike, num_values: int) -> CodeLength:
    """Online code length of y [n, K] or [n] given X [n, F], in their order; `reader` itself is not fitted.

    Portions that end before `LEAST` sequences are joined to the first. Raises ValueError for fewer sequences than two
    portions take, and as `Reader.fit` does.
    """
    X, labels = as_states(X), as_labels(y)
    labels = labels.reshape(len(labels), -1)
    ends = [end for percent in PORTIONS if (end := int(len(X) * percent / 100)) >= LEAST]
    if len(ends) < 2:
        raise ValueError(f"a description length takes at least {2 * LEAST} sequences, not {len(X):,}")
    uniform = float(np.log2(num_values))
    total = np.full(labels.shape[1], ends[0] * uniform)
    for start, end in pairwise(ends):
        fitted = clone(reader).set_params(num_values=num_values).fit(X[:start], labels[:start])
        total -= true_log_prob(fitted.predict_log_proba(X[start:end]), labels[start:end]).sum(0) / np.log(2)
    return CodeLength(total / len(X), uniform)
