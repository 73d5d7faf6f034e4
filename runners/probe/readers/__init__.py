"""Readers of states: one file and one line here for each.

`READERS` are those that read any state. The bilinear reader is given a key too; the MLP is for description length
alone, as it can work out what a state does not hold in readable form.
"""

from __future__ import annotations

from .logistic import Logistic
from .mlp import MLP
from .prior import Prior
from .reader import Reader
from .ridge import Levels, Ridge

READERS: dict[str, type[Reader]] = {
    "prior": Prior,
    "ridge": Ridge,
    "logistic": Logistic,
    "mlp": MLP,
}

__all__ = ["MLP", "READERS", "Levels", "Logistic", "Prior", "Reader", "Ridge"]
