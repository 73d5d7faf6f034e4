"""Delayed match to sample: after a delay, is what is shown the sample?

Sources: Blough 1959, "Delayed matching in the pigeon" (Journal of the Experimental Analysis of Behavior
2); with distractors in the delay Miller et al. 1996, "Neural mechanisms of visual working memory in
prefrontal cortex of the macaque" (Journal of Neuroscience 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Stored
from ..task import difficulty
from .matching import Matching


@dataclass(frozen=True)
class DelayedMatch(Matching):
    """Say of each probe whether it is the sample of its place: the first probe of the first sample, and so on.

        tokens   s5 s2  .  .  ? s5 s7        . is the blank, ? the mark that ends the delay
        targets   _  _  _  _  _ yes no       _ is IGNORE

    Samples are independent and uniform, each answer is a fair coin of its own. A probe that is not its
    sample is uniform over the rest: every probe is as likely as any other, so it tells nothing by itself.
    The delay is blank, or random fillers with `num_fillers`, and takes up the length, which moves the
    distance at fixed load. Ids: 0 the blank, 1 the mark, then `no` and `yes`, which are never shown,
    symbols and fillers.

    A yes or no asks for less than naming the sample: a few bits of each sample answer most probes, so
    near misses show a weak memory less clearly here than where the symbol itself is asked.

    Unlike the sources, every row has the same delay, and several samples may be held.
    """

    name: ClassVar[str] = "delayed_match"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_samples"
    derived: ClassVar[bool] = True
    controls: ClassVar[Sequence[str]] = (".", "?", "no", "yes")

    num_samples: int = difficulty(4, "samples shown, and probes asked", moves="load")
    num_symbols: int = difficulty(4, "size of the alphabet", moves="vocabulary")
    num_fillers: int = difficulty(0, "random filler tokens in the delay; 0 leaves blanks", moves="interference")

    def check_fields(self) -> None:
        self.at_least("num_samples", 1)
        self.at_least("num_symbols", 2)
        self.at_least("num_fillers", 0)

    @property
    def fillers(self) -> range:
        return range(self.alphabet.stop, self.alphabet.stop + self.num_fillers)

    @property
    def min_length(self) -> int:
        return 2 * self.num_samples + 1

    def num_questions(self, length: int) -> int:
        return self.num_samples

    def payload_bits(self, length: int) -> float:
        return self.num_samples * float(np.log2(self.num_symbols))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        K, V = self.num_samples, self.num_symbols
        samples = draws.uniform(rng, rows, K, range(V))
        match = draws.uniform(rng, rows, K, range(2))
        other = (samples + draws.uniform(rng, rows, K, range(1, V))) % V
        probes = np.where(match == 1, samples, other)

        tokens = np.zeros((rows, length), np.int32)
        if self.num_fillers:
            tokens[:, K : length - K - 1] = draws.uniform(rng, rows, length - 2 * K - 1, self.fillers)
        tokens[:, :K] = samples + self.alphabet.start
        tokens[:, length - K - 1] = 1
        tokens[:, length - K :] = probes + self.alphabet.start

        written = np.broadcast_to(np.arange(K, dtype=np.int32), (rows, K))
        asked = np.broadcast_to(np.arange(length - K, length, dtype=np.int32), (rows, K))
        stored = Stored(written, np.full((rows, K), -1, np.int32), tokens[:, :K])
        return Batch(tokens, asked, match + np.int32(self.answers.start), written, stored)

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        samples: list[int] = []
        answers: dict[int, int] = {}
        asking = False
        for t, token in enumerate(tokens):
            asking = asking or token == 1
            if token in self.alphabet and asking:
                answers[t] = 3 if token == samples.pop(0) else 2
            elif token in self.alphabet:
                samples.append(token)
        return answers
