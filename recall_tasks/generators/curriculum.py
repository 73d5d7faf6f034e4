"""A curriculum: a stream that starts with short rows and few items and doubles both as it goes on.

Source: Bengio et al. 2009, "Curriculum Learning" (ICML), with the doubling of length and load that small
recurrent models need before long rows teach them anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..batch import Batch
from ..task import Preset, difficulty
from .blend import Blend


@dataclass(frozen=True)
class Curriculum(Blend):
    """Answer a task that grows harder row by row.

        tokens   k1 v1  . k1  .  .  .  .        the first stage: one pair in four tokens; . is the blank
        targets   _  _  _ v1  _  _  _  _        _ is IGNORE
        tokens   k1 v1 k2 v2  . k2  . k1        the last stage: two pairs in eight
        targets   _  _  _  _  _ v2  _ v1

    Stage by stage of `stage_rows` rows the load doubles from `min_load` to `max_load`, and with it the length
    up to the whole row; from then on rows stay at the last stage. Ids are those of the task itself.

    Only the train split grows: the rows of every other split are those of the last stage, so what is
    measured is the task and not the schedule.
    """

    name: ClassVar[str] = "curriculum"
    version: ClassVar[int] = 1
    presets: ClassVar[dict[str, Preset]] = {}

    stage_rows: int = difficulty(16384, "rows of each stage but the last", moves="form")

    def check_fields(self) -> None:
        super().check_fields()
        self.at_least("stage_rows", 1)

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        return self.whole.draw(rng, rows, length)

    def draw_from(self, rng: np.random.Generator, rows: int, length: int, row: int) -> Batch:
        """Every row of a block is of the stage that its first row is in."""
        stage = min(row // self.stage_rows, len(self.parts) - 1)
        part = self.parts[stage]
        inner = max(part.min_length, length >> (len(self.parts) - 1 - stage))
        return self.fitted(part.draw(rng, rows, min(inner, length)), length)

    def bottlenecks(self, length: int) -> list[tuple[float, NDArray[np.float64]]]:
        return self.whole.bottlenecks(length)
