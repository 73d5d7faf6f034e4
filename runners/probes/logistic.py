"""Multinomial logistic regression, an item at a time, on at most the leading principal components of the state."""

from __future__ import annotations

import warnings

import numpy as np

from .reader import Labels, States

COMPONENTS = 256
"""A fit of so many takes a fraction of a second; a state of more features is rotated and cut to them."""


class Logistic:
    """L2-regularised. `converged` says whether every fit met its tolerance before its limit of steps."""

    def __init__(self, num_values: int) -> None:
        self.num_values, self.converged = num_values, True

    def fit(self, states: States, labels: Labels) -> Logistic:
        from sklearn.decomposition import PCA  # takes a second to import; training need not wait for it
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        wide = states.shape[1] > COMPONENTS
        self.reduce = PCA(min(COMPONENTS, len(states)), random_state=0).fit(states) if wide else None
        # One scale for all components: whitening would give directions of noise the weight of signal.
        self.scale = 1.0
        self.scale = max(float(self.reduced(states).std()), 1e-12)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fresh = [LogisticRegression(C=0.1, tol=1e-3, max_iter=500) for _ in labels.T]
            self.models = [m.fit(self.reduced(states), y) for m, y in zip(fresh, labels.T, strict=True)]
        self.converged = not any(issubclass(w.category, ConvergenceWarning) for w in caught)
        return self

    def reduced(self, states: States) -> States:
        return (self.reduce.transform(states) if self.reduce else states) / self.scale

    def predict(self, states: States) -> Labels:
        return np.stack([model.predict(self.reduced(states)) for model in self.models], axis=1)
