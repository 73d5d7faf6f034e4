"""The reader that looks at no state: what every other must beat."""

from __future__ import annotations

import numpy as np

from .reader import Floats, Labels, Reader

TRUST = (0.0, 0.5, 0.9, 0.99)
"""How much of the frequencies, the rest even; none of it wholly, for a value may come that never was."""


class Prior(Reader):
    """How often each value came, mixed with an even guess as the held-out rows like it best."""

    meaning = "frequencies of the values, without the state"
    sees_state = False

    def learn(self, X: Floats, y: Labels, chosen_by: tuple[Floats, Labels]) -> None:
        self.logs_ = usual(y, chosen_by[1], self.num_values_)

    def log_proba(self, X: Floats) -> Floats:
        return np.broadcast_to(self.logs_, (len(X), *self.logs_.shape))


def usual(y: Labels, held_out: Labels, V: int) -> Floats:
    """Log-probabilities [K, V] of values of which y [n, K] and the held-out rows are known."""
    counted = np.stack([np.bincount(column, minlength=V) / len(y) for column in y.T])
    mixed = np.log([share * counted + (1 - share) / V for share in TRUST])
    items = np.arange(y.shape[1])
    gained = np.stack([logs[items, held_out].mean(0) for logs in mixed])
    return np.asarray(mixed[gained.argmax(0), items])
