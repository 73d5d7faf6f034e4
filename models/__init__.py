"""Small sequence models that differ in their memory alone."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from .notation import Mixer, Stack, parse_stack
from .options import build_memory, check_options, memory_options
from .stack import build_layer, check_stack, number_of_layers, with_options

if TYPE_CHECKING:
    from .memory import Memory, State, num_floats
    from .sequence_model import SequenceModel
else:

    def __getattr__(name: str) -> Any:
        """Names that need torch, when they are first asked for: a mistyped command does without its two seconds."""
        for file in ("memory", "sequence_model") if name in __all__ else ():
            if hasattr(module := importlib.import_module(f".{file}", __name__), name):
                return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Registry(Mapping[str, "type[Memory]"]):
    """Memories by name; the file of each, `FILE:CLASS` in memories/, is imported when it is first asked for."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = places

    def __getitem__(self, name: str) -> type[Memory]:
        file, _, kind = self.places[name].partition(":")
        memory: type[Memory] = getattr(importlib.import_module(f".memories.{file}", __name__), kind)
        return memory

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, name: object) -> bool:
        return name in self.places


MEMORIES = Registry(
    {
        "attention": "attention:Attention",
        "window": "sliding_window:SlidingWindow",
        "linear": "linear:LinearAttention",
        "gated": "gated_linear:GatedLinear",
        "swla": "swla:SWLA",
        "delta": "delta:DeltaRule",
        "gated_delta": "delta:GatedDeltaRule",
        "dla": "dla:DLA",
        "titans": "titans:Titans",
        "log_linear": "log_linear:LogLinear",
        "log_linear_plus": "log_linear:LogLinearPlus",
        "residual": "caching:Residual",
        "grm": "caching:GRM",
        "soup": "caching:Soup",
        "ssc": "caching:SSC",
        "random_ssc": "controls:RandomSSC",
        "oracle": "controls:Oracle",
        "average": "controls:Average",
        "elastic": "elastic:Elastic",
        "gru": "gru:GRU",
        "hippo": "hippo:HiPPO",
        "lmu": "lmu:LMU",
        "lmu_parallel": "lmu_parallel:ParallelLMU",
        "transformer_xl": "transformer_xl:TransformerXL",
        "memorizing": "memorizing:Memorizing",
        "infini": "infini:Infini",
        "melodi": "melodi:Melodi",
        "hybrid": "hybrid:Hybrid",
    }
)

__all__ = [
    "MEMORIES",
    "Memory",
    "SequenceModel",
    "State",
    "build",
    "build_memory",
    "check_options",
    "memory_options",
    "num_floats",
]


def build(
    memory: str | type[Memory] | Stack,
    vocab_size: int,
    answers: range,
    *,
    width: int = 32,
    layers: int = 0,
    mlp_ratio: int = 2,
    seed: int = 0,
    **options: Any,
) -> SequenceModel:
    """A model whose layers hold these memories, initialised from `seed` alone.

    memory    of every layer, with its `options`; or a stack, as a word of `models.notation` or read
    layers    a multiple of those that the stack names (0: as many; 2 where it names one)

    Raises ValueError for a memory or an option that does not exist, and for sizes below 1.
    """
    if isinstance(memory, str):
        stack = parse_stack(memory)
    else:
        stack = memory if isinstance(memory, tuple) else ((Mixer(str(memory), kind=find(memory)),),)
    stack = check_stack(with_options(stack, options), find)
    layers = number_of_layers(stack, layers)
    if type(width) is not int or width < 1:
        raise ValueError(f"width must be an integer of at least 1, not {width!r}")
    if type(vocab_size) is not int or vocab_size < 1:
        raise ValueError(f"vocab_size must be an integer of at least 1, not {vocab_size!r}")
    if not isinstance(answers, range) or answers.step != 1 or not 0 <= answers.start < answers.stop <= vocab_size:
        raise ValueError(f"answers is a range of ids below {vocab_size}, such as range({vocab_size}), not {answers!r}")
    if type(mlp_ratio) is not int or mlp_ratio < 0:
        raise ValueError(f"mlp_ratio must be an integer of at least 0 (0: no MLP), not {mlp_ratio!r}")
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise ValueError(f"seed must be an integer from 0 to 2^63 - 1, not {seed!r}")
    from .seeding import seeded_draws  # torch, as all that follows
    from .sequence_model import SequenceModel

    each = cycle(stack)
    with seeded_draws(seed):
        return SequenceModel(vocab_size, answers, lambda w: build_layer(next(each), w), width, layers, mlp_ratio)


def find(memory: str | type[Memory]) -> type[Memory]:
    """The class a name stands for. Raises ValueError for a name that stands for none."""
    if isinstance(memory, type):
        from torch import nn  # a name does not wait for it

        if issubclass(memory, nn.Module):
            return memory
    check_name(memory)
    return MEMORIES[str(memory)]


def check_name(memory: Any) -> None:
    """Raises ValueError for what is no name of a memory."""
    if not isinstance(memory, str):
        found = f"an object of {type(memory).__name__}" if hasattr(memory, "state_dict") else repr(memory)
        raise ValueError(f"a memory is a name or a class, not {found}: give the class itself, or its name")
    if memory in MEMORIES:
        return
    if str(memory).endswith(".py"):
        raise ValueError(f"{memory} is a file: name the class in it too, as {memory}:MyMemory")
    near = difflib.get_close_matches(str(memory), MEMORIES, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown memory {memory!r}: {hint}choose one of {', '.join(MEMORIES)}")
