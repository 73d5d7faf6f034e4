"""States as tables of which some columns can be had at a time: arrays, files, or several side by side.

Shapes: n rows, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Floats = NDArray[np.float64]


@runtime_checkable
class Columns(Protocol):
    """States as a table [n, F] of which some columns can be had."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        """[n, stop - start]."""


class Table:
    """Columns of an array."""

    def __init__(self, array: NDArray[np.floating]) -> None:
        self.array = array

    @property
    def shape(self) -> tuple[int, int]:
        return self.array.shape[0], self.array.shape[1]

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        return self.array[:, start:stop]


class Joint:
    """Several states of the same rows, side by side."""

    def __init__(self, parts: Sequence[Columns]) -> None:
        self.parts = list(parts)

    @property
    def shape(self) -> tuple[int, int]:
        return self.parts[0].shape[0], sum(part.shape[1] for part in self.parts)

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        found, first = [], 0
        for part in self.parts:
            last = first + part.shape[1]
            if start < last and stop > first:
                found.append(part.columns(max(start - first, 0), min(stop, last) - first))
            first = last
        return np.concatenate(found, axis=1) if found else np.empty((self.shape[0], 0))


def validated(X: ArrayLike) -> Floats:
    """As numbers [n, F]. Raises ValueError where they are not."""
    given = np.asarray(X.detach().cpu() if isinstance(X, Tensor) else X)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"states are real numbers, not {given.dtype}")
    found = np.asarray(given, np.float64)
    if found.ndim != 2 or not found.size:
        raise ValueError(f"states are [rows, numbers] with at least one of each, not {list(found.shape)}")
    if not np.isfinite(found).all():
        raise ValueError("states hold numbers that are not finite: leave those rows out")
    return found
