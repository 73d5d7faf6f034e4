"""Multinomial logistic regression, an item at a time, on the leading principal components of the state."""

from __future__ import annotations



import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from .reader import Labels, States

COMPONENTS = 256
"""Enough for eight items in a width of 32, few enough that a fit takes a fraction of a second."""


class Logistic:
    """L2-regularised; a fit stopped by its iteration limit still counts, as the weaker reader it then is."""

    def __init__(self, num_values: int) -> None:
        self.num_values = num_values

    def fit(self, states: States, labels: Labels) -> Logistic:
        self.reduce = PCA(min(COMPONENTS, *states.shape), random_state=0)
        reduced = self.reduce.fit_transform(states)
        # One scale for all components: whitening would give noise directions the weight of signal.
        self.scale = max(float(reduced.std()), 1e-12)
        self.models = [LogisticRegression(C=1.0, max_iter=300).fit(reduced / self.scale, y) for y in labels.T]
        return self

    def predict(self, states: States) -> Labels:
        reduced = self.reduce.transform(states) / self.scale
        return np.stack([model.predict(reduced) for model in self.models], axis=1)
