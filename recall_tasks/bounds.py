"""What a score is held against: chance, the floors of readers that shirk, the ceiling of a finite state.

A floor is what a reader scores without doing what is asked; a ceiling is what no reader with so many
bits of state can exceed. All are accuracies from 0 to 1 over all questions; payloads and recalled
information are in bits per row.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .readers import Position, accuracy
from .stream import BLOCK, Stream
from .task import Task

Floats = NDArray[np.float64]


def chance(task: Task) -> float:
    """Accuracy of a uniform guess among the answers."""
    return task.chance


def bag_floor(task: Task) -> float:
    """Accuracy of the best reader that knows which values a row showed, but not whose: see `readers.Bag`.

    Exact for tasks whose stored values are independent and uniform: with K values out of V it is
    E[largest multiplicity] / K. Where answers are shown after their questions the reader crosses them
    off, and the floor is the mean of that over K, K - 1, ..., 1 values left.
    """
    items = len(task.shares)
    left = range(1, items + 1) if task.shows_answers else (items,)
    return float(np.mean([largest_multiplicity(k, task.num_answers) / k for k in left]))


@lru_cache(maxsize=4096)
def largest_multiplicity(draws: int, values: int) -> float:
    """E[how often the commonest value comes up] in `draws` independent uniform draws among `values`.

    Counts of a multinomial are independent Poisson counts given their sum (Levin 1981, "A representation
    for multinomial cumulative distribution functions"), so P(all <= m) is the probability that `values`
    Poisson counts cut off at m add up to `draws`, over the same without the cut. The sum's law is a
    power of the characteristic function; its tail past `points` is below the precision of a float.
    Good to about 1e-13 (draws + values).
    """
    points = 2 * draws + 128
    mean = draws / values
    number = np.arange(points)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(number[1:]))])
    poisson = np.exp(number * np.log(mean) - mean - log_factorial)
    all_draws = np.exp(draws * np.log(draws) - draws - log_factorial[draws])
    phase = 2 * np.pi * number * draws / points

    least = -(-draws // values)
    expected = float(least)
    for most in range(least, draws):
        one = np.fft.fft(np.where(number <= most, poisson, 0.0))
        # The real part of one ** values * exp(i phase): a complex power is many times slower.
        every = np.abs(one) ** values * np.cos(values * np.angle(one) + phase)
        exceeds = 1 - float(every.mean() / all_draws)
        if exceeds < 1e-13 * (points + values):  # rounding, from here on
            break
        expected += exceeds
    return expected


@lru_cache(maxsize=1024)
def position_floor(task: Task, length: int) -> float:
    """Accuracy of the best reader that keeps every value but looks only at where a question stands.

    Measured: `readers.Position` is fitted on rows of the probe split and scored on as many others
    (2,048 each, fewer for long rows), so the same number comes out every time. Never below chance.
    It is 1 for tasks that ask for the order of what was shown, such as copying.
    """
    stream = Stream(task, length, "probe")
    half = int(np.clip(2**22 // (length * BLOCK), 1, 8))
    reader = Position(stream.block(b) for b in range(half))
    scores = [accuracy(reader, stream.block(b), task) for b in range(half, 2 * half)]
    return max(task.chance, float(np.mean(scores)))


def floors(task: Task, length: int) -> dict[str, float]:
    """Accuracies that need no recall: `chance`, `bag` and `position`."""
    return {"chance": chance(task), "bag": bag_floor(task), "position": position_floor(task, length)}


def ceiling(state_bits: float, task: Task, length: int) -> float:
    """The best accuracy that a state of `state_bits` bits allows, whatever reads it.

    Rate distortion under Hamming distortion: to name one of V equally likely values with accuracy a
    takes log2 V - h(1 - a) - (1 - a) log2(V - 1) bits (Cover & Thomas, Elements of Information Theory).
    Bits go where they raise the expected score most: items asked more often get more of them.
    Holds for rows that ask after all is written. From chance at 0 bits to 1 at the payload.
    Raises ValueError for negative bits.
    """
    if not state_bits >= 0:
        raise ValueError(f"state_bits must be at least 0, not {state_bits}")
    if state_bits >= task.payload_bits(length):
        return 1.0
    return _curve(task, length, _price(task, length, 1, state_bits))[0]


def recalled_bits(accuracy: float, task: Task, length: int) -> float:
    """The least state, in bits per row, that allows this accuracy: the inverse of `ceiling`.

    0 at or below chance, the payload at 1: comparable across tasks, loads and vocabularies.
    Raises ValueError for an accuracy outside 0 to 1.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be from 0 to 1, not {accuracy}")
    if accuracy <= task.chance:
        return 0.0
    if accuracy == 1:
        return task.payload_bits(length)
    return _curve(task, length, _price(task, length, 0, accuracy))[1]


def _curve(task: Task, length: int, price: float) -> tuple[float, float]:
    """Best accuracy and the bits it takes when a bit must earn 1 / price of the score.

    At the optimum each item obeys share * price = d(bits)/d(accuracy) = log2(a (V - 1) / (1 - a)).
    """
    V = task.num_answers
    shares, items = np.unique(task.shares, return_counts=True)
    odds = (V - 1) * np.exp2(-price * shares / shares.max())
    a, e = 1 / (1 + odds), odds / (1 + odds)
    bits = np.log2(V) + a * np.log2(a) + e * np.log2(np.maximum(e, 1e-300) / (V - 1))
    scale = task.payload_bits(length) / (len(task.shares) * np.log2(V))
    return float((items * shares) @ a), max(0.0, float(items @ bits * scale))


def _price(task: Task, length: int, of: int, target: float) -> float:
    """The price at which `_curve` gives the target accuracy (of=0) or bits (of=1), by bisection."""
    low, high = 0.0, 1.0
    while _curve(task, length, high)[of] < target and high < 2**20:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _curve(task, length, middle)[of] < target else (low, middle)
    return high


def item_bits(accuracy: float, num_values: int) -> float:
    """Bits about one of `num_values` equally likely values that naming it with this accuracy takes.

    0 at or below chance, log2 of the values at 1: one item's share of `recalled_bits`.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be from 0 to 1, not {accuracy}")
    if accuracy <= 1 / num_values:
        return 0.0
    wrong = 1 - accuracy
    entropy = -sum(p * np.log2(p) for p in (accuracy, wrong) if p > 0)
    return float(np.log2(num_values) - entropy - wrong * np.log2(max(1, num_values - 1)))
