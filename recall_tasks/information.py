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
    a = np.minimum(
        np.maximum(np.asarray(accuracy, np.float64), 1 / num_values), 1.0
    )  # np.clip takes three times as long
    wrong = 1 - a
    return np.asarray(np.log2(num_values) - _entropy(a) - wrong * np.log2(max(1, num_values - 1)))


def matching_bits(accuracy: ArrayLike, num_values: int) -> Floats:
    """Bits to say whether a value shown later is the same, where half of those shown are and the others are
    uniform over the rest: from 0 at accuracy 1/2 to log2 V at 1.

    Who holds mass m evenly on s of the V values and says "same" for those is right with probability
    (m V + V - 1 - s) / (2 (V - 1)), and no law with that mass on s values takes fewer bits. At a price of
    2 b (V - 1) / V bits for each unit of accuracy the least of bits less accuracy bought, over m, is

        log2 V - log2(V + s (2^b - 1)) - b (V - 1 - s) / V,

    convex in s, so least next to where its slope is 0. Every price bounds the bits from below by a line,
    and the curve is the highest of them: with finitely many prices it is never above the truth.
    """
    a = np.clip(np.asarray(accuracy, np.float64), 0.5, 1.0)
    slopes, intercepts = _matching_lines(num_values)
    bits = (a[..., None] * slopes + intercepts).max(axis=-1)
    return np.asarray(np.where(a == 1, np.log2(num_values), np.maximum(bits, 0.0)))


@lru_cache(maxsize=64)
def _matching_lines(num_values: int) -> tuple[Floats, Floats]:
    """Slopes and intercepts of the lines that bound the bits from below, by price."""
    V = num_values
    b = np.geomspace(1e-6, 64.0 + 4 * V, 4096)  # the last of V candidates is ruled out at a price of about 2 V
    shrink = np.exp2(-b)
    turn = np.clip(V / (b * np.log(2)) + V * shrink / np.expm1(-b * np.log(2)), 1, V - 1)
    s = np.stack([np.floor(turn), np.ceil(turn)])
    least = np.log2(V) - b - np.log2(s + (V - s) * shrink) - b * (V - 1 - s) / V
    return 2 * b * (V - 1) / V, least.min(axis=0)


def mean_bits(accuracy: ArrayLike, num_values: tuple[int, ...]) -> Floats:
    """Bits that name values from alphabets of several sizes at this mean accuracy, the same bits for each.

    With so many bits the mean accuracy is the mean of what `naming_bits` allows at each size, which is
    concave in them: every tangent bounds the bits from below, and the highest is taken. From 0 at the
    mean chance to log2 of the largest alphabet at 1.
    """
    a = np.asarray(accuracy, np.float64)
    slopes, intercepts = _mean_lines(num_values)
    bits = (np.minimum(a, 1.0)[..., None] * slopes + intercepts).max(axis=-1)
    return np.asarray(np.where(a >= 1, np.log2(max(num_values)), np.maximum(bits, 0.0)))


@lru_cache(maxsize=64)
def _mean_lines(num_values: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Slopes and intercepts of the tangents, at bits denser towards both ends."""
    sizes = np.array(num_values, np.float64)
    bits = np.log2(sizes.max()) * (1 - np.cos(np.linspace(0, np.pi, 513)[1:-1])) / 2
    low, high = np.repeat(1 / sizes[None], len(bits), axis=0), np.ones((len(bits), len(sizes)))
    for _ in range(50):
        middle = (low + high) / 2
        take = np.log2(sizes) - _entropy(middle) - (1 - middle) * np.log2(np.maximum(1, sizes - 1))
        low, high = np.where(take <= bits[:, None], middle, low), np.where(take <= bits[:, None], high, middle)
    price = np.log2(np.maximum(high, 1e-300) * (sizes - 1) / np.maximum(1 - high, 1e-15))
    gain = np.where(bits[:, None] < np.log2(sizes), 1 / price, 0.0).mean(axis=1)
    return 1 / gain, bits - high.mean(axis=1) / gain


def _entropy(p: Floats) -> Floats:
    """Binary entropy in bits, 0 at both ends."""
    p, q = np.maximum(p, 1e-300), np.maximum(1 - p, 1e-300)
    return np.asarray(-(p * np.log2(p) + q * np.log2(q)))
