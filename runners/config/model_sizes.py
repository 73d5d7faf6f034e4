"""Sizes of models that are refused before memory is asked for them, and the size of their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models import build
from models.notation import Stack
from recall_tasks import Task

if TYPE_CHECKING:  # torch, which a mistyped command does without
    from models import SequenceModel

LAYERS = 1024
LARGEST_SIZE = 2**31 - 1
NUMBERS = 2**28
"""Most parameters and constants of a model: 1 GiB, far beyond what is trained here."""
SMALL, LARGE = 2**24, 2**12
"""Numbers in a model, and sizes of its options, below which it is not counted: counting takes a second."""


def check_sizes(task: Task, stack: Stack, width: int, layers: int, mlp_ratio: int) -> None:
    """Raises ValueError for more than LAYERS layers, and for a model of more than NUMBERS numbers.

    stack   the layers that are repeated, their classes found
    """
    if width < 0 or mlp_ratio < 0:
        return  # `build` refuses it
    mixers = [mixer for layer in stack for mixer in layer]
    options = [(name, value) for mixer in mixers for name, value in mixer.options.items()]
    for name, value in (("width", width), ("mlp_ratio", mlp_ratio), *options):
        if type(value) is int and abs(value) > LARGEST_SIZE:
            raise ValueError(f"{name} takes integers up to {LARGEST_SIZE:,}, not {value:,}")
    if layers > LAYERS:
        raise ValueError(f"layers takes at most {LAYERS:,}, not {layers:,}")
    named = len(stack)
    plain = task.vocab_size * width + layers // named * (8 * len(mixers) + 2 * mlp_ratio * named) * width**2
    if plain <= SMALL and all(abs(value) <= LARGE for _, value in options if type(value) is int):
        return
    one, two = (numbers_in(task, stack, width, times * named, mlp_ratio) for times in (1, 2))
    numbers = one + (layers // named - 1) * (two - one)
    if numbers > NUMBERS:
        raise ValueError(f"a model of {numbers:,} numbers is over the limit of {NUMBERS:,}: choose smaller sizes")


def numbers_in(task: Task, stack: Stack, width: int, layers: int, mlp_ratio: int) -> int:
    """Count of a model's parameters and constants, without memory for them."""
    import torch  # as above

    with torch.device("meta"):
        built = build(stack, task.vocab_size, task.answers, width=width, layers=layers, mlp_ratio=mlp_ratio)
    return sum(tensor.numel() for tensor in (*built.parameters(), *built.buffers()))


def half_precision(model: SequenceModel, label: str) -> None:
    """Turn the weights into bfloat16. Raises ValueError where one of them is complex."""
    import torch  # as above

    if any(weights.is_complex() for weights in model.parameters()):
        raise ValueError(f"{label} has complex weights, which bfloat16 does not hold: take --dtype float32")
    model.to(torch.bfloat16)
