"""The forms a file of rows can have: one file each, and one line here.

Each has MAGIC, the bytes its files begin with; `require()`, which raises ModuleNotFoundError with the mend where
a library is missing; `write(file, chunks)`; and `read(file)`, which gives the header's text and the arrays or
raises Damaged. None of them reads pickles.
"""

from __future__ import annotations

from types import ModuleType

from . import jsonl, npz, parquet
from .contents import Arrays, Contents, Damaged

FORMATS: dict[str, ModuleType] = {"npz": npz, "parquet": parquet, "jsonl": jsonl}

__all__ = ["FORMATS", "Arrays", "Contents", "Damaged"]
