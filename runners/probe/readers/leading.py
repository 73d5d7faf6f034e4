"""What readers that are fitted by steps, or by products of rows, share: few coordinates, chosen by held-out rows.

A state is cut to its leading principal axes. All have one scale: to give each axis its own would give directions of
noise the weight of signal.
"""

from __future__ import annotations

import numpy as np

from ..factorise import Components, varies
from ..information import log_softmax, sharpened, told
from .reader import Floats, Labels, Reader


class Leading(Reader):
    """A reader of the first axes.

    components  how many of them at most
    orthogonal  X is on principal axes already (see `components`): the first are taken as they are
    """

    def __init__(self, num_values: int = 0, components: int = 256, orthogonal: bool = False) -> None:
        super().__init__(num_values)
        self.components, self.orthogonal = components, orthogonal

    def place(self, X: Floats) -> Floats:
        """Find the axes of X [n, F]: X on them, [n, r], of mean 0 and mean square 1. Raises ValueError for none."""
        if self.components < 1:
            raise ValueError(f"a reader takes at least 1 principal component, not {self.components}")
        read = varies(X)
        self.axes_ = Components(self.components).fit(X) if read and not self.orthogonal else None
        self.kept_ = self.components if read else 0
        Z = self._turned(X)
        self.mean_, self.scale_ = Z.mean(0), float(Z.std()) if Z.size else 1.0
        return np.asarray((Z - self.mean_) / self.scale_)

    def placed(self, X: Floats) -> Floats:
        """Other states on the same axes: [n, r]; none where nothing varied."""
        return np.asarray((self._turned(X) - self.mean_) / self.scale_)

    def _turned(self, X: Floats) -> Floats:
        return (self.axes_.transform(X) if self.axes_ else X)[:, : self.kept_]


def fittest(scores: Floats, y: Labels, usual: Floats | None = None) -> tuple[int, float]:
    """Of C ways to score one item, [n, C, V], which loses least once it is as steep as is best, and how steep that is.

    These are rows that no way was fitted to: y [n]. usual [V] are log-probabilities that scores are added to.
    """
    labels = np.repeat(y[:, None], scores.shape[1], axis=1)
    offset = np.zeros(scores.shape[1:]) if usual is None else np.broadcast_to(usual, scores.shape[1:])
    steep = sharpened(scores, labels, offset)
    gained = told(log_softmax(scores * steep[:, None] + offset), labels).mean(0)
    best = int(gained.argmax())
    return best, float(steep[best])
