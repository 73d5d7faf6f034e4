"""Small sequence models that differ in their memory alone."""

from __future__ import annotations

import difflib
from typing import Any

from torch import nn

from .memories.attention import Attention
from .memories.caching import GRM, SSC, Residual, Soup
from .memories.controls import Average, Oracle, RandomSSC
from .memories.delta import DeltaRule, GatedDeltaRule
from .memories.dla import DLA
from .memories.elastic import Elastic
from .memories.gated_linear import GatedLinear
from .memories.gru import GRU
from .memories.hippo import HiPPO
from .memories.hybrid import Hybrid
from .memories.infini import Infini
from .memories.linear import LinearAttention
from .memories.lmu import LMU
from .memories.lmu_parallel import ParallelLMU
from .memories.log_linear import LogLinear, LogLinearPlus
from .memories.melodi import Melodi
from .memories.memorizing import Memorizing
from .memories.sliding_window import SlidingWindow
from .memories.swla import SWLA
from .memories.titans import Titans
from .memories.transformer_xl import TransformerXL
from .memory import Memory, State, num_floats
from .options import build_memory, check_options, memory_options
from .seeding import seeded_weights
from .sequence_model import SequenceModel

MEMORIES: dict[str, type[Memory]] = {
    "attention": Attention,
    "window": SlidingWindow,
    "linear": LinearAttention,
    "gated": GatedLinear,
    "swla": SWLA,
    "delta": DeltaRule,
    "gated_delta": GatedDeltaRule,
    "dla": DLA,
    "titans": Titans,
    "log_linear": LogLinear,
    "log_linear_plus": LogLinearPlus,
    "residual": Residual,
    "grm": GRM,
    "soup": Soup,
    "ssc": SSC,
    "random_ssc": RandomSSC,
    "oracle": Oracle,
    "average": Average,
    "elastic": Elastic,
    "gru": GRU,
    "hippo": HiPPO,
    "lmu": LMU,
    "lmu_parallel": ParallelLMU,
    "transformer_xl": TransformerXL,
    "memorizing": Memorizing,
    "infini": Infini,
    "melodi": Melodi,
    "hybrid": Hybrid,
}

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
    memory: str | type[Memory],
    vocab_size: int,
    answers: range,
    *,
    width: int = 32,
    layers: int = 2,
    mlp_ratio: int = 2,
    seed: int = 0,
    **options: Any,
) -> SequenceModel:
    """A model whose layers all hold this memory, initialised from `seed` alone.

    Raises ValueError for a memory or an option that does not exist, and for sizes below 1.
    """
    kind = find(memory)
    options = check_options(kind, options)
    for name, size in (("width", width), ("layers", layers)):
        if type(size) is not int or size < 1:
            raise ValueError(f"{name} must be an integer of at least 1, not {size!r}")
    if type(vocab_size) is not int or vocab_size < 1:
        raise ValueError(f"vocab_size must be an integer of at least 1, not {vocab_size!r}")
    if not isinstance(answers, range) or answers.step != 1 or not 0 <= answers.start < answers.stop <= vocab_size:
        raise ValueError(f"answers is a range of ids below {vocab_size}, such as range({vocab_size}), not {answers!r}")
    if type(mlp_ratio) is not int or mlp_ratio < 0:
        raise ValueError(f"mlp_ratio must be an integer of at least 0 (0: no MLP), not {mlp_ratio!r}")
    with seeded_weights(seed):
        return SequenceModel(vocab_size, answers, lambda w: build_memory(kind, w, **options), width, layers, mlp_ratio)


def find(memory: str | type[Memory]) -> type[Memory]:
    """The class a name stands for. Raises ValueError for a name that stands for none."""
    if isinstance(memory, type) and issubclass(memory, nn.Module):
        return memory
    if memory in MEMORIES:
        return MEMORIES[str(memory)]
    if str(memory).endswith(".py"):
        raise ValueError(f"{memory} is a file: name the class in it too, as {memory}:MyMemory")
    near = difflib.get_close_matches(str(memory), MEMORIES, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown memory {memory!r}: {hint}choose one of {', '.join(MEMORIES)}")
