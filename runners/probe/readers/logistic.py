"""Multinomial logistic regression, an item at a time, on the leading principal components of a state.

Ridge regression has the closed form, this has the right loss. Its strength of regularisation is the one with the least
log-loss on the validation states, at its best steepness.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from ..information import add_doubt, log_softmax
from ..state_store import Floats, Labels
from .reader import LeadingReader, best_candidate, two_columns

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
STEPS = 500


class Logistic(LeadingReader):
    """L2-regularised logistic regression; `converged_` is True if every fit met its tolerance within its steps.

    Each value gets one more example, the average state (Laplace's rule): one that never came is thus unlikely, not
    impossible.
    """

    meaning = "multinomial logistic regression"

    def learn(self, X: Floats, y: Labels, validation: tuple[Floats, Labels]) -> None:
        V, K = self.num_values_, y.shape[1]
        Z, more = self.fit_axes(X), self.on_axes(validation[0])
        r, self.count_ = Z.shape[1], len(more)
        self.weights_, self.bias_ = np.zeros((r, K, V)), np.zeros((K, V))
        if not r:
            counts = np.stack([np.bincount(column, minlength=V) + 1 for column in y.T])
            self.bias_ = np.log(counts / counts.sum(1, keepdims=True))
            return
        Z, values = np.concatenate([Z, np.zeros((V, r))]), np.arange(V)
        for item in range(K):
            weights, bias = self._fits(Z, np.concatenate([y[:, item], values]))
            best, steep = best_candidate((more @ weights).transpose(1, 0, 2) + bias, validation[1][:, item])
            self.weights_[:, item], self.bias_[item] = weights[best] * steep, bias[best] * steep

    def _fits(self, Z: Floats, y: Labels) -> tuple[Floats, Floats]:
        """Weights and biases at each strength, the smallest weights first: [C, r, V] and [C, V]."""
        model = LogisticRegression(max_iter=STEPS, warm_start=True)
        weights, bias = [], []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for C in STRENGTHS:
                model.set_params(C=C).fit(Z, y)
                weights.append(two_columns(model.coef_.T))
                bias.append(two_columns(model.intercept_))
        self.converged_ &= not any(issubclass(w.category, ConvergenceWarning) for w in caught)
        return np.stack(weights), np.stack(bias)

    def log_proba(self, X: Floats) -> Floats:
        scores = np.tensordot(self.on_axes(X), self.weights_, 1) + self.bias_
        return add_doubt(log_softmax(scores), self.count_)
