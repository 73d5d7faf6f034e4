"""Selective copying: reproduce, in order, the symbols scattered among blanks.

Source: Gu & Dao 2023, "Mamba" (arXiv 2312.00752).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import draws
from ..task import Ints, Preset
from .copying import Copy


@dataclass(frozen=True)
class SelectiveCopy(Copy):
    """Keep the symbols, skip the blanks; reproduce the symbols from the delimiter on.

        tokens    . s1  .  . s2 s3  .  |  .  .        without feedback; . is the blank, | the delimiter
        tokens    . s1  .  . s2 s3  .  | s1 s2        with feedback
        targets   _  _  _  _  _  _  _ s1 s2 s3        _ is IGNORE

    Symbols are independent and uniform, their places a uniform subset of the tokens before the
    delimiter: whether a token counts depends on what it is, not on where it stands. Ids: 0 the blank,
    1 the delimiter, then symbols. As in copying the slot tells which symbol is asked, and no more.

    Unlike the paper, one delimiter stands before the answers (not one marker for each of them).
    """

    name: ClassVar[str] = "selective_copy"
    version: ClassVar[int] = 1
    presets: ClassVar[Mapping[str, Preset]] = {
        "mamba": Preset({"num_tokens": 16, "num_symbols": 15}, 4096, "one delimiter, not a marker for each answer"),
    }

    def places(self, rng: np.random.Generator, rows: int, length: int) -> Ints:
        return np.sort(draws.subsets(rng, rows, self.num_tokens, length - self.num_tokens), axis=1)
