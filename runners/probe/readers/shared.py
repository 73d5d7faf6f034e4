"""One decoder for all items: what is read of each stands in columns of its own, and all are read alike."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone

from .reader import Floats, Labels, Reader


class Shared(Reader):
    """Reads rows X [n, K F]: F numbers for each of the K items of y [n, K], one item after the other.

    A row is a sequence, here as for every reader: what is held out, or coded portion by portion, are sequences, and
    the items of one are never on both sides.

    reader  which decodes an item [F]; it is fitted to n K of them, the one given stays as it is
    """

    def __init__(self, reader: Reader, num_values: int = 0) -> None:
        super().__init__(num_values)
        self.reader = reader

    def learn(self, X: Floats, y: Labels, chosen_by: tuple[Floats, Labels]) -> None:
        K = y.shape[1]
        if X.shape[1] % K:
            raise ValueError(f"{X.shape[1]:,} numbers a row cannot be shared out evenly among {K} items")
        decoder = clone(self.reader).set_params(num_values=self.num_values_)
        more, aims = chosen_by
        self.items_ = K
        self.decoder_ = decoder.fit(self._apart(X), y.ravel(), (self._apart(more), aims.ravel()))
        self.converged_ = decoder.converged_

    def log_proba(self, X: Floats) -> Floats:
        logs: Floats = self.decoder_.predict_log_proba(self._apart(X))
        return logs.reshape(len(X), self.items_, self.num_values_)

    def _apart(self, X: Floats) -> Floats:
        return np.reshape(X, (len(X) * self.items_, -1))
