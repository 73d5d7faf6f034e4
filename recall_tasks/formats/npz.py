"""NumPy's zip of arrays, uncompressed, without the time of writing; the header is the array of text `header`."""

from __future__ import annotations

import io
import shutil
import zipfile
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np

from .contents import Arrays, Contents, Damaged

MAGIC = b"PK"
FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest a zip can hold."""
UNIX, PLAIN_FILE = 3, 0o100644 << 16


def require() -> None:
    """NumPy is always there."""


def write(file: BinaryIO, contents: Contents) -> None:
    # A zip holds one array after the other, and rows come with all of theirs: they wait in files without names.
    with ExitStack() as stack:
        folder = Path(file.name).parent
        waiting = {name: stack.enter_context(TemporaryFile(dir=folder)) for name in contents.shapes}
        for chunk in contents:
            for name, array in chunk.items():
                waiting[name].write(np.ascontiguousarray(array, dtype="<i4").data)
        archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_STORED))
        text = io.BytesIO()
        np.lib.format.write_array(text, np.array(contents.header), allow_pickle=False)
        _member(archive, "header", text)
        for name, shape in contents.shapes.items():
            _member(archive, name, waiting[name], shape)


def _member(archive: zipfile.ZipFile, name: str, content: BinaryIO, shape: tuple[int, int] | None = None) -> None:
    info = zipfile.ZipInfo(f"{name}.npy", FIRST_DATE)
    info.create_system, info.external_attr = UNIX, PLAIN_FILE
    info.file_size = content.tell() + 128  # tells zipfile whether to write sizes of 64 bits
    content.seek(0)
    with archive.open(info, "w") as member:
        if shape is not None:
            facts = {"descr": "<i4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, facts)
        shutil.copyfileobj(content, member, 2**20)


def read(file: BinaryIO) -> tuple[str, Arrays]:
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
        header = arrays.pop("header")
    except Exception as error:  # a damaged zip can raise nearly anything
        raise Damaged(str(error)) from None
    if header.shape or header.dtype.kind != "U" or any(a.dtype != "<i4" or a.ndim != 2 for a in arrays.values()):
        raise Damaged("its arrays are of other types")
    return str(header), arrays
