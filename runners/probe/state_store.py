"""States as tables of which some columns are read at a time: arrays, tables side by side, or blocks in files.

Shapes: n sequences, F numbers of a state, K items.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
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
    """Columns of an array."""

    def __init__(self, array: NDArray[np.floating]) -> None:
        self.array = array

    @property
    def shape(self) -> tuple[int, int]:
        return self.array.shape[0], self.array.shape[1]

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        return self.array[:, start:stop]


class Joint:
    """Several states of the same sequences, side by side."""

    def __init__(self, parts: Sequence[Columns]) -> None:
        self.parts = list(parts)

    @property
    def shape(self) -> tuple[int, int]:
        return self.parts[0].shape[0], sum(part.shape[1] for part in self.parts)

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        pieces, first = [], 0
        for part in self.parts:
            last = first + part.shape[1]
            if start < last and stop > first:
                pieces.append(part.columns(max(start - first, 0), min(stop, last) - first))
            first = last
        return np.concatenate(pieces, axis=1) if pieces else np.empty((self.shape[0], 0))


class StateStore:
    """Captured states by name, filled block by block: in memory, or beyond a limit in files.

        with StateStore(limit) as store:
            store.add({"S": block})
            store["S"]                     # Columns [n, F]
            list(store)                    # names

    Once more than `limit` bytes are in memory they go to the temporary directory (or to `folder`), a safetensors file
    a block, and so does all that follows. A file loses its name as soon as it is open, so that its space is free again
    when the store is left, or its process ends, however it ends.
    """

    def __init__(self, limit: int = LIMIT, folder: Path | None = None) -> None:
        if limit < 0:
            raise ValueError(f"a limit of memory is at least 0 bytes, not {limit:,}")
        self.limit, self.folder = limit, folder
        self.blocks: list[Any] = []
        self.in_memory, self.sizes, self.widths = 0, list[int](), dict[str, int]()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        self.sizes.append(len(next(iter(block.values()))))
        self.blocks.append(dict(block))
        self.in_memory += sum(part.nbytes for part in block.values())
        if self.in_memory > self.limit:
            self.blocks = [self._on_disk(one) if isinstance(one, dict) else one for one in self.blocks]
            self.in_memory = 0

    def _on_disk(self, block: Mapping[str, States]) -> Any:
        """The block in an open file that has no name."""
        folder = Path(self.folder or tempfile.gettempdir())
        try:
            descriptor, name = tempfile.mkstemp(".safetensors", "states-", folder)
            os.close(descriptor)
            try:
                save_file({key: np.ascontiguousarray(part) for key, part in block.items()}, name)
                return safe_open(name, framework="numpy")
            finally:
                os.unlink(name)
        except (SafetensorError, OSError) as error:
            size = sum(part.nbytes for part in block.values())
            raise OSError(
                f"no room for {size:,} bytes of states in {folder} (set TMPDIR to another place, or allow more "
                f"memory): {error}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.widths)

    def __len__(self) -> int:
        return len(self.widths)

    def __getitem__(self, name: str) -> Columns:
        if name not in self.widths:
            raise KeyError(f"no state {name!r} in this store: it holds {', '.join(self.widths) or 'nothing any more'}")
        return _Stored(self, name)


class _Stored:
    """One state of a store."""

    def __init__(self, store: StateStore, name: str) -> None:
        self.store, self.name = store, name

    @property
    def shape(self) -> tuple[int, int]:
        return sum(self.store.sizes), self.store.widths[self.name]

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        return np.concatenate([self._block_columns(block, start, stop) for block in self.store.blocks])

    def _block_columns(self, block: Any, start: int, stop: int) -> NDArray[np.floating]:
        if isinstance(block, dict):
            return np.asarray(block[self.name][:, start:stop])
        return np.asarray(block.get_slice(self.name)[:, start:stop])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it, in memory."""
        return np.asarray(self.columns(0, self.shape[1]), dtype)


def as_states(X: ArrayLike, fitted: int | None = None) -> Floats:
    """Real numbers [n, F] in float64. Raises ValueError for anything else, and for F other than was fitted to."""
    array = np.asarray(X.detach().cpu() if isinstance(X, Tensor) else X)
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
