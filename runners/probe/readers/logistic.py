"""Multinomial logistic regression, an item at a time, on the leading principal components of a state.

The linear reader for logits: ridge regression has its own closed form, this has the right loss. Its strength of
regularisation is the one whose scores, made as steep as is best, lose least on the held-out rows.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from ..information import doubted, log_softmax
from .leading import Leading, fittest
from .reader import Floats, Labels

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
STEPS = 500


class Logistic(Leading):
    """L2-regularised. `converged_` says whether every fit met its tolerance within its limit of steps.

    Each value is given one more row, in which the state is what it is on average (Laplace's rule): one that never
    came is thus unlikely, not impossible.
    """

    meaning = "multinomial logistic regression"

    def learn(self, X: Floats, y: Labels, chosen_by: tuple[Floats, Labels]) -> None:
        V, K = self.num_values_, y.shape[1]
        Z, more = self.place(X), self.placed(chosen_by[0])
        r, self.rows_ = Z.shape[1], len(more)
        self.weights_, self.bias_ = np.zeros((r, K, V)), np.zeros((K, V))
        if not r:
            counts = np.stack([np.bincount(column, minlength=V) + 1 for column in y.T])
            self.bias_ = np.log(counts / counts.sum(1, keepdims=True))
            return
        Z, values = np.concatenate([Z, np.zeros((V, r))]), np.arange(V)
        for item in range(K):
            weights, bias = self._fits(Z, np.concatenate([y[:, item], values]))
            best, steep = fittest((more @ weights).transpose(1, 0, 2) + bias, chosen_by[1][:, item])
            self.weights_[:, item], self.bias_[item] = weights[best] * steep, bias[best] * steep

    def _fits(self, Z: Floats, y: Labels) -> tuple[Floats, Floats]:
        """One for each strength, from the weakest weights to the largest: [C, r, V] and [C, V]."""
        model = LogisticRegression(max_iter=STEPS, warm_start=True)
        weights, bias = [], []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for C in STRENGTHS:
                model.set_params(C=C).fit(Z, y)
                weights.append(both(model.coef_.T))
                bias.append(both(model.intercept_))
        self.converged_ &= not any(issubclass(w.category, ConvergenceWarning) for w in caught)
        return np.stack(weights), np.stack(bias)

    def log_proba(self, X: Floats) -> Floats:
        scores = np.tensordot(self.placed(X), self.weights_, 1) + self.bias_
        return doubted(log_softmax(scores), self.rows_)


def both(scores: Floats) -> Floats:
    """[..., V]; of two values scikit-learn scores the second alone."""
    return np.concatenate([np.zeros_like(scores), scores], axis=-1) if scores.shape[-1] == 1 else scores
