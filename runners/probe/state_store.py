"""Where captured states are kept: in memory, or beyond a limit in files, of which columns are read when needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from .columns import Columns

LIMIT = 512 * 2**20
"""Bytes of states in memory, unless another limit is set."""

States = NDArray[np.float32]


class Shelf:
    """Blocks of rows come in one after the other; whole states are taken out by name.

        with Shelf(limit) as shelf:
            shelf.add({"S": block})
            shelf["S"]                     # Columns [n, F]
            list(shelf)                    # names

    Once more than `limit` bytes are held they go to the temporary directory (or to `place`), a safetensors file a
    block, and so does all that follows. A file loses its name as soon as it is open, so that its space is free again
    when the shelf is left, or its process ends, however it ends.
    """

    def __init__(self, limit: int = LIMIT, place: Path | None = None) -> None:
        if limit < 0:
            raise ValueError(f"a limit of memory is at least 0 bytes, not {limit:,}")
        self.limit, self.place = limit, place
        self.blocks: list[Any] = []
        self.held, self.sizes, self.widths = 0, list[int](), dict[str, int]()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.blocks.clear()
        self.widths.clear()

    def add(self, block: Mapping[str, States]) -> None:
        """The next rows of every state, each [rows, F]: the same names and widths every time.

        Raises ValueError where they are not, and OSError where there is no room for them on disk.
        """
        widths = {name: part.shape[1] if part.ndim == 2 else -1 for name, part in block.items()}
        self.widths = self.widths or widths
        if widths != self.widths or min(widths.values(), default=-1) < 0 or len({len(p) for p in block.values()}) > 1:
            raise ValueError(f"a block has the rows of every state, [rows, numbers] of {self.widths}, not of {widths}")
        self.sizes.append(len(next(iter(block.values()))))
        self.blocks.append(dict(block))
        self.held += sum(part.nbytes for part in block.values())
        if self.held > self.limit:
            self._move_out()

    def _move_out(self) -> None:
        for number, block in enumerate(self.blocks):
            if isinstance(block, dict):
                self.blocks[number] = self._nameless(block)
        self.held = 0

    def _nameless(self, block: Mapping[str, States]) -> Any:
        """The block in an open file."""
        folder = Path(self.place or tempfile.gettempdir())
        try:
            handle, name = tempfile.mkstemp(".safetensors", "states-", folder)
            os.close(handle)
            try:
                save_file({key: np.ascontiguousarray(part) for key, part in block.items()}, name)
                return safe_open(name, framework="numpy")
            finally:
                os.unlink(name)
        except (SafetensorError, OSError) as error:
            size = sum(part.nbytes for part in block.values())
            raise OSError(
                f"no room for {size:,} bytes of states in {folder} (set TMPDIR to another place, or hold more in "
                f"memory): {error}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.widths)

    def __len__(self) -> int:
        return len(self.widths)

    def __getitem__(self, name: str) -> Columns:
        if name not in self.widths:
            held = ", ".join(self.widths) or "nothing any more"
            raise KeyError(f"there is no {name!r} on this shelf, but {held}")
        return _Stored(self, name)


class _Stored:
    """One state of a shelf."""

    def __init__(self, shelf: Shelf, name: str) -> None:
        self.shelf, self.name = shelf, name

    @property
    def shape(self) -> tuple[int, int]:
        return sum(self.shelf.sizes), self.shelf.widths[self.name]

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        return np.concatenate([self._of(block, start, stop) for block in self.shelf.blocks])

    def _of(self, block: Any, start: int, stop: int) -> NDArray[np.floating]:
        if isinstance(block, dict):
            return np.asarray(block[self.name][:, start:stop])
        return np.asarray(block.get_slice(self.name)[:, start:stop])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of it, in memory."""
        return np.asarray(self.columns(0, self.shape[1]), dtype)
