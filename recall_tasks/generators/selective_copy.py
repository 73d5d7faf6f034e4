"""Selective copying: reproduce, in order, the symbols scattered among blanks or noise.

Sources: Gu & Dao 2023, "Mamba" (arXiv 2312.00752); Poli et al. 2024, "Mechanistic Design and Scaling of
Hybrid Architectures" (arXiv 2403.17844), whose benchmark is called MAD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Ints
from ..task import Preset, difficulty
from .copying import Copy


def _mad(length: int = 256, num_tokens: int = 16, vocabulary: int = 16) -> Preset:
    """The baseline, or one change of it: two of MAD's ids are the blank and the delimiter."""
    fields = {"num_tokens": num_tokens, "num_symbols": vocabulary - 2}
    return Preset(fields, length, "first answer at the delimiter, not after it; blanks may follow the last symbol")


@dataclass(frozen=True)
class SelectiveCopy(Copy):
    """Keep the symbols, skip what lies between; reproduce the symbols from the delimiter on.

        tokens    . s1  .  . s2 s3  .  |  .  .        without feedback; . is the blank, | the delimiter
        tokens    . s1  .  . s2 s3  .  | s1 s2        with feedback
        tokens   f1 s1 f2 f1 s2 s3 f3  |  .  .        with fillers
        targets   _  _  _  _  _  _  _ s1 s2 s3        _ is IGNORE

    Symbols are independent and uniform, their places a uniform subset of the tokens before the
    delimiter: whether a token counts depends on what it is, not on where it stands. Ids: 0 the blank,
    1 the delimiter, then symbols, then fillers. As in copying the slot tells which symbol is asked, and
    no more.

    Unlike the sources, one delimiter stands before the answers (Mamba has a marker for each of them), and
    noise can be random tokens rather than one.
    """

    name: ClassVar[str] = "selective_copy"
    version: ClassVar[int] = 2
    presets: ClassVar[Mapping[str, Preset]] = {
        "mamba": Preset({"num_tokens": 16, "num_symbols": 15}, 4096, "one delimiter, not a marker for each answer"),
        "mad": _mad(),
        "mad_vocab_32": _mad(vocabulary=32),
        "mad_vocab_64": _mad(vocabulary=64),
        "mad_vocab_128": _mad(vocabulary=128),
        "mad_length_512": _mad(length=512),
        "mad_length_1024": _mad(length=1024),
        "mad_tokens_32": _mad(num_tokens=32),
        "mad_tokens_64": _mad(num_tokens=64),
        "mad_tokens_96": _mad(num_tokens=96),
    }

    num_fillers: int = difficulty(0, "random filler tokens between the symbols; 0 leaves blanks", moves="interference")

    def check_fields(self) -> None:
        super().check_fields()
        self.at_least("num_fillers", 0)

    @property
    def fillers(self) -> range:
        return range(self.answers.stop, self.answers.stop + self.num_fillers)

    def places(self, rng: np.random.Generator, rows: int, length: int) -> Ints:
        return np.sort(draws.subsets(rng, rows, self.num_tokens, length - self.num_questions(length)), axis=1)

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        batch = super().draw(rng, rows, length)
        if self.num_fillers:
            before = batch.tokens[:, : length - self.num_questions(length)]
            noise = draws.uniform(rng, rows, before.shape[1], self.fillers)
            np.copyto(before, noise, where=before == 0)
        return batch
