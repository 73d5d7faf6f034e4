"""Signal reconstruction: a signal is shown, sample by sample, and then asked for at given times.

Source: Gu et al. 2020, "HiPPO: Recurrent Memory with Optimal Polynomial Projections" (arXiv 2008.07669),
where a state has to reconstruct the function it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb, isqrt
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import draws
from ..batch import Batch, Ints, Stored
from ..information import naming_bits
from ..task import Task, difficulty

KINDS = ("white", "step", "spike", "band")
SCALE = 2**20
MOST_COSINES = 64


@dataclass(frozen=True)
class Signal(Task):
    """Recall the level of the signal at each time that is asked.

        tokens   v4 v4 v7 v7 v1  .  . ? t3 t0        . is the blank, ? the mark, step signal
        targets   _  _  _  _  _  _  _ _ v7 v4        _ is IGNORE

    Any `num_asked` times may be asked, all different and in uniform order: were the samples asked in
    order, counting would find them and this were copying. Levels are written as such, so answers are
    copied; `levels` turns tokens into numbers from -1 to 1, to score the error of a reconstruction. Blanks
    take up the length. Ids: 0 the blank, 1 the mark, then times and levels.

    Kinds of signal, each uniform over all that it can be, which makes payloads exact; `num_parts` is how
    many parts they have:

        white   independent uniform levels; no parts
        step    constant pieces that begin at any places, neighbours of different levels
        spike   samples off the middle level, at any places, each at any other level
        band    the first cosines over the row (half a period more each, from the constant on), each with
                its own sign, their sum cut into even levels

    A memory that knows the kind needs the fewer bits the fewer parts there are; one that knows nothing of
    signals stores them all as white. White and step signals have uniform levels; a spike signal is mostly
    its middle level and a band signal favours the middle, so their floors and their ceilings at no bits
    are above chance. Samples of a band tell so much of one another that its ceiling is far above what can
    be reached until the state is about as large as the payload: hold its scores against the floors.

    Unlike the source, samples are tokens, not numbers.
    """

    name: ClassVar[str] = "signal"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_samples"

    num_samples: int = difficulty(32, "samples of the signal", moves="load")
    kind: str = difficulty("step", "what signals there are: white, step, spike or band", "form", choices=KINDS)
    num_parts: int = difficulty(4, "steps, spikes or cosines of a signal", moves="load")
    num_asked: int = difficulty(16, "times asked at the end", moves="questions")
    num_levels: int = difficulty(16, "size of the alphabet of levels", moves="vocabulary")
    num_times: int = difficulty(64, "size of the alphabet of times", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_samples", 1)
        self.at_least("num_levels", 2)
        self.within("num_asked", 1, self.num_samples)
        self.within("num_parts", 1, self.num_samples)
        if self.num_times < self.num_samples:
            raise ValueError(
                f"{self.name}: {self.num_samples} samples need as many times, not {self.num_times} "
                f"(try --num-times {self.num_samples})"
            )
        if self.kind == "band":
            if self.num_parts > MOST_COSINES:
                raise ValueError(
                    f"{self.name}: num_parts of a band must be at most {MOST_COSINES}, not {self.num_parts}"
                )
            # Other signs move some sample by sqrt(2) or more of the 2 num_parts that the levels divide.
            least = isqrt(2 * self.num_parts**2) + 1
            if self.num_levels < least:
                raise ValueError(
                    f"{self.name}: {self.num_parts} cosines need at least {least} levels to be told apart, "
                    f"not {self.num_levels} (try --num-levels {least})"
                )

    @property
    def times(self) -> range:
        return range(2, 2 + self.num_times)

    @property
    def answers(self) -> range:
        return range(self.times.stop, self.times.stop + self.num_levels)

    @property
    def vocab_size(self) -> int:
        return self.answers.stop

    @property
    def balanced(self) -> bool:
        return self.kind in ("white", "step")

    @property
    def independent(self) -> bool:
        return self.kind == "white"

    @property
    def min_length(self) -> int:
        return self.num_samples + 1 + self.num_asked

    def num_questions(self, length: int) -> int:
        return self.num_asked

    @property
    def entropy(self) -> float:
        """Bits of a whole signal: log2 of how many there are, all equally likely."""
        n, parts, V = self.num_samples, self.num_parts, self.num_levels
        bits = {
            "white": n * np.log2(V),
            "step": np.log2(comb(n - 1, parts - 1)) + np.log2(V) + (parts - 1) * np.log2(V - 1),
            "spike": np.log2(comb(n, parts)) + parts * np.log2(V - 1),
            "band": parts,
        }
        return float(bits[self.kind])

    def payload_bits(self, length: int) -> float:
        return self.entropy

    def bits_for(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """A sample's part of what the whole signal takes: its levels, less what they tell of one another for free.

        Nor is it less than naming one sample takes, alone and less what its kind tells of it.
        """
        n, V = self.num_samples, self.num_levels
        naming = naming_bits(accuracy, V)
        # How far a spike signal's level is from uniform; nothing is claimed of a band signal's.
        usual = max(1 / V, 1 - self.num_parts / n)
        told = {"white": 0.0, "step": 0.0, "spike": float(naming_bits(usual, V)), "band": np.log2(V)}[self.kind]
        free = n * np.log2(V) - self.entropy
        return np.asarray(np.maximum(0.0, np.maximum(n * naming - free, naming - told)) / n)

    def at_load(self, load: int) -> Signal:
        """The same task with `load` samples, of at most as many parts, of which at most all are asked."""
        return replace(self, num_samples=load, num_parts=min(self.num_parts, load), num_asked=min(self.num_asked, load))

    def levels(self, tokens: Ints) -> NDArray[np.float64]:
        """The numbers that level tokens stand for, the middles of even parts of -1 to 1; NaN for other tokens."""
        level = np.asarray(tokens) - self.answers.start
        inside = (level >= 0) & (level < self.num_levels)
        return np.where(inside, (2 * level + 1) / self.num_levels - 1, np.nan)

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        n, asks = self.num_samples, self.num_asked
        kinds = {"white": self._white, "step": self._step, "spike": self._spike, "band": self._band}
        samples = (kinds[self.kind](rng, rows) + self.answers.start).astype(np.int32)
        which = draws.distinct(rng, rows, asks, n)

        tokens = np.zeros((rows, length), np.int32)
        tokens[:, :n] = samples
        tokens[:, length - asks - 1] = 1
        tokens[:, length - asks :] = which + self.times.start

        written = np.broadcast_to(np.arange(n, dtype=np.int32), (rows, n))
        asked = np.broadcast_to(np.arange(length - asks, length, dtype=np.int32), (rows, asks))
        answers = np.take_along_axis(samples, which, axis=1)
        return Batch(tokens, asked, answers, which, Stored(written, written + np.int32(self.times.start), samples))

    def _white(self, rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
        return rng.integers(0, self.num_levels, size=(rows, self.num_samples))

    def _step(self, rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
        n, parts, V = self.num_samples, self.num_parts, self.num_levels
        moves = np.zeros((rows, n), np.int64)
        moves[:, 0] = rng.integers(0, V, size=rows)
        starts = 1 + draws.subsets(rng, rows, parts - 1, n - 1)
        np.put_along_axis(moves, starts, rng.integers(1, V, size=(rows, parts - 1)), axis=1)
        levels: NDArray[np.int64] = moves.cumsum(axis=1) % V
        return levels

    def _spike(self, rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
        n, parts, V = self.num_samples, self.num_parts, self.num_levels
        levels = np.full((rows, n), V // 2, np.int64)
        heights = (V // 2 + rng.integers(1, V, size=(rows, parts))) % V
        np.put_along_axis(levels, draws.subsets(rng, rows, parts, n), heights, axis=1)
        return levels

    def _band(self, rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
        n, parts, V = self.num_samples, self.num_parts, self.num_levels
        # Whole numbers, so that no machine's rounding moves a sample to another level.
        table = np.rint(SCALE * np.cos(np.pi * np.arange(4 * n) / (2 * n))).astype(np.int64)
        cosines = table[np.arange(parts)[:, None] * (2 * np.arange(n) + 1) % (4 * n)]
        signs = 2 * rng.integers(0, 2, size=(rows, parts)) - 1
        levels: NDArray[np.int64] = (signs @ cosines + parts * SCALE) * V // (2 * parts * SCALE + 1)
        return levels

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        samples: list[int] = []
        answers: dict[int, int] = {}
        for t, token in enumerate(tokens):
            if token in self.answers:
                samples.append(token)
            elif token in self.times:
                answers[t] = samples[token - self.times.start]
        return answers

    def word(self, token: int) -> str:
        for letter, ids in (("t", self.times), ("v", self.answers)):
            if token in ids:
                return f"{letter}{token - ids.start}"
        return ".?"[token]
