"""The page of a comparison."""

from .report import write_report

__all__ = ["write_report"]
