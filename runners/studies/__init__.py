"""Studies: which runs, at which learning rates, matched in what, and how long they take. Data, not code."""

from .study import MATCHED, Ask, Study, Wish

__all__ = ["MATCHED", "Ask", "Study", "Wish"]
