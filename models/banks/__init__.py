"""Banks: what N numbers a channel keep of the past, and how a few tokens are read back from them."""

from __future__ import annotations

from .bank import Bank
from .cosine import Cosine
from .legendre import Legendre
from .means import Means
from .random import Random
from .samples import Samples
from .sampling import Sampling

BANKS: dict[str, type[Bank]] = {
    "legendre": Legendre,
    "cosine": Cosine,
    "means": Means,
    "samples": Samples,
    "random": Random,
}

__all__ = ["BANKS", "Bank", "Sampling"]
