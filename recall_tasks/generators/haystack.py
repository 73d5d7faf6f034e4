"""What fills a row around its needles: blanks, random tokens, or tokens with the statistics of a text.

    constant   blanks
    uniform    fillers, independent and uniform (one filler: the same token over and over)
    markov     fillers as in a text: a few are common, most are rare, and each foretells the next
    needles    pairs of a filler and a random value: needles but for their keys, which are never asked

The Markov chain is the table of adjacent tokens of a text that is fixed by the number F of fillers: in a
closed text of N tokens the r-th filler stands ceil(F / r) times (Zipf 1949: rank times count is constant),
and the chain goes from a filler to what follows one of its places, chosen uniformly. So its stationary
law is known, count / N; common fillers have many successors and rare ones few (half of the fillers at
most two). The text is written by a rule, not drawn: place s is followed by place
a s + 1 mod N, where a is the first number from N (sqrt 5 - 1) / 2 on without a common divisor with N.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np

from .. import draws
from ..batch import Ints

HAYSTACKS = ("constant", "uniform", "markov", "needles")
SENTENCE = 32
"""Tokens after which the Markov chain starts afresh, in its stationary law: sentences are drawn side by side."""


def fill(kind: str, rng: np.random.Generator, length: int, starts: Ints, fillers: range, values: range) -> Ints:
    """A haystack of its kind, for needles that will be written at `starts` [rows, needles]: [rows, length]."""
    rows = len(starts)
    if kind == "uniform":
        return draws.uniform(rng, rows, length, fillers)
    if kind == "markov":
        return text(rng, rows, length, len(fillers)) + np.int32(fillers.start)
    tokens = np.zeros((rows, length), np.int32)
    if kind == "needles":
        # Pairs count from the last needle on, so that none is cut; a gap of odd size ends in a lone filler.
        np.put_along_axis(tokens, starts, starts + 2, axis=1)
        odd = (np.arange(length, dtype=np.int32) - np.maximum.accumulate(tokens, axis=1)) % 2 == 1
        keys, shown = (draws.uniform(rng, rows, length, alphabet) for alphabet in (fillers, values))
        tokens = np.where(odd, shown, keys)
    return tokens


def text(rng: np.random.Generator, rows: int, length: int, num_fillers: int) -> Ints:
    """Rows of the Markov chain, as ranks from 0, the commonest: [rows, length]."""
    counts, first, following = chain(num_fillers)
    sentences = -(-length // SENTENCE)
    ranks = np.empty((SENTENCE, rows, sentences), np.int32)
    # A uniform place of the text holds a stationary filler, whatever follows it.
    ranks[0] = following[rng.integers(0, len(following), size=(rows, sentences), dtype=np.int32)]
    for step in range(1, SENTENCE):
        before = ranks[step - 1]
        places = first[before] + rng.integers(0, counts[before], dtype=np.int32)
        ranks[step] = following[places]
    return ranks.transpose(1, 2, 0).reshape(rows, -1)[:, :length]


@lru_cache(maxsize=16)
def chain(num_fillers: int) -> tuple[Ints, Ints, Ints]:
    """The text's table: how often each rank stands in it, where the places of each rank begin, and the rank
    that follows each place."""
    ranks = np.arange(1, num_fillers + 1)
    counts = -(-num_fillers // ranks)
    size = int(counts.sum())
    stride = int(size * (5**0.5 - 1) / 2)
    while gcd(stride, size) > 1:
        stride += 1
    held = np.repeat(ranks - 1, counts)
    following = held[(stride * np.arange(size, dtype=np.int64) + 1) % size]
    first = np.cumsum(counts) - counts
    return counts.astype(np.int32), first.astype(np.int32), following.astype(np.int32)
