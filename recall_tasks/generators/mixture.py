"""A mixture: one task at many lengths and loads in one stream, for models that should do all of them.

Source: the mixed training sets of Arora et al. 2024, "Based" (arXiv 2402.18668), as a task of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch
from ..task import Preset, Task, difficulty
from .blend import Blend

CELLS = 8
"""Settings in one block of rows."""


@dataclass(frozen=True)
class Mixture(Blend):
    """Answer a task whose rows differ in length and load.

        tokens   k1 v1 k1  .  .  .  .  .  .        one pair in three tokens; . is the blank
        targets   _  _ v1  _  _  _  _  _  _        _ is IGNORE
        tokens   k1 v1 k2 v2  . k2  . k1  .        two pairs in nine
        targets   _  _  _  _  _ v2  _ v1  _

    Each load is as likely as any other; each doubling of the length from the shortest that the load allows
    (and `shortest`) to the row's is as likely as any other, and lengths inside it are uniform. Rows come in
    cells of one setting, eight cells to a block of 256 rows, in an order drawn uniformly. Ids are those of
    the task that is mixed.

    A score over a mixture averages over its settings: train on it, and test on the task itself.
    """

    name: ClassVar[str] = "mixture"
    version: ClassVar[int] = 1
    presets: ClassVar[dict[str, Preset]] = {}

    shortest: int = difficulty(8, "shortest row, in tokens; more where the load needs more", moves="distance")

    def check_fields(self) -> None:
        super().check_fields()
        self.at_least("shortest", 1)

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        cells = []
        for cell in np.array_split(np.arange(rows), min(CELLS, rows)):
            part = self.parts[int(rng.integers(len(self.parts)))]
            least = min(length, max(self.shortest, part.min_length))
            doublings = (length // least).bit_length()
            low = least << int(rng.integers(doublings))
            inner = int(rng.integers(low, min(2 * low, length + 1)))
            cells.append(self.fitted(part.draw(rng, len(cell), inner), length))
        return Batch.concatenate(cells)[draws.shuffled(rng, 1, rows)[0]]

    @property
    def min_length(self) -> int:
        return max(super().min_length, self.shortest)

    def bottlenecks(self, length: int) -> list[tuple[float, NDArray[np.float64]]]:
        return self.whole.bottlenecks(length)

    @lru_cache(maxsize=64)  # noqa: B019  # a task is small and made once
    def portions(self, length: int) -> list[tuple[Task, list[tuple[float, int]]]]:
        """Each part at each length it takes, weighted by the questions it asks; one length where all are alike."""
        found = []
        for part in self.parts:
            least = min(length, max(self.shortest, part.min_length))
            ends = [(least << d, min(2 * least << d, length + 1)) for d in range((length // least).bit_length())]
            if _held(part, least) == _held(part, length):
                ends = [(length, length + 1)]
            shares = [
                (part.num_questions(n) / (len(ends) * (stop - low)), n) for low, stop in ends for n in range(low, stop)
            ]
            found.append((part, shares))
        asked = sum(share for _, shares in found for share, _ in shares)
        return [(part, [(share / asked, inner) for share, inner in shares]) for part, shares in found]


def _held(part: Task, length: int) -> list[tuple[float, int]]:
    return [(share, len(shares)) for share, shares in part.bottlenecks(length)] + [(part.payload_bits(length), 0)]
