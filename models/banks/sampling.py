"""Where memory tokens are read: places x_j in [0, 1] of the past (arXiv 2602.11212, section 2.3).

    uniform              x_j = (j + o) / S
    exponential          x_j = 1 - alpha^(j + o), dense near the present
    exponential 0.9      the same with that alpha; by default alpha = t^(-1/S): S cells from t tokens ago to one
    0.1 0.5 0.9          the places themselves

j = 0 is the oldest. o = 1/2 is the middle of a cell; with `left` o = 0 is its left edge, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..hippo import legendre
from ..hippo.legendre import Array


def numbers(words: list[str], sampling: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, words))
    except ValueError:
        raise ValueError(
            f"sampling is uniform, exponential, exponential and its alpha, or places from 0 to 1, not {sampling!r}"
        ) from None


@dataclass(frozen=True)
class Sampling:
    """`given` places, or `exponential` ones, or uniform ones; `alpha` 0 is chosen by length."""

    exponential: bool = False
    alpha: float = 0.0
    given: tuple[float, ...] = ()
    left: bool = False

    @classmethod
    def parse(cls, sampling: str, points: int, left: bool = False) -> Sampling:
        """From words: see above. Raises ValueError for words that say nothing, or not `points` places."""
        kind, *rest = sampling.replace(",", " ").split() or [""]
        if kind == "uniform" and not rest:
            return cls(left=left)
        if kind == "exponential" and len(rest) < 2:
            (alpha,) = numbers(rest, sampling) or (0.0,)
            if rest and not 0 < alpha < 1:
                raise ValueError(f"exponential sampling takes an alpha between 0 and 1, not {rest[0]}")
            return cls(exponential=True, alpha=alpha, left=left)
        given = numbers([kind, *rest], sampling)
        if not all(0 <= x <= 1 for x in given):
            raise ValueError(f"places are from 0, the oldest, to 1, the present, not {sampling!r}")
        if len(given) != points:
            raise ValueError(f"{len(given)} places need num_samples = {len(given)}, not {points}")
        if left:
            raise ValueError("places that are given have no cells: left goes with uniform and exponential")
        return cls(given=given)

    def places(self, points: int, t: int) -> Array:
        """[points] in the past of t tokens; given ones are interpolated in rank where others are asked for."""
        offset = 0.0 if self.left else 0.5
        if self.exponential:
            return legendre.exponential(points, t, self.alpha, offset)
        if not self.given:
            return legendre.uniform(points, offset)
        given = np.array(self.given, dtype=np.float64)
        if points == len(given):
            return given
        return np.interp(legendre.uniform(points), legendre.uniform(len(given)), np.sort(given))
