"""A small multilayer perceptron, an item at a time: a strong reader, to be judged by its code length alone.

A reader that computes finds what no other could use, and more the more states it is fitted to: a code length (see
`information`) counts both. Hewitt and Liang 2019 (arXiv 1909.03368); Voita and Titov 2020 (arXiv 2003.12298).
"""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state

from ..information import add_doubt, log_softmax, true_log_prob
from ..state_store import Floats, Labels
from .reader import LeadingReader, best_candidate, two_columns

HIDDEN = 64
BATCH, RATE = 128, 1e-2
EPOCHS, PATIENCE = 100, 10
BETTER = 1e-3
"""Nats a validation state that an epoch must save to count as better."""


class MLP(LeadingReader):
    """One hidden layer, fitted until no epoch was better on validation for `PATIENCE` epochs.

    `converged_` is True if all items came so far before the last epoch allowed.
    """

    meaning = "a small neural net"
    strong = True

    def __init__(
        self, num_values: int = 0, components: int = 128, orthogonal: bool = False, random_state: int = 0
    ) -> None:
        super().__init__(num_values, components, orthogonal)
        self.random_state = random_state

    def learn(self, X: Floats, y: Labels, validation: tuple[Floats, Labels]) -> None:
        Z, more = self.fit_axes(X), self.on_axes(validation[0])
        if not Z.shape[1]:  # nothing varies: one input that is always 0 leaves the biases to learn
            Z, more = np.zeros((len(Z), 1)), np.zeros((len(more), 1))
        self.count_, self.source_ = len(more), check_random_state(self.random_state)
        self.layers_ = [self._fit_item(Z, y[:, i], more, validation[1][:, i]) for i in range(y.shape[1])]

    def _fit_item(self, Z: Floats, y: Labels, more: Floats, labels: Labels) -> list[Floats]:
        """Weights and biases of the best epoch, those of the output at their best steepness."""
        V = self.num_values_
        batch = min(BATCH, len(Z))
        net = MLPClassifier((HIDDEN,), batch_size=batch, learning_rate_init=RATE, random_state=self.source_)
        best, saved, waited = np.inf, [], 0
        for _ in range(EPOCHS):
            net.partial_fit(Z, y, classes=np.arange(V))
            layers = [*net.coefs_, *net.intercepts_]
            logs = log_softmax(two_columns(net_scores(more, layers)))
            loss = -true_log_prob(logs[:, None], labels[:, None]).mean()
            waited = 0 if loss < best - BETTER else waited + 1
            if not waited:
                best, saved = loss, [layer.copy() for layer in layers]
            if waited == PATIENCE:
                break
        self.converged_ &= waited == PATIENCE
        _, steep = best_candidate(two_columns(net_scores(more, saved))[:, None], labels)
        saved[1], saved[3] = saved[1] * steep, saved[3] * steep
        return saved

    def log_proba(self, X: Floats) -> Floats:
        Z = self.on_axes(X)
        Z = Z if Z.shape[1] else np.zeros((len(Z), 1))
        logs = [log_softmax(two_columns(net_scores(Z, layers))) for layers in self.layers_]
        return add_doubt(np.stack(logs, axis=1), self.count_)


def net_scores(Z: Floats, layers: list[Floats]) -> Floats:
    """Scores [n, V], or [n, 1] of two values, through two matrices and two biases."""
    W, last, b, c = layers
    return np.asarray(np.maximum(Z @ W + b, 0) @ last + c)
