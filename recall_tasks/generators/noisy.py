"""Noisy recall: noise tokens of their own range stand between the pairs and between the questions.

Sources: Poli et al. 2024, "Mechanistic Design and Scaling of Hybrid Architectures", the MAD tasks (arXiv
2403.17844) for the noise; Arora et al. 2023, "Zoology" (arXiv 2312.04927) for the questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .bindings import Bindings

_PRESETS = {
    "mad": (8, 8, 0.2, 128, "MAD's baseline, vocabulary 32: each key asked once after all pairs, blanks for repeats"),
    "mad_vocab_48": (16, 16, 0.2, 128, "16 keys, 16 values, 16 noise tokens; each key asked once after all pairs"),
    "mad_vocab_80": (32, 26, 0.2, 128, "26 of 32 keys, as MAD shows on average; each asked once after all pairs"),
    "mad_vocab_144": (64, 34, 0.2, 128, "34 of 64 keys, the most that fit (MAD shows 35 on average); each asked once"),
    "mad_length_256": (8, 8, 0.2, 256, "the baseline's pairs farther apart; each key asked once after all pairs"),
    "mad_length_512": (8, 8, 0.2, 512, "the baseline's pairs farther apart; each key asked once after all pairs"),
    "mad_length_1024": (8, 8, 0.2, 1024, "the baseline's pairs farther apart; each key asked once after all pairs"),
    "mad_noise_40": (8, 8, 0.4, 128, "noise takes blanks, not pairs; each key asked once after all pairs"),
    "mad_noise_60": (8, 8, 0.6, 128, "noise takes blanks, not pairs; each key asked once after all pairs"),
    "mad_noise_80": (8, 8, 0.8, 128, "noise takes blanks, not pairs (MAD binds 6 on average); each key asked once"),
}
"""Key tokens (and as many value tokens), pairs, noise, length, note."""


@dataclass(frozen=True)
class Noisy(Bindings):
    """Recall the value of each key through noise, which never means anything.

        tokens   f3 k1 v1  . f1 f1 k2 v2 k2 f4  . k1        . is the blank, f is noise
        targets   _  _  _  _  _  _  _  _ v2  _  _ v1        _ is IGNORE

    A pair is never torn. All pairs come before all questions, and every arrangement of both in the row is
    as likely as any other; the keys are asked in an order independent of the pairs, each once. So neither
    place nor order says which pair is asked, nor how many tokens lie between. The noise is then put on
    places left over: exactly round(noise x length) tokens of the row, halves up, independent and uniform
    over `num_noise` ids, on a uniform subset of those places. More noise moves no pair, no question and no
    distance. Keys of a row are distinct, values may repeat. Ids: 0 the blank, then keys, values and noise.

    Unlike the paper, keys do not come back as pairs, noise replaces blanks and not pairs, so that
    interference does not lower the load, and it comes in single tokens rather than two at a time.

    Noise is told from content by its id alone, in every row alike: a reader that gates by token needs
    no more memory than without it.
    """

    name: ClassVar[str] = "noisy"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_pairs"
    presets: ClassVar[Mapping[str, Preset]] = {
        name: Preset(
            {"num_pairs": pairs, "noise": noise, "num_noise": 16, "num_keys": size, "num_values": size}, length, note
        )
        for name, (size, pairs, noise, length, note) in _PRESETS.items()
    }

    num_pairs: int = difficulty(8, "pairs shown, and questions asked", moves="load")
    noise: float = difficulty(0.5, "share of the row's tokens that are noise, from 0 to below 1", moves="interference")
    num_noise: int = difficulty(16, "size of the noise alphabet", moves="vocabulary")
    num_keys: int = difficulty(32, "size of the key alphabet", moves="vocabulary")
    num_values: int = difficulty(32, "size of the value alphabet", moves="vocabulary")

    def check_fields(self) -> None:
        self.at_least("num_pairs", 1)
        self.at_least("num_noise", 1)
        self.check_alphabets(self.num_pairs, "pairs")
        if not 0 <= self.noise < 1:
            raise ValueError(f"{self.name}: noise must be from 0 to below 1, not {self.noise} (try --noise 0.8)")

    @property
    def fillers(self) -> range:
        return range(self.answers.stop, self.answers.stop + self.num_noise)

    @property
    def _share(self) -> Fraction:
        # The decimal as it is written: counts and the least length then are what a person works out.
        return Fraction(str(self.noise))

    def num_noisy(self, length: int) -> int:
        """Noise tokens of a row."""
        return int(self._share * length + Fraction(1, 2))

    @property
    def independent(self) -> bool:
        return True

    @property
    def min_length(self) -> int:
        # The least L for which L - floor(noise L + 1/2) is 3 tokens a pair: (1 - noise) L > 3 pairs - 1/2.
        return int((3 * self.num_pairs - Fraction(1, 2)) / (1 - self._share)) + 1

    def num_questions(self, length: int) -> int:
        return self.num_pairs

    def payload_bits(self, length: int) -> float:
        return self.num_pairs * float(np.log2(self.num_values))

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        pairs = self.num_pairs
        keys = draws.distinct(rng, rows, pairs, self.num_keys) + np.int32(self.keys.start)
        values = draws.uniform(rng, rows, pairs, self.answers)
        which = draws.shuffled(rng, rows, pairs)
        # Pairs and questions are cells of one row, in order; a pair's second token moves on what follows.
        cells: Ints = np.sort(draws.subsets(rng, rows, 2 * pairs, length - pairs), axis=1)
        written = np.arange(1, pairs + 1, dtype=np.int32) + cells[:, :pairs]
        asked = cells[:, pairs:] + np.int32(pairs)

        tokens = np.zeros((rows, length), np.int32)
        np.put_along_axis(tokens, written - 1, keys, axis=1)
        np.put_along_axis(tokens, written, values, axis=1)
        np.put_along_axis(tokens, asked, np.take_along_axis(keys, which, axis=1), axis=1)
        noise, left = self.num_noisy(length), length - 3 * pairs
        gaps = np.zeros((rows, left), np.int32)
        noisy = draws.uniform(rng, rows, noise, self.fillers)
        np.put_along_axis(gaps, draws.subsets(rng, rows, noise, left), noisy, axis=1)
        tokens[tokens == 0] = gaps.ravel()

        answers, origins = (np.take_along_axis(a, which, axis=1) for a in (values, written))
        return Batch(tokens, asked, answers, origins, Stored(written, keys, values))
