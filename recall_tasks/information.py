"""How many bits about one of V equally likely values an accuracy takes, by what is asked of it.

Each is a rate-distortion function: no memory that holds fewer bits about a value, and no reader of it,
does better on average (Shannon 1959; Cover & Thomas, Elements of Information Theory, chapter 10). All
take accuracies from chance to 1, as arrays of any shape, and rise with them from 0.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def naming_bits(accuracy: ArrayLike, num_values: int) -> Floats:
    """Bits to name the value: log2 V - h(1 - a) - (1 - a) log2(V - 1), with h the binary entropy.

    From 0 at accuracy 1 / V to log2 V at 1.
    """
    a = np.clip(np.asarray(accuracy, np.float64), 1 / num_values, 1.0)
    wrong = 1 - a
    return np.asarray(np.log2(num_values) - _entropy(a) - wrong * np.log2(max(1, num_values - 1)))


def matching_bits(accuracy: ArrayLike, num_values: int) -> Floats:
    """Bits to say whether a value shown later is the same, where half of those shown are and the others are
    uniform over the rest: from 0 at accuracy 1/2 to log2 V at 1.

    A posterior that puts mass m evenly on s candidates answers "same" for those: wrong with probability
    ((s - m) / (V - 1) + 1 - m) / 2. The curve is the lower convex hull of bits over all s and m.
    """
    scores, bits = _matching_curve(num_values)
    return np.asarray(np.interp(np.clip(np.asarray(accuracy, np.float64), 0.5, 1.0), scores, bits))


@lru_cache(maxsize=64)
def _matching_curve(num_values: int) -> tuple[Floats, Floats]:
    """Corners of the hull: accuracies, rising, and their bits."""
    V = num_values
    points = [(0.5, 0.0)]
    for s in np.unique(np.geomspace(1, V, 512).astype(int)):
        m = np.linspace(s / V, 1, 257)
        spread = (1 - m) * np.log2(max(1, V - s))
        bits = np.log2(V) - _entropy(m) - m * np.log2(s) - spread
        right = 1 - ((s - m) / (V - 1) + 1 - m) / 2
        points += zip(right.tolist(), np.maximum(bits, 0).tolist(), strict=True)
    hull: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (point[0], -point[1])):
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    scores, bits = np.array(hull).T
    return scores, bits


def _turns_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or above the line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])


def _entropy(p: Floats) -> Floats:
    """Binary entropy in bits, 0 at both ends."""
    p = np.clip(p, 1e-300, 1.0)
    q = np.clip(1 - p, 1e-300, 1.0)
    return np.asarray(-(p * np.log2(p) + q * np.log2(q)))
