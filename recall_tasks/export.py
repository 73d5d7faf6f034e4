"""Rows of a stream as one file that says what it holds, the same to the byte wherever it is written.

    export(Stream(MQAR(), 64, "test"), "mqar.npz", rows=10_000)
    batch, spec = load("mqar.npz")

A file holds the arrays of `Batch`, int32, and `targets`; and a header in JSON: the task with all its fields,
length, split, seed, which rows, the version that wrote it, the stream's checksum and a digest of all of this. Lines of
JSON have theirs beside them, in `mqar.jsonl.meta.json`, so that every line is a row.
A parquet file is the same to the byte for one version of pyarrow, which writes its own into it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .batch import Batch
from .formats import FORMATS, Arrays, Damaged
from .stream import LAST, Stream
from .task import told

FORM = 1
"""Rises when the form of the files changes."""

CHUNK_TOKENS = 2**20


@dataclass(frozen=True)
class Exported:
    """What was written: the file, its rows and bytes, the stream's checksum and the file's SHA-256."""

    path: Path
    rows: int
    bytes: int
    checksum: str
    sha256: str


class Chunks:
    """The rows of a file, about a million tokens at a time, and the header that seals them once all have passed."""

    def __init__(self, stream: Stream, start: int, rows: int, progress: Callable[[int], None] | None = None) -> None:
        from . import __version__

        self._stream, self._start, self._rows, self._progress = stream, start, rows, progress
        self.checksum = stream.checksum(stream.block_rows)
        first = _arrays(stream.rows(start, 1))
        self.shapes = {name: (rows, array.shape[1]) for name, array in first.items()}
        self._spec = {
            "form": FORM, "recall_tasks": __version__, "task": stream.task.spec(), "length": stream.length,
            "split": stream.split, "seed": stream.seed, "start": start, "rows": rows, "checksum": self.checksum,
        }  # fmt: skip
        self._digest = Digest(self.shapes)

    def __iter__(self) -> Iterator[Arrays]:
        size = max(1, CHUNK_TOKENS // self._stream.length)
        for batch in self._stream.batches(size, self._start, self._start + self._rows):
            arrays = _arrays(batch)
            self._digest.update(arrays)
            yield arrays
            if self._progress:
                self._progress(len(batch))

    @property
    def header(self) -> str:
        """As long before the rows have passed as after."""
        return json.dumps({**self._spec, "digest": self._digest.of(self._spec)}, sort_keys=True)


class Digest:
    """A digest of a header and its arrays that does not depend on how the rows were divided."""

    def __init__(self, shapes: dict[str, tuple[int, int]]) -> None:
        self._parts = {name: hashlib.blake2b(repr(shape).encode(), digest_size=16) for name, shape in shapes.items()}

    def update(self, arrays: Arrays) -> None:
        for name, array in arrays.items():
            self._parts[name].update(np.ascontiguousarray(array, dtype="<i4").data)

    def of(self, spec: dict[str, Any]) -> str:
        whole = [spec, {name: part.hexdigest() for name, part in self._parts.items()}]
        return hashlib.blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=16).hexdigest()


def export(
    stream: Stream, path: str | Path, rows: int, start: int = 0, format: str | None = None, *,
    force: bool = False, progress: Callable[[int], None] | None = None,
) -> Exported:  # fmt: skip
    """Write rows start to start + rows - 1 to a file: npz, parquet or jsonl, after the end of its name if not said.

    The file is there whole or not at all, in memory of a few blocks (and npz in twice its room on the disk
    while it is written); `progress` is told of rows as they are written. Raises ValueError for arguments it
    cannot use and for a file that is there already, unless `force`; OSError where the file cannot be written;
    ModuleNotFoundError where parquet lacks pyarrow.
    """
    if not isinstance(stream, Stream):
        raise ValueError(f"export takes a Stream, not {stream!r}: pass Stream(task, length)")
    for name, value, low in (("rows", rows, 1), ("start", start, 0)):
        if type(value) is not int or not low <= value < LAST:
            raise ValueError(f"{name} takes a whole number of at least {low}, below 2^48, not {told(value, int)}")
    if start + rows > LAST:
        raise ValueError(f"rows are counted from 0 to 2^48: not {rows} from {start}")
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            f"{path} is a folder: name a file in it" if path.is_dir() else f"no folder {path.parent}: make it first"
        )
    named = path.suffix.removeprefix(".") if format is None else format
    if named not in FORMATS:
        what = f"unknown format {named!r}" if named else f"{path} does not say its format"
        raise ValueError(f"{what}: choose one of {', '.join(FORMATS)}")
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no plain file: name one that is, or none that is there")
    beside = path.with_name(path.name + getattr(FORMATS[named], "BESIDE", ""))
    if not force and (there := [place for place in (path, beside) if place.exists()]):
        raise ValueError(f"{there[0]} is there already: --force (force=True) writes over it")
    FORMATS[named].require()
    chunks = Chunks(stream, start, rows, progress)
    with _whole(path) as file:
        FORMATS[named].write(file, chunks)
        file.seek(0)
        digest = hashlib.sha256()
        while piece := file.read(2**20):
            digest.update(piece)
        size = file.tell()
        if beside != path:
            with _whole(beside) as header:
                header.write(f"{chunks.header}\n".encode())
    return Exported(path, rows, size, chunks.checksum, digest.hexdigest())


def load(path: str | Path) -> tuple[Batch, dict[str, Any]]:
    """The rows of a file and its header. Raises ValueError for a file that is damaged or none of ours."""
    path = Path(path)
    with path.open("rb") as file:
        magic = file.read(8)
        file.seek(0)
        kind = next((kind for kind in FORMATS.values() if magic.startswith(kind.MAGIC)), None)
        if kind is None:
            raise ValueError(f"{path} is not a file of recall export: it begins with {magic!r}")
        kind.require()
        try:
            return _checked(*kind.read(file))
        except Damaged as damage:
            raise ValueError(f"{path} is damaged or cut short ({damage}): export it again") from None


def _checked(header: str, arrays: Arrays) -> tuple[Batch, dict[str, Any]]:
    try:
        spec = json.loads(header)
        form, version, sealed = spec["form"], spec["recall_tasks"], spec.pop("digest")
        digest = Digest({name: array.shape for name, array in arrays.items()})
        digest.update(arrays)
        whole = digest.of(spec) == sealed
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damaged("its header does not read") from None
    if whole and form == FORM:
        return Batch.of({name: array for name, array in arrays.items() if name != "targets"}), spec
    raise Damaged("its digest does not match" if form == FORM else f"a form of recall_tasks {version} unknown here")


def _arrays(batch: Batch) -> Arrays:
    return {"targets": batch.targets, **batch.arrays()}


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place once it is finished and on the disk; of an unfinished one nothing is left."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
