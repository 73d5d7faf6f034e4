"""Models beyond all bounds are refused before they are built, not when memory has run out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from models import Memory, SequenceModel, build

LAYERS = 1024
LARGEST = 2**31 - 1
NUMBERS = 2**28
"""Parameters and constants of a model at most: 1 GiB, far beyond what is trained here."""
SMALL, LARGE = 2**24, 2**12
"""A model of about so many numbers, its options no larger, is built without being counted: that takes a second."""


def check_sizes(
    kind: type[Memory],
    vocab_size: int,
    answers: range,
    width: int,
    layers: int,
    mlp_ratio: int,
    options: Mapping[str, Any],
) -> None:
    """Raises ValueError for more than LAYERS layers, and for a model of more than NUMBERS numbers."""
    sizes = (vocab_size, width, layers, mlp_ratio)
    if any(type(size) is not int or size < 0 for size in sizes):
        return  # `build` refuses it in its own words
    for name, value in {"width": width, "mlp_ratio": mlp_ratio, **options}.items():
        if type(value) is int and abs(value) > LARGEST:
            raise ValueError(f"{name} takes whole numbers up to {LARGEST:,}, not {value:,}")
    if layers > LAYERS:
        raise ValueError(f"layers takes at most {LAYERS:,}, not {layers:,}")
    plain = vocab_size * width + layers * (8 + 2 * mlp_ratio) * width**2
    if plain <= SMALL and all(abs(value) <= LARGE for value in options.values() if type(value) is int):
        return
    one, two = (
        _numbers(kind, vocab_size, answers, width=width, layers=n, mlp_ratio=mlp_ratio, **options) for n in (1, 2)
    )
    numbers = one + (layers - 1) * (two - one)
    if numbers > NUMBERS:
        raise ValueError(f"a model of {numbers:,} numbers is over the limit of {NUMBERS:,}: choose smaller sizes")


def _numbers(*arguments: Any, **sizes: Any) -> int:
    """Parameters and constants of a model that is laid out without memory for them."""
    with torch.device("meta"):
        model: SequenceModel = build(*arguments, **sizes)
    return sum(tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
