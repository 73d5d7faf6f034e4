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

try:  # There is no public way to ask for or to leave the transforms.
    from torch._C import _are_functorch_transforms_active, _DisableFuncTorch

    forward_ad._current_level  # noqa: B018
except (ImportError, AttributeError) as lacking:
    raise ImportError(
        f"torch {torch.__version__} lacks what models/transforms.py asks it ({lacking}): install torch 2.8 to 2.15"
    ) from lacking


def inside_transform() -> bool:
    """True inside vmap, grad, jvp and the other transforms of `torch.func`, and inside a level of dual numbers."""
    # As torch's own Function.apply asks.
    return _are_functorch_transforms_active() or forward_ad._current_level >= 0


@contextmanager
def outside_transforms() -> Iterator[None]:
    """Tensors made here belong to no transform and no inference mode: they can be kept and used in other calls."""
    with torch.inference_mode(False), _DisableFuncTorch():
        yield


def at_least_single(x: Tensor) -> Tensor:
    """x in single precision or better: half precision has no room for squares and small constants."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
