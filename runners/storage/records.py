"""Records: JSON with a checksum, read as it was written or refused; files written whole or not at all.

A checksum tells damage, not malice: whoever writes a record can compute it. So nothing of a record is executed,
its size and types are checked where it is read, and links are not followed. A reader finds the old file or the
new one, never a part, even after a power failure; a refusal of the system becomes one sentence with the mend.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from .locks import partial_file

LARGEST_RECORD = 2**27
"""Bytes of the largest record that is read: far above any that is written, far below what memory holds."""
OF_A_RUN = ("run.json", "result.json", "weights.safetensors", "outputs.safetensors")
"""Files without which a run is none."""

SEALED = b'{"digest": "%s", "content": %s}'
"""A record as bytes, which its digest can be compared with before they are read as JSON."""

OLD_TABLES = {"cells": "breakdown"}
OLD_COLUMNS = {"num_rows": "num_sequences", "row": "sequence", "right": "num_correct", "asked": "num_questions"}
"""Names of tables and columns in older records, and their names since."""
KEPT_COLUMNS = {"routing": ("right",)}
"""Columns that keep a name which was renamed in other tables."""
OLD_KINDS = {"transplanted": "patched"}
"""Values of the column `kind`, likewise."""

Pattern: TypeAlias = Any
"""A value as it has to be: a type, a tuple of patterns, of which one fits, [the pattern of every value of a list], a
shape, or a function that returns what `misfit` does; `object` is anything."""
Shape: TypeAlias = Mapping[Any, Pattern]
"""Patterns of an object by key: "key?" may be missing, the type `str` is every other key."""
NULL = type(None)
NUMBER = (int, float)
SCALAR = (str, int, float, bool, NULL)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CorruptRun(ValueError):
    """A run directory whose files do not match their digests, or are not what belongs there."""


class UnwritableFolder(ValueError):
    """A folder that cannot be made or written into."""


class FullDisk(UnwritableFolder):
    """A folder without room: further writes fail too, until some is freed."""


def digest(content: bytes) -> str:
    """BLAKE2b of 16 bytes, as hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def record_bytes(content: Any) -> bytes:
    """JSON with its own digest around it. JSON has no NaN: callers write None."""
    body = json.dumps(content, sort_keys=True, allow_nan=False).encode()
    return SEALED % (digest(body).encode(), body)


def without_nan(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record for JSON, which has neither NaN nor infinity: null in their place."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def write_record(path: Path, content: Any) -> None:
    """Write a checksummed record. Raises UnwritableFolder; the old file then stays."""
    write_atomically(path, record_bytes(content))


def read_record(path: Path) -> Any:
    """The content of a record. Raises CorruptRun where its digest does not match."""
    content = read_plain(path, LARGEST_RECORD)
    try:
        body = content[len(SEALED % (b"0" * 32, b"")) - 1 : -1]
        if content == SEALED % (digest(body).encode(), body):
            from pydantic_core import from_json  # slow to load, and of an extra that lists do without

            with suppress(ValueError):  # half a letter, in a path of bytes that are no text
                return from_json(body, allow_inf_nan=False)
        record = json.loads(content)  # older records have lines, and others may have come through an editor
        body = json.dumps(record["content"], sort_keys=True, allow_nan=False).encode()
        if record["digest"] == digest(body):
            return record["content"]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise damage(path)


def load_record(path: Path, shape: Shape) -> dict[str, Any]:
    """A record of this shape. Raises CorruptRun, with the place of what does not fit; `bool` is no `int`."""
    content = read_record(path)
    if not isinstance(content, dict):
        raise damage(path, "it is no JSON object")
    content = with_current_names(content)
    if wrong := misfit(content, shape):
        raise damage(path, printable(wrong.removeprefix(".")))
    return content


def misfit(value: Any, pattern: Pattern) -> str:
    """The first place in a value that does not fit a pattern, such as ".done.0.rows cannot be str"; or ""."""
    if isinstance(pattern, type):
        fits = pattern is object or (type(value) is pattern and value not in (math.inf, -math.inf))
        return "" if fits else cannot_be(value)
    if isinstance(pattern, tuple):
        if type(value) in pattern and value not in (math.inf, -math.inf):
            return ""
        wrong = [misfit(value, one) for one in pattern]
        return "" if "" in wrong else max(wrong, key=len)  # the place that is furthest inside
    if isinstance(pattern, list | Mapping):
        if type(value) is not (list if isinstance(pattern, list) else dict):
            return cannot_be(value)
        if isinstance(pattern, list):
            found = ((i, misfit(one, pattern[0])) for i, one in enumerate(value))
        else:
            named = {str(key).removesuffix("?"): one for key, one in pattern.items()}
            if missing := [key for key in pattern if key not in value and key in named]:
                return f".{missing[0]} is missing"
            other = pattern.get(str, object)  # most values are of a type alone, which is told at once
            found = (
                (key, misfit(value[key], expected))
                for key in value
                if (expected := named.get(key, other)) is not type(value[key]) or expected is float
            )
        return next((f".{place}{wrong}" for place, wrong in found if wrong), "")
    return str(pattern(value))


def cannot_be(value: Any) -> str:
    """The end of a sentence on a value of the wrong type."""
    return f" cannot be {'null' if value is None else type(value).__name__}"


def with_current_names(record: dict[str, Any]) -> dict[str, Any]:
    """A record with the names of tables and columns used now; unchanged if it has them already."""
    tables: dict[str, Any] = {}
    for table, records in record.items():
        first = records[0] if isinstance(records, list) and records else None
        names = [name for name in OLD_COLUMNS if name in first] if isinstance(first, dict) else []
        if (names or (first and table == "interventions")) and all(isinstance(record, dict) for record in records):
            if old := {a: OLD_COLUMNS[a] for a in names if a not in KEPT_COLUMNS.get(table, ())}:
                records = [{old.get(name, name): value for name, value in record.items()} for record in records]
            if table == "interventions":
                kinds = [record.get("kind") for record in records]
                records = [r | {"kind": OLD_KINDS.get(str(k), k)} for r, k in zip(records, kinds, strict=True)]
        tables[OLD_TABLES.get(table, table)] = records
    return tables


def read_plain(path: Path, largest: int | None = None) -> bytes:
    """The bytes of a file that is one: not a link, a pipe or a device. Raises CorruptRun."""
    try:
        # Opening a pipe would wait for its writer; O_NONBLOCK changes nothing for a file.
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise damage(path, "it is not a file")
            if largest is not None and status.st_size > largest:
                raise damage(path, f"{status.st_size:,} bytes are more than a record has")
            return b"".join(iter(lambda: os.read(opened, max(status.st_size, 2**16)), b""))
        finally:
            os.close(opened)
    except OSError as error:
        raise damage(path, "it is a link" if path.is_symlink() else str(error.strerror).lower()) from None


def damage(path: Path, why: str = "") -> CorruptRun:
    """The error for a damaged file, with the mend."""
    mend = "delete that file alone; no run is lost"
    if path.name in OF_A_RUN:
        mend = f"delete {printable(path.parent)} to run it again"
    return CorruptRun(f"{printable(path)} is damaged{f': {why}' if why else ''} ({mend})")


def printable(path: Path | str) -> str:
    """A path as printable text on one line, whatever characters its name has."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(path))


@contextmanager
def refusals_explained(folder: Path) -> Iterator[None]:
    """Turn an OSError into FullDisk or UnwritableFolder, whose message names the folder and the mend."""
    try:
        yield
    except OSError as error:
        raise _refusal(printable(folder), error) from None


def _refusal(place: str, error: OSError) -> UnwritableFolder:
    why = (error.strerror or str(error)).lower()
    if error.errno in FULL:
        mend = "free some and give the same command again; finished runs are kept"
        return FullDisk(f"no room is left in {place} ({why}): {mend}")
    if error.errno == errno.EIO:
        mend = "finished runs are kept; choose another with --out"
        return UnwritableFolder(f"the disk of {place} fails ({why}): {mend}")
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY) and error.filename:
        target = os.fsdecode(error.filename2 or error.filename)
        while not os.path.lexists(target) and target != os.path.dirname(target):
            target = os.path.dirname(target)
        mend = "move it away or choose another with --out"
        return UnwritableFolder(f"cannot write to {place}: {printable(target)} is in the way ({why}): {mend}")
    return UnwritableFolder(f"cannot write to {place}: {why} (choose another with --out)")


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`, flushed to disk with its name. Raises UnwritableFolder; the old file then stays."""
    with refusals_explained(path.parent):
        with partial_file(path.parent) as (file, partial):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(partial, path)
        flush_names(path.parent)


def flush_names(folder: Path) -> None:
    """Flush the names in a folder to disk: a rename is lasting only when they are."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that keep names without being asked
            raise
    finally:
        os.close(opened)
