"""A line of JSON for each row, names in order of the alphabet; the header is a file beside it, `NAME.meta.json`."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .contents import Arrays, Contents, Damaged

MAGIC = b"{"
BESIDE = ".meta.json"
"""Ending of the name of the header's file: a header among the rows is a row too many for other programs."""
READ_AT_ONCE = 4096


def require() -> None:
    """JSON is always there."""


def write(file: BinaryIO, contents: Contents) -> None:
    for chunk in contents:
        names = sorted(chunk)
        for row in zip(*(chunk[name].tolist() for name in names), strict=True):
            file.write(f"{json.dumps(dict(zip(names, row, strict=True)))}\n".encode())


def read(file: BinaryIO) -> tuple[str, Arrays]:
    try:
        beside = Path(f"{file.name}{BESIDE}")
        header = beside.read_text(encoding="utf-8") if beside.is_file() else file.readline().decode()  # as it once was
        parts: dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.int32]]]] = {}
        while rows := [json.loads(line) for line in islice(file, READ_AT_ONCE)]:
            for name in rows[0]:
                values = np.array([row[name] for row in rows])
                if values.dtype.kind != "i" or values.ndim != 2 or abs(values).max() >= 2**31:
                    raise Damaged(f"its {name} are no rows of whole numbers")
                parts.setdefault(name, []).append(values.astype(np.int32))
        return header, {name: np.concatenate(values) for name, values in parts.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(str(error)) from None
