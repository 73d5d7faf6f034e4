"""Tokens as they are, nearest to the places at which memory is sampled: is compression needed at all?

The N slots stand at N places of the sampling. At the end of a block each takes, of all tokens held and new,
the one nearest to its place; a token between places is lost for good. With num_samples = N the memory
tokens are the slots.
"""

from __future__ import annotations

from .slots import Positions, Slots, nearest


class Samples(Slots):
    """Raw tokens at the places of the sampling."""

    def choose(self, candidates: Positions, t: int) -> Positions:
        return candidates[nearest(candidates, t * self.sampling.places(self.N, t))]
