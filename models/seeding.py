"""Weights and dropout from a seed: layers draw from torch's global generator alone, so it is lent and restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded_draws(seed: int) -> Iterator[None]:
    """What torch draws inside follows from this seed; afterwards its generators are as they were."""
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)  # a fraction of the time of `torch.manual_seed`
        if gpus:
            torch.cuda.manual_seed_all(seed)
        yield
