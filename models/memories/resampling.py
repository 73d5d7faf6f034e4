"""Elastic memories read by another sampling than they were trained with (arXiv 2602.11212, tables 5 and 6)."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TypeVar

from torch import nn

from ..banks import Sampling
from .elastic import Elastic

M = TypeVar("M", bound=nn.Module)


def with_sampling(module: M, sampling: str, num_samples: int | None = None, left: bool = False) -> M:
    """A copy, with the same weights, whose elastic memories are read by another sampling: no retraining.

    The `samples` bank keeps what it samples, so states of before the change do not fit it.
    """
    module = copy.deepcopy(module)
    memories = [part for part in module.modules() if isinstance(part, Elastic)]
    if not memories:
        raise ValueError(f"{type(module).__name__} holds no elastic memory whose sampling could be changed")
    for memory in memories:
        S = num_samples or memory.S
        if len(memory.learned) and S != memory.S:
            raise ValueError(f"a learned bank reads {memory.S} memory tokens, not {S}: keep num_samples")
        memory.bank = replace(memory.bank, sampling=Sampling.parse(sampling, S, left))
        memory.S = S
    return module
