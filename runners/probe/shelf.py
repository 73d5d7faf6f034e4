"""Where captured states are kept: in memory, or beyond a limit in files, of which columns are read when needed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from .components import Columns

LIMIT = 512 * 2**20
"""Bytes of states in memory, unless another limit is set."""

States = NDArray[np.float32]


class Shelf:
    """Blocks of rows come in one after the other; whole states are taken out by name.

        with Shelf(limit) as shelf:
            shelf.add({"S": block})
            shelf["S"]                     # Columns [n, F]

    Once more than `limit` bytes are held they go to a temporary folder (in `place`, if given), a safetensors file a
    block, and so does all that follows. Leaving the `with` deletes it.
    """

    def __init__(self, limit: int = LIMIT, place: Path | None = None) -> None:
        if limit < 0:
            raise ValueError(f"a limit of memory is at least 0 bytes, not {limit:,}")
        self.limit, self.place = limit, place
        self.blocks: list[Mapping[str, States] | Path] = []
        self.held, self.rows = 0, dict[str, list[int]]()
        self.widths: dict[str, int] = {}
        self.folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.folder:
            self.folder.cleanup()

    def add(self, block: Mapping[str, States]) -> None:
        """The next rows of every state, each [rows, F]: the same names and widths every time."""
        for name, part in block.items():
            if self.widths.setdefault(name, part.shape[1]) != part.shape[1]:
                raise ValueError(f"{name} has {part.shape[1]} numbers now and had {self.widths[name]} before")
            self.rows.setdefault(name, []).append(len(part))
        self.blocks.append(block)
        self.held += sum(part.nbytes for part in block.values())
        if self.held > self.limit:
            self._move_out()

    def _move_out(self) -> None:
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory(prefix="states-", dir=self.place)
        for number, block in enumerate(self.blocks):
            if isinstance(block, Path):
                continue
            path = Path(self.folder.name) / f"{number}.safetensors"
            save_file({name: np.ascontiguousarray(part) for name, part in block.items()}, path)
            self.blocks[number] = path
        self.held = 0

    def __getitem__(self, name: str) -> Columns:
        return _Stored(self, name)


class _Stored:
    """One state of a shelf."""

    def __init__(self, shelf: Shelf, name: str) -> None:
        self.shelf, self.name = shelf, name

    @property
    def shape(self) -> tuple[int, int]:
        return sum(self.shelf.rows[self.name]), self.shelf.widths[self.name]

    def columns(self, start: int, stop: int) -> NDArray[np.floating]:
        found = []
        for block in self.shelf.blocks:
            if isinstance(block, Path):
                with safe_open(block, framework="numpy") as file:
                    found.append(file.get_slice(self.name)[:, start:stop])
            else:
                found.append(block[self.name][:, start:stop])
        return np.concatenate(found)
