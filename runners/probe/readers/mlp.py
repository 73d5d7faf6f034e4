"""A small multilayer perceptron, an item at a time: a strong reader, to be judged by description length alone.

Its accuracy says little of a memory. A reader that can compute finds in a state what is not there in a form that
anything else could use, and what it finds depends on the rows it is given: the length of a code (see `description`)
pays for both. Hewitt and Liang 2019 (arXiv 1909.03368); Voita and Titov 2020 (arXiv 2003.12298).
"""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state

from ..information import doubted, log_softmax, told
from .leading import Leading, fittest
from .logistic import both
from .reader import Floats, Labels

HIDDEN = 64
BATCH, RATE = 128, 1e-2
EPOCHS, PATIENCE = 100, 10
LIKED = 1e-3
"""Nats that a held-out row must save for an epoch to be liked better."""


class MLP(Leading):
    """One hidden layer. It learns until the held-out rows have liked no epoch better for `PATIENCE` epochs.

    `converged_` says whether all items came so far before the last epoch allowed.
    """

    meaning = "a small neural net"
    strong = True

    def __init__(
        self, num_values: int = 0, components: int = 128, orthogonal: bool = False, random_state: int = 0
    ) -> None:
        super().__init__(num_values, components, orthogonal)
        self.random_state = random_state

    def learn(self, X: Floats, y: Labels, chosen_by: tuple[Floats, Labels]) -> None:
        Z, more = self.place(X), self.placed(chosen_by[0])
        if not Z.shape[1]:  # nothing varies: one input that is always 0 leaves the biases to learn
            Z, more = np.zeros((len(Z), 1)), np.zeros((len(more), 1))
        self.rows_, self.source_ = len(more), check_random_state(self.random_state)
        self.layers_ = [self._learnt(Z, y[:, i], more, chosen_by[1][:, i]) for i in range(y.shape[1])]

    def _learnt(self, Z: Floats, y: Labels, more: Floats, chosen_by: Labels) -> list[Floats]:
        """The weights and biases of the best epoch, the last ones as steep as the held-out rows like them."""
        V = self.num_values_
        batch = min(BATCH, len(Z))
        net = MLPClassifier((HIDDEN,), batch_size=batch, learning_rate_init=RATE, random_state=self.source_)
        best, kept, waited = np.inf, [], 0
        for _ in range(EPOCHS):
            net.partial_fit(Z, y, classes=np.arange(V))
            layers = [*net.coefs_, *net.intercepts_]
            loss = -told(log_softmax(both(scored(more, layers)))[:, None], chosen_by[:, None]).mean()
            waited = 0 if loss < best - LIKED else waited + 1
            if not waited:
                best, kept = loss, [layer.copy() for layer in layers]
            if waited == PATIENCE:
                break
        self.converged_ &= waited == PATIENCE
        _, steep = fittest(both(scored(more, kept))[:, None], chosen_by)
        kept[1], kept[3] = kept[1] * steep, kept[3] * steep
        return kept

    def log_proba(self, X: Floats) -> Floats:
        Z = self.placed(X)
        Z = Z if Z.shape[1] else np.zeros((len(Z), 1))
        logs = [log_softmax(both(scored(Z, layers))) for layers in self.layers_]
        return doubted(np.stack(logs, axis=1), self.rows_)


def scored(Z: Floats, layers: list[Floats]) -> Floats:
    """[n, V], or [n, 1] of two values, through two matrices and two biases."""
    W, last, b, c = layers
    return np.asarray(np.maximum(Z @ W + b, 0) @ last + c)
