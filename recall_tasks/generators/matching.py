"""What every task shares that asks whether a symbol is the same as one before."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..batch import Ints
from ..information import matching_bits
from .roles import Roles


class Matching(Roles):
    """Control tokens, of which the last two are the answers no and yes, then symbols and fillers.

    A task that extends it has a field `num_symbols`, asks for yes in half of all questions, and shows any
    other symbol alike in the rest.
    """

    num_symbols: int

    @property
    def answers(self) -> range:
        return range(len(self.controls) - 2, len(self.controls))

    @property
    def alphabet(self) -> range:
        return range(len(self.controls), len(self.controls) + self.num_symbols)

    @property
    def fillers(self) -> range:
        return range(self.alphabet.stop, self.alphabet.stop)

    @property
    def roles(self) -> dict[str, range]:
        return {"s": self.alphabet, "f": self.fillers}

    @property
    def balanced(self) -> bool:
        return True

    def bits_for(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        return matching_bits(accuracy, self.num_symbols)

    def from_bag(self, tokens: Ints, times: Ints, ids: Ints, counts: Ints) -> Ints:
        """Says yes where the symbol was shown before, anywhere."""
        no, yes = self.answers
        return np.where(times > 0, yes, no).astype(np.int32)
