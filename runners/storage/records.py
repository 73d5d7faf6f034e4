"""Records that carry their own digest: JSON that is read as it was written, or refused.

A digest tells damage, not malice: whoever writes a record can seal it. So nothing of it is executed, its
size and its shape are checked where it is read, and links are not followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LARGEST_RECORD = 2**27
"""Bytes of the largest record that is read: far above any that is written, far below what memory holds."""
OF_A_RUN = ("run.json", "result.json", "weights.safetensors", "outputs.safetensors")
"""Files without which a run is none."""


OLD_TABLES = {"cells": "breakdown"}
OLD_COLUMNS = {"num_rows": "num_sequences", "row": "sequence", "right": "num_correct", "asked": "num_questions"}
"""Names of tables and columns in records written before 0.2, and their names since."""
KEPT_COLUMNS = {"routing": ("right",)}
"""Columns that keep a name which was renamed in other tables."""
OLD_KINDS = {"transplanted": "patched"}
"""Values of the column `kind`, likewise."""


class CorruptRun(ValueError):
    """A run directory whose files do not match their digests, or are not what belongs there."""


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def sealed(content: Any) -> bytes:
    """JSON with its own digest around it. NaN has no place in JSON: callers write None."""
    body = json.dumps(content, sort_keys=True, allow_nan=False)
    return json.dumps({"digest": digest(body.encode()), "content": json.loads(body)}, indent=1).encode()


def unsealed(path: Path) -> Any:
    """The content of a sealed file. Raises CorruptRun where its digest does not match."""
    content = read_plain(path, LARGEST_RECORD)
    try:
        record = json.loads(content)
        body = json.dumps(record["content"], sort_keys=True, allow_nan=False)
        if record["digest"] == digest(body.encode()):
            return record["content"]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise damaged(path)


def load_record(path: Path, shape: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """A sealed file that holds a table of values, each of the type that `shape` has under its key.

    Raises CorruptRun where one is missing or of another type; `bool` does not count as `int`.
    """
    content = unsealed(path)
    if not isinstance(content, dict):
        raise damaged(path, "it holds no table of values")
    for key, kinds in shape.items():
        if key not in content:
            raise damaged(path, f"{key!r} is missing")
        if type(content[key]) not in (kinds if isinstance(kinds, tuple) else (kinds,)):
            raise damaged(path, f"{key!r} cannot be {type(content[key]).__name__}")
    return renamed(content)


def renamed(record: dict[str, Any]) -> dict[str, Any]:
    """A record with the names of tables and columns that are used since 0.2; itself where it has them already."""
    tables: dict[str, Any] = {}
    for table, rows in record.items():
        tables[OLD_TABLES.get(table, table)] = rows
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            old = {a: b for a, b in OLD_COLUMNS.items() if a in rows[0] and a not in KEPT_COLUMNS.get(table, ())}
            if old:
                tables[OLD_TABLES.get(table, table)] = [
                    {old.get(name, name): value for name, value in row.items()} for row in rows
                ]
        if table == "interventions" and isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            tables[table] = [row | {"kind": OLD_KINDS.get(row.get("kind"), row.get("kind"))} for row in tables[table]]
    return tables


def read_plain(path: Path, largest: int | None = None) -> bytes:
    """The bytes of a file that is one: not a link, a pipe or a device. Raises CorruptRun."""
    try:
        # Opening a pipe would wait for its writer; O_NONBLOCK changes nothing for a file.
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise damaged(path, "it is not a file")
            if largest is not None and status.st_size > largest:
                raise damaged(path, f"{status.st_size:,} bytes are more than a record has")
            return file.read()
    except OSError as error:
        raise damaged(path, "it is a link" if path.is_symlink() else str(error.strerror).lower()) from None


def damaged(path: Path, why: str = "") -> CorruptRun:
    """The error for a file that is not used, with the mend."""
    mend = "delete that file alone; no run is lost"
    if path.name in OF_A_RUN:
        mend = f"delete {printed(path.parent)} to run it again"
    return CorruptRun(f"{printed(path)} is damaged and was not used{f': {why}' if why else ''} ({mend})")


def printed(path: Path | str) -> str:
    """A path as one line of a message, whatever its name holds."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(path))
