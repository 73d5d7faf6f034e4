"""Tensors beside a run: safetensors files whose digest stands in a record."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from .records import damaged, digest, read_plain
from .writing import write_whole

SUFFIX = ".safetensors"


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    return bytes(tensors_to_bytes({name: t.detach().cpu().contiguous() for name, t in tensors.items()}))


def write_tensors(place: Path, name: str, tensors: Mapping[str, Tensor]) -> str:
    """Write `place/name.safetensors`; the digest, which belongs into the record that is written next.

    A name that no record has yet leaves every record with its own tensors, wherever a crash comes.
    """
    content = tensor_bytes(tensors)
    write_whole(place / f"{name}{SUFFIX}", content)
    return digest(content)


def load_tensors(place: Path, name: str, expected: str) -> dict[str, Tensor]:
    """The tensors of `place/name.safetensors`. Raises CorruptRun unless their digest is the expected one."""
    content = checked_bytes(place, name, expected)
    try:
        return dict(tensors_from_bytes(content))
    except Exception as error:  # a header that lies can raise nearly anything
        raise damaged(place / f"{name}{SUFFIX}", f"{type(error).__name__} in its header") from None


def checked_bytes(place: Path, name: str, expected: str) -> bytes:
    """The file's bytes. Raises CorruptRun unless their digest is the expected one."""
    path = place / f"{name}{SUFFIX}"
    if not os.path.lexists(path):
        raise damaged(path, "it is missing")
    content = read_plain(path)
    if digest(content) != expected:
        raise damaged(path)
    return content
