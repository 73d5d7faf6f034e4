"""Readers a probe may use: one file and one line here for each."""

from __future__ import annotations

from .logistic import Logistic
from .reader import Reader
from .ridge import Ridge

READERS: dict[str, type[Reader]] = {
    "ridge": Ridge,
    "logistic": Logistic,
}

__all__ = ["READERS", "Reader"]
