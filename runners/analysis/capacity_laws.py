"""Laws to compare a memory's capacity with, in items (pairs of a key and a value) of a sequence.

    information   no reader of M bits of state names more items with accuracy a than M / bits(a)
    Hebbian       S = sum of k v^T over n pairs with random unit keys, read by S^T q
    inverse       the same matrix by least squares: perfect up to as many pairs as keys have dimensions

They belong to memories that were not trained: keys drawn at random, one matrix, one read. A trained model
may choose its keys and has layers around the matrix, so it may do better than the second and the third.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recall_tasks import Task

Floats = NDArray[np.float64]

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(48)
"""Expectations under a standard normal law."""


def information_capacity(state_bits: float, task: Task, length: int, threshold: float) -> float:
    """Most items that a state of so many bits can answer with accuracy `threshold`: `bounds.ceiling` inverted.

    A real number, whatever loads the task's alphabets have room for. NaN where the law has no such closed
    form: items that are not independent, not queried alike, or queried while others are still written.
    Raises ValueError for negative bits and for a threshold that is not from chance to 1.
    """
    if not state_bits >= 0:
        raise ValueError(f"state_bits must be at least 0, not {state_bits!r}")
    if not task.chance < threshold <= 1:
        raise ValueError(f"a threshold is above chance, {task.chance:g}, and at most 1, not {threshold!r}")
    queries, each = task.bottlenecks(length), float(task.bits_for(1.0))
    items = len(queries[0][1])
    plain = len(queries) == 1 and np.ptp(queries[0][1]) < 1e-12 and items == getattr(task, task.load)
    if not plain or abs(task.payload_bits(length) - items * each) > 1e-6 * each:
        return float("nan")
    return float(state_bits / task.bits_for(threshold))


def hebbian_law(d_k: float, d_v: float, num_values: int) -> float:
    """Hebbian capacity as a formula: n = d_k / (2 ln V (1 / V + 1 / d_v)).

    A read is the right value plus noise, whose part along any value has variance (n - 1) / d_k times
    1 / V + 1 / d_v; n is where the largest of V such parts, about sqrt(2 ln V) deviations, is 1. That is more
    than the largest of few values is, so the true half point lies above: `hebbian_capacity` has it.
    """
    _check(d_k, d_v, num_values)
    return float(d_k / (2 * np.log(num_values) * (1 / num_values + 1 / d_v)))


def hebbian_accuracy(pairs: float, d_k: float, d_v: float, num_values: int) -> float:
    """Chance that the nearest of V random unit values to a read is the right one, among so many pairs.

    The read is v + s g with g standard normal in d_v dimensions and s^2 the variance above. It is right
    where none of the other V - 1 values, uniform on the sphere, makes a smaller angle with it than v does:
    the cap of that angle to the power V - 1, averaged over g. Against simulations its load is right to 12 %
    from d_v = 16 on.
    """
    _check(d_k, d_v, num_values)
    s = np.sqrt(max(0.0, pairs - 1) / d_k * (1 / num_values + 1 / d_v))
    if s == 0:
        return 1.0
    radius, weight = _chi(d_v - 1)
    along, across = 1 + s * NODES[:, None], s * radius
    outside = _beyond(d_v, np.arctan2(across, along))
    return min(1.0, float(WEIGHTS @ outside ** (num_values - 1) @ weight / WEIGHTS.sum()))


@lru_cache(maxsize=4096)
def hebbian_capacity(d_k: float, d_v: float, num_values: int, threshold: float) -> float:
    """Pairs at which `hebbian_accuracy` falls to the threshold; at least 1."""
    _check(d_k, d_v, num_values)
    if not 1 / num_values < threshold < 1:
        raise ValueError(f"a threshold is above chance, {1 / num_values:g}, and below 1, not {threshold!r}")
    return _last(lambda pairs: hebbian_accuracy(pairs, d_k, d_v, num_values) >= threshold)


def inverse_capacity(d_k: float) -> float:
    """Pairs that a matrix holds without any error: as many as keys have dimensions, whatever the keys.

    Random keys up to that number are linearly independent, so that one matrix maps each to its value.
    """
    return d_k


def square_matrix(state_floats: float) -> float:
    """Side d of one matrix of d x d numbers that takes so many floats."""
    return float(np.sqrt(state_floats))


def _last(holds: Callable[[float], bool]) -> float:
    """Largest number from 1 on up to which it holds, to a thousandth."""
    low, high = 1.0, 2.0
    while holds(high):
        low, high = high, 2 * high
    while high / low > 1.001:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _check(d_k: float, d_v: float, num_values: int) -> None:
    if d_k < 1 or d_v < 2 or num_values < 2:
        raise ValueError(f"the law needs d_k >= 1, d_v >= 2 and 2 values, not {d_k}, {d_v} and {num_values}")


def _chi(degrees: float) -> tuple[Floats, Floats]:
    """Lengths of a standard normal vector of so many dimensions, and the weight of each."""
    r = np.linspace(0, np.sqrt(degrees) + 6, 241)[1:]
    log_density = (degrees - 1) * np.log(r) - r * r / 2
    density = np.exp(log_density - log_density.max())
    return r, density / density.sum()


@lru_cache(maxsize=256)
def _sphere(d: float) -> tuple[Floats, Floats]:
    """Angles from 0 to pi, and the fraction of the sphere in d dimensions that lies beyond each."""
    angle = np.linspace(0, np.pi, 2001)
    density = np.sin(angle) ** (d - 2)
    within = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return angle, 1 - within / within[-1]


def _beyond(d: float, angle: Floats) -> Floats:
    """Fraction of the sphere whose angle with a given direction is larger."""
    return np.asarray(np.interp(angle, *_sphere(d)))
