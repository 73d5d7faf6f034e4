"""Fuzzy recall: keys and values of one token or several.

Source: Poli et al. 2024, "Mechanistic Design and Scaling of Hybrid Architectures", the MAD tasks (arXiv 2403.17844).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import draws
from ..batch import Batch, Ints, Stored
from ..task import Preset, difficulty
from .bindings import Bindings

MARK = 1
LARGEST = 2**31
"""Key numbers are 32-bit integers."""

_PRESETS = {
    "mad": (7, 12, 128, "MAD's baseline, vocabulary 16: ends are marked; 12 pairs, each shown and asked once"),
    "mad_vocab_32": (15, 12, 128, "ends are marked; 12 pairs, each shown and asked once"),
    "mad_vocab_64": (31, 12, 128, "ends are marked; 12 pairs, each shown and asked once"),
    "mad_vocab_128": (63, 12, 128, "ends are marked; 12 pairs, each shown and asked once"),
    "mad_length_256": (
        7,
        21,
        256,
        "ends are marked; 21 pairs, the most that 7 key tokens name evenly, each asked once",
    ),
    "mad_length_512": (
        7,
        21,
        512,
        "ends are marked; 21 pairs, the most that 7 key tokens name evenly, each asked once",
    ),
    "mad_length_1024": (
        7,
        21,
        1024,
        "ends are marked; 21 pairs, the most that 7 key tokens name evenly, each asked once",
    ),
}
"""Key tokens (values have one more), pairs, length, note."""


@dataclass(frozen=True)
class Fuzzy(Bindings):
    """Recall the value, token by token, of a key that is told from the others by all of its tokens.

        tokens   k2 k7  : v1 v4 k7  : v3  . k7  : v3  . k2 k7  : v1 v4        with feedback
        tokens   k2 k7  : v1 v4 k7  : v3  . k7  :  .  . k2 k7  :  .  .        without; . is the blank
        targets   _  _  _  _  _  _  _  _  _  _ v3  _  _  _  _ v1 v4  _        _ is IGNORE

    The mark `:` ends a key; before a key stands a value, a blank or nothing, so both its ends are seen.
    Sizes are dealt like cards: each from 1 to `key_tokens` as often as any other, the small ones once more
    where they do not come out even, and likewise `value_tokens`. Every row then holds the same number of
    tokens. Who gets which size is uniform, for values independently of their keys. Keys of one size are a
    uniform set of distinct strings, values are independent and may repeat. Each key is asked once, in an
    order and at places drawn uniformly and independently of the pairs. Ids: 0 the blank, 1 the mark, then
    keys and values. The stored items are the value tokens.

    Unlike the paper, ends are marked, tokens may repeat inside a key or a value, keys of all sizes are asked,
    and each pair is shown once and asked once instead of coming back by chance.

    Two ways around the key: its last token alone names the value where no other key ends in it, which few
    key tokens make rare (58 % of first tokens at the defaults, 92 % among 32 key tokens); and with feedback
    a later token of a value can be found by the token before it, which is shown. Without feedback every
    token of a value has to be found by the key.
    """

    name: ClassVar[str] = "fuzzy"
    version: ClassVar[int] = 1
    load: ClassVar[str] = "num_pairs"
    controls: ClassVar[Sequence[str]] = ".:"
    presets: ClassVar[Mapping[str, Preset]] = {
        name: Preset(
            {"num_pairs": pairs, "key_tokens": 3, "value_tokens": 3, "num_keys": size, "num_values": size + 1},
            length,
            note,
        )
        for name, (size, pairs, length, note) in _PRESETS.items()
    }

    num_pairs: int = difficulty(6, "pairs shown, and keys asked", moves="load")
    key_tokens: int = difficulty(3, "keys are 1 to so many tokens", moves="form")
    value_tokens: int = difficulty(2, "values are 1 to so many tokens", moves="load")
    num_keys: int = difficulty(4, "size of the alphabet of key tokens", moves="vocabulary")
    num_values: int = difficulty(32, "size of the alphabet of value tokens", moves="vocabulary")
    feedback: bool = difficulty(True, "show each right answer at the step after it", moves="form")

    def check_fields(self) -> None:
        for name in ("num_pairs", "key_tokens", "value_tokens", "num_keys"):
            self.at_least(name, 1)
        self.check_alphabets(-(-self.num_pairs // self.key_tokens), "keys of one token")
        if self.key_tokens > 1 and self.num_keys ** min(self.key_tokens, 32) > LARGEST:
            most = max((m for m in range(1, 32) if self.num_keys**m <= LARGEST), default=1)
            raise ValueError(
                f"{self.name}: {self.num_keys} tokens spell over 2^31 keys of {self.key_tokens} "
                f"(try --key-tokens {most})"
            )

    @property
    def num_items(self) -> int:
        """Value tokens of a row."""
        return int(_dealt(self.num_pairs, self.value_tokens).sum())

    @property
    def _largest(self) -> tuple[int, int]:
        """Tokens of the longest key and of the longest value: fewer pairs than sizes leave the large ones out."""
        return min(self.key_tokens, self.num_pairs), min(self.value_tokens, self.num_pairs)

    @property
    def _shown(self) -> int:
        """Tokens that show every pair once."""
        return int(_dealt(self.num_pairs, self.key_tokens).sum()) + self.num_pairs + self.num_items

    @property
    def independent(self) -> bool:
        return True

    @property
    def min_length(self) -> int:
        return 2 * self._shown

    def num_questions(self, length: int) -> int:
        return self.num_items

    def payload_bits(self, length: int) -> float:
        return self.num_items * float(np.log2(self.num_values))

    @property
    def shares(self) -> NDArray[np.float64]:
        return np.full(self.num_items, 1 / self.num_items)

    @property
    def shows_answers(self) -> bool:
        return self.feedback

    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        block, offset, used = self._blocks(rng, rows)
        value = used & (np.arange(block.shape[2]) > self._largest[0])
        starts, starts_again = self._starts(rng, used.sum(axis=2, dtype=np.int32), length)
        places, places_again = (start[:, :, None] + offset for start in (starts, starts_again))

        tokens = np.zeros((rows, length), np.int32)
        row = np.broadcast_to(np.arange(rows)[:, None, None], block.shape)
        for at, there in ((places, used), (places_again, used if self.feedback else used & ~value)):
            tokens[row[there], at[there]] = block[there]

        written, again, values = (a[value].reshape(rows, self.num_items) for a in (places, places_again, block))
        order = np.argsort(again, axis=1)
        asked, answers, origins = (np.take_along_axis(a, order, axis=1) for a in (again - 1, values, written))
        return Batch(tokens, asked, answers, origins, Stored(written, np.full_like(values, -1), values))

    def _blocks(self, rng: np.random.Generator, rows: int) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Every pair as a key, the mark and a value of the largest sizes: tokens, places from the pair's start,
        and which of them are there, each [rows, pairs, tokens].

        Keys of m tokens are distinct numbers below num_keys^m, spelled in base num_keys.
        """
        pairs, (most_k, most_v) = self.num_pairs, self._largest
        keys = np.zeros((rows, pairs, most_k), np.int32)
        for size in range(1, most_k + 1):
            numbers = draws.distinct(rng, rows, len(range(size - 1, pairs, most_k)), self.num_keys**size)
            digits = numbers[:, :, None] // self.num_keys ** np.arange(size) % self.num_keys
            keys[:, size - 1 :: most_k, :size] = digits + self.keys.start
        order = draws.shuffled(rng, rows, pairs)[:, :, None]
        values = draws.uniform(rng, rows, pairs * most_v, self.answers).reshape(rows, pairs, -1)

        size_k = _dealt(pairs, most_k)[order]
        size_v = rng.permuted(np.tile(_dealt(pairs, most_v), (rows, 1)), axis=1)[:, :, None]
        number_k, number_v = (np.arange(m, dtype=np.int32) for m in (most_k, most_v))
        mark = np.full_like(size_k, MARK)
        block = np.concatenate([np.take_along_axis(keys, order, axis=1), mark, values], axis=2)
        offset = np.concatenate([np.broadcast_to(number_k, keys.shape), size_k, size_k + 1 + number_v], axis=2)
        used = np.concatenate([number_k < size_k, mark == MARK, number_v < size_v], axis=2)
        return block, offset, used

    def _starts(self, rng: np.random.Generator, sizes: Ints, length: int) -> tuple[Ints, Ints]:
        """Where each pair starts when it is shown and when it is asked: both [rows, pairs]."""
        rows, pairs = sizes.shape
        which = draws.shuffled(rng, rows, pairs)
        in_order = np.take_along_axis(sizes, which, axis=1)
        # A question is drawn as one cell of what is left and moved on by the sizes of those before it.
        cells = np.sort(draws.subsets(rng, rows, pairs, length - 2 * self._shown + pairs), axis=1)
        starts_again = np.empty_like(sizes)
        moved = self._shown - np.arange(pairs, dtype=np.int32) + cells + _before(in_order)
        np.put_along_axis(starts_again, which, moved, axis=1)
        return _before(sizes), starts_again

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        pairs: dict[tuple[int, ...], list[int]] = {}
        answers: dict[int, int] = {}
        key: list[int] = []
        writing: list[int] = []
        wanted: list[int] = []
        for t, token in enumerate(tokens):
            if token in self.keys:
                key.append(token)
                wanted = []
            elif token == MARK:
                asks = tuple(key) in pairs
                value = pairs.setdefault(tuple(key), [])
                writing, wanted, key = ([] if asks else value), (list(value) if asks else []), []
            elif token in self.answers:
                writing.append(token)
            if wanted:
                answers[t] = wanted.pop(0)
        return answers


def _dealt(count: int, most: int) -> Ints:
    """Sizes 1, 2, .., most, 1, 2, .. for `count` things."""
    return np.arange(count, dtype=np.int32) % most + 1


def _before(sizes: Ints) -> Ints:
    """The sum of the sizes before each: [rows, things]."""
    before: Ints = np.cumsum(sizes, axis=1, dtype=np.int32) - sizes
    return before
