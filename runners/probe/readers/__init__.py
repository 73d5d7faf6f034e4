"""Readers of states: one file and one line here for each.

A reader of `READERS` reads any state: through `probe(...)`, and in a pass of its own of `recall probe`. Bilinear is
none of them, as it is given a key too.
"""

from __future__ import annotations

from .logistic import Logistic
from .mlp import MLP
from .reader import Prior, Reader
from .ridge import Levels, Ridge

READERS: dict[str, type[Reader]] = {
    "prior": Prior,
    "ridge": Ridge,
    "logistic": Logistic,
    "mlp": MLP,
}

__all__ = ["MLP", "READERS", "Levels", "Logistic", "Prior", "Reader", "Ridge"]
