"""What a score is held against: chance, the floors of readers that shirk, the ceiling of a finite state.

A floor is what a reader scores without doing what is asked; a ceiling is what no reader with so many
bits of state can exceed. All are accuracies from 0 to 1 over all questions; payloads and recalled
information are in bits per row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .batch import Batch
from .information import naming_bits
from .readers import Bag, Memoryless, Position, Reader, Recency, accuracy
from .stream import BLOCK, Stream
from .task import Task

Floats = NDArray[np.float64]


def chance(task: Task) -> float:
    """Accuracy of a uniform guess among the answers."""
    _check_task(task)
    return task.chance


def bag_floor(task: Task, length: int) -> float:
    """Accuracy of the best reader that knows which values a row showed, but not whose: see `readers.Bag`.

    Exact for tasks whose stored values are independent and uniform: with K values out of V it is
    E[largest multiplicity] / K. Where answers are shown after their questions the reader crosses them
    off, and the floor is the mean of that over K, K - 1, ..., 1 values left. Measured for other tasks.
    """
    _check_task(task, length)
    if not task.independent:
        return _measured(task, length, lambda batches: Bag())
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

    It is 1 for tasks that ask for the order of what was shown, such as copying.
    """
    return _measured(task, length, Position)


@lru_cache(maxsize=1024)
def memoryless_floor(task: Task, length: int) -> float:
    """Accuracy of the best reader that sees the token that asks and nothing before it: chance on balanced tasks."""
    return task.chance if task.balanced else _measured(task, length, Memoryless)


@lru_cache(maxsize=1024)
def recency_floor(task: Task, length: int) -> float:
    """Accuracy of the reader that says the value shown last."""
    return _measured(task, length, lambda batches: Recency())


def _measured(task: Task, length: int, fit: Callable[[Iterable[Batch]], Reader]) -> float:
    """Accuracy of a reader fitted on rows of the probe split and scored on as many others, never below chance.

    2,048 rows each, fewer for long ones, 16 at the least: the same number comes out every time.
    """
    stream = Stream(task, length, "probe")
    half = -(-int(np.clip(2**24 // length, 16, 8 * BLOCK)) // stream.block_rows)
    reader = fit(stream.block(b) for b in range(half))
    scores = [accuracy(reader, stream.block(b), task) for b in range(half, 2 * half)]
    return max(task.chance, float(np.mean(scores)))


def floors(task: Task, length: int) -> dict[str, float]:
    """Accuracies that need no recall: `chance`, `memoryless`, `bag`, `position` and `recency`."""
    _check_task(task, length)
    return {
        "chance": chance(task),
        "memoryless": memoryless_floor(task, length),
        "bag": bag_floor(task, length),
        "position": position_floor(task, length),
        "recency": recency_floor(task, length),
    }


def ceiling(state_bits: float, task: Task, length: int) -> float:
    """The best accuracy that a state of `state_bits` bits allows, whatever reads it.

    Rate distortion: answering about an item with accuracy a takes `task.bits_for(a)` bits about it (for
    naming one of V equally likely values, log2 V - h(1 - a) - (1 - a) log2(V - 1)). Bits go where they
    raise the expected score most: items asked more often get more of them. A task that asks while it is
    still writing is bounded at each number of items held, and the bounds are averaged. What items tell
    of one another comes for free (the Shannon lower bound): such a ceiling is above chance at 0 bits.
    Otherwise it rises from chance at 0 bits to 1 at the payload, or before it where answers are derived.
    Raises ValueError for negative bits.
    """
    if not _within(state_bits, 0, np.inf):
        raise ValueError(f"state_bits must be a number of at least 0, not {state_bits!r}")
    _check_task(task, length)
    score = min(1.0, sum(_ceiling(state_bits, part, lengths) for part, lengths in task.portions(length)))
    return task.chance if abs(score - task.chance) < 1e-6 else score


def _ceiling(state_bits: float, task: Task, lengths: Sequence[tuple[float, int]]) -> float:
    """The part of the score that comes from one task at some lengths, each with its share of all questions."""
    score = 0.0
    even: list[tuple[float, float]] = []
    for weight, length in lengths:
        if state_bits >= task.payload_bits(length):
            score += weight
            continue
        bits = state_bits + _known(task, length)
        for share, shares in task.bottlenecks(length):
            if np.ptp(shares) < 1e-12:
                even.append((weight * share, bits / len(shares)))
            else:
                score += weight * share * _uneven(bits, shares, task.num_answers)
    weights, bits_each = np.array(even, np.float64).reshape(-1, 2).T
    return score + float(weights @ _best(bits_each, task)) if even else score


def recalled_bits(accuracy: float, task: Task, length: int) -> float:
    """The least state, in bits per row, that allows this accuracy: the inverse of `ceiling`.

    0 at or below chance, the payload at 1 (less where answers are derived): comparable across tasks,
    loads and vocabularies. Raises ValueError for an accuracy outside 0 to 1.
    """
    _check_share(accuracy)
    _check_task(task, length)
    if accuracy <= task.chance:
        return 0.0
    low, high = 0.0, max(_unrelated(t, n) - _known(t, n) for t, lengths in task.portions(length) for _, n in lengths)
    if accuracy == 1:
        return high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if ceiling(middle, task, length) < accuracy else (low, middle)
    return high


def _unrelated(task: Task, length: int) -> float:
    """Bits that the most items held would take if none told anything of another."""
    return max(len(shares) for _, shares in task.bottlenecks(length)) * float(task.bits_for(1.0))


def _known(task: Task, length: int) -> float:
    """Bits of the items that follow from the other items."""
    return max(0.0, _unrelated(task, length) - task.payload_bits(length))


def _check_task(task: Task, length: int | None = None) -> None:
    if not isinstance(task, Task):
        raise ValueError(f"a bound is of a task such as MQAR() or make_task('mqar'), not {task!r}")
    if length is not None:
        task.check_length(length)


def _check_share(accuracy: float) -> None:
    if not _within(accuracy, 0, 1):
        raise ValueError(f"accuracy must be from 0 to 1, not {accuracy!r}")


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float | np.number) and bool(low <= value <= high)


def _best(bits: Floats, task: Task) -> Floats:
    """The best accuracy with so many bits about each item: `task.bits_for` inverted, by bisection."""
    low, high = np.full_like(bits, task.chance), np.ones_like(bits)
    for _ in range(50):
        middle = (low + high) / 2
        fits = task.bits_for(middle) <= bits
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.where(bits >= task.bits_for(1.0), 1.0, low)


def _uneven(state_bits: float, shares: Floats, num_values: int) -> float:
    """The best accuracy at naming items that are asked with these shares.

    At the optimum each item obeys share * price = d(bits)/d(accuracy) = log2(a (V - 1) / (1 - a)); the
    price that spends the state is found by bisection.
    """
    V = num_values
    if state_bits >= len(shares) * np.log2(V):
        return 1.0

    def at(price: float) -> tuple[float, float]:
        odds = (V - 1) * np.exp2(-price * shares / shares.max())
        a = 1 / (1 + odds)
        return float(shares @ a), float(naming_bits(a, V).sum())

    low, high = 0.0, 1.0
    while at(high)[1] < state_bits and high < 2**20:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle)[1] < state_bits else (low, middle)
    return at(high)[0]


def item_bits(accuracy: float, num_values: int) -> float:
    """Bits about one of `num_values` equally likely values that naming it with this accuracy takes.

    0 at or below chance, log2 of the values at 1: one item's share of `recalled_bits`.
    """
    _check_share(accuracy)
    return max(0.0, float(naming_bits(accuracy, num_values)))
