"""States as tables of which some columns are read at a time: arrays, tables side by side, or blocks in files.

Shapes: n sequences, F numbers of a state, K items.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

LIMIT = 512 * 2**20
"""Bytes of states in memory, unless another limit is set."""

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
States = NDArray[np.float32]


@runtime_checkable
class Columns(Protocol):
    """A table of states [n, F] of which some columns can be read."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        """[n, stop - start]."""


class Table:
    """Columns of an array, or of several arrays one below the other."""

    def __init__(self, *blocks: NDArray[np.floating]) -> None:
        self.blocks = blocks

    @property
    def shape(self) -> tuple[int, int]:
        return sum(map(len, self.blocks)), self.blocks[0].shape[1]

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        return np.concatenate([block[:, start:stop] for block in self.blocks])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it, in memory."""
        return np.asarray(self.columns(0, self.shape[1]), dtype)


class Joint:
    """Several states of the same sequences, side by side."""

    def __init__(self, parts: Sequence[Columns]) -> None:
        self.parts = list(parts)

    @property
    def shape(self) -> tuple[int, int]:
        return self.parts[0].shape[0], sum(part.shape[1] for part in self.parts)

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        pieces, first = [np.empty((self.shape[0], 0), np.float32)], 0
        for part in self.parts:
            last = first + part.shape[1]
            if start < last and stop > first:
                pieces.append(part.columns(max(start - first, 0), min(stop, last) - first))
            first = last
        return np.concatenate(pieces, axis=1)


class StateStore(AbstractContextManager["StateStore"]):
    """Captured states by name, filled block by block: in memory, or beyond a limit in files.

        with StateStore(limit) as store:
            store.add({"S": block})
            store["S"]                     # Columns [n, F]

    Whenever more than `limit` bytes are in memory they go to the temporary directory (or to `folder`), a file a block.
    Files have no name: their space is free again when the process ends, however it ends.
    """

    def __init__(self, limit: int = LIMIT, folder: Path | None = None) -> None:
        if limit < 0:
            raise ValueError(f"a limit of memory is at least 0 bytes, not {limit:,}")
        self.limit, self.folder, self.in_memory = limit, folder, 0
        self.blocks: list[Mapping[str, States]] = []
        self.widths: dict[str, int] = {}

    def __exit__(self, *_: object) -> None:
        self.blocks.clear()
        self.widths.clear()

    def add(self, block: Mapping[str, States]) -> None:
        """Add the next sequences of every state, each [sequences, F]: the same names and widths every time.

        Raises ValueError where they are not, and OSError where there is no room for them on disk.
        """
        widths = {name: part.shape[1] if part.ndim == 2 else -1 for name, part in block.items()}
        self.widths = self.widths or widths
        if widths != self.widths or min(widths.values(), default=-1) < 0 or len({len(p) for p in block.values()}) > 1:
            raise ValueError(f"a block holds every state as [sequences, numbers] of {self.widths}, not of {widths}")
        self.blocks.append(dict(block))
        self.in_memory += sum(part.nbytes for part in block.values())
        if self.in_memory > self.limit:
            self.blocks = [one if on_disk(one) else self._move(one) for one in self.blocks]
            self.in_memory = 0

    def _move(self, block: Mapping[str, States]) -> dict[str, States]:
        """The block in a file."""
        folder, sizes = self.folder or Path(tempfile.gettempdir()), [part.size for part in block.values()]
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                for part in block.values():
                    np.asarray(part, np.float32).tofile(file)
                numbers = np.split(np.memmap(file, np.float32, "r"), np.cumsum(sizes)[:-1])
        except OSError as error:
            raise OSError(
                f"no room for {4 * sum(sizes):,} bytes of states in {folder} (set TMPDIR to another place, or allow "
                f"more memory): {error}"
            ) from None
        return {name: some.reshape(part.shape) for (name, part), some in zip(block.items(), numbers, strict=True)}

    def __getitem__(self, name: str) -> Table:
        if name not in self.widths:
            raise KeyError(f"no state {name!r} in this store: it holds {', '.join(self.widths) or 'nothing any more'}")
        return Table(*(block[name] for block in self.blocks))


def on_disk(block: Mapping[str, States]) -> bool:
    """True for a block whose arrays are read from a file."""
    return all(isinstance(part, np.memmap) for part in block.values())


def as_states(X: ArrayLike, fitted: int | None = None) -> Floats:
    """Real numbers [n, F] in float64. Raises ValueError for anything else, and for F other than was fitted to."""
    if isinstance(X, Tensor):  # NumPy has no bfloat16
        X = X.detach().cpu() if X.is_complex() else X.detach().cpu().double()
    array = np.asarray(X)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"states are real numbers, not {array.dtype}")
    states = np.asarray(array, np.float64)
    if states.ndim != 2 or not states.size:
        raise ValueError(f"states are [sequences, numbers] with at least one of each, not {list(states.shape)}")
    if not np.isfinite(states).all():
        raise ValueError("states hold numbers that are not finite: leave those sequences out")
    if fitted is not None and states.shape[1] != fitted:
        raise ValueError(f"fitted to states of {fitted:,} numbers, not {states.shape[1]:,}")
    return states


def as_labels(y: ArrayLike) -> Labels:
    """Integers [n] or [n, K], counted from 0. Raises ValueError for anything else."""
    labels = np.asarray(y)
    if labels.dtype.kind in "bf" and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    if labels.ndim not in (1, 2) or not labels.size or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are integers [n] or [n, items], not {labels.dtype} {list(labels.shape)}")
    if labels.min() < 0:
        raise ValueError(f"labels are values counted from 0, not {labels.min()}")
    return labels.astype(np.int64)
