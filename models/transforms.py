"""Where a faster form has to give way to plain operations, and where half precision has to give way to single.

Backward passes by hand and forms that look at numbers serve the ordinary case, a first gradient. The transforms of
`torch.func` and dual numbers take plain operations alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.autograd import forward_ad


def inside_transform() -> bool:
    """True inside vmap, grad, jvp and the other transforms of `torch.func`, and inside a level of dual numbers."""
    # As torch's own Function.apply asks: there is no public way.
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


@contextmanager
def outside_transforms() -> Iterator[None]:
    """Tensors made here belong to no transform and no inference mode: they can be kept and used in other calls."""
    with torch.inference_mode(False), torch._C._DisableFuncTorch():
        yield


def at_least_single(x: Tensor) -> Tensor:
    """x in single precision or better: half precision has no room for squares and small constants."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
