"""Bits that a reader can use: V-information (Xu et al. 2020, "A Theory of Usable Information Under Computational
Constraints", arXiv 2002.10689).

    I_V(S -> Y) = H_V(Y) - H_V(Y | S)

H_V(Y | S) is the log-loss, on rows never seen, of the best reader of a family V that is given the state, H_V(Y) that
of the best one that is not. Unlike Shannon's information it falls when a state is scrambled, and what is measured on
fresh rows is, but for chance, no more than is there: a reader that is too weak, too sure or fitted on too little
loses bits. Values of different items that are drawn independently have bits that add up, and their sum is at most
the bits of the state.

Shapes: n rows, K items, V values; log-probabilities are natural, bits are base 2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

STEEPEST = 2.0**12
HALVINGS = 20
SUREST = -30.0
"""Log-probability below which nothing is ruled out."""
BETWEEN = 1.959964
"""Of a normal distribution, 95 % lies within so many standard deviations."""


class Bits(NamedTuple):
    """Of each item, [K]: the mean over rows and a 95 % interval of it."""

    bits: Floats
    low: Floats
    high: Floats


def usable_bits(log_proba: Floats, prior: Floats, labels: Labels, sequences: Labels | None = None) -> Bits:
    """What knowing the state saves, per item: log_proba [n, K, V], prior [K, V], labels [n, K].

    sequences [n]: rows of one are averaged first, for they are not independent. The lower bound counts one row more
    that is as wrong as can be: of a reader that errs once in hundreds of rows these may show no error at all.
    """
    even = np.broadcast_to(prior, log_proba.shape)
    saved = (told(log_proba, labels) - told(even, labels)) / np.log(2)
    mean = saved.mean(0)
    if sequences is not None:
        _, which = np.unique(sequences, return_inverse=True)
        sizes = np.bincount(which)
        totals = np.zeros((len(sizes), saved.shape[1]))
        np.add.at(totals, which, saved)
        saved = totals / sizes.mean()
    worst = (np.maximum(log_proba.min((0, 2)), SUREST) - prior.mean(-1)) / np.log(2)
    doubtful = np.concatenate([saved, worst[None]])
    return Bits(mean, doubtful.mean(0) - BETWEEN * error(doubtful), mean + BETWEEN * error(saved))


def error(values: Floats) -> Floats:
    """Of the mean of independent rows, [n, K] -> [K]."""
    return np.asarray(values.std(0, ddof=1) / np.sqrt(len(values)))


def told(log_proba: Floats, labels: Labels) -> Floats:
    """The log-probability of what was so: [n, K]."""
    return np.asarray(np.take_along_axis(log_proba, labels[..., None], axis=-1)[..., 0])


def sharpened(scores: Floats, labels: Labels, usual: Floats | None = None) -> Floats:
    """How steep to make scores [n, K, V] so that their softmax loses least on these rows: one number an item, [K].

    usual [K, V] are log-probabilities that the steepened scores are added to; even ones, if none are given. The loss
    is convex in the steepness; 0, which says what is usual, is the answer where scores are of no use.
    """
    offset = np.zeros(scores.shape[1:]) if usual is None else usual
    low, high = np.full(scores.shape[1], 2.0**-8), np.full(scores.shape[1], STEEPEST)
    right = told(scores, labels).mean(0)

    def rises(steep: Floats) -> NDArray[np.bool_]:
        weights = np.exp(log_softmax(scores * steep[:, None] + offset))
        return np.asarray((weights * scores).sum(-1).mean(0) > right)

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


def doubted(log_proba: Floats, rows: int) -> Floats:
    """Mixed with an even guess by 1 / (rows + 2): who has seen so many rows cannot be surer of what comes."""
    doubt = 1 / (rows + 2)
    return np.asarray(np.logaddexp(log_proba + np.log1p(-doubt), np.log(doubt / log_proba.shape[-1])))
