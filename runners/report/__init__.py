"""The report of a comparison: page, figures and tables."""

from .report import SECTIONS, write_report

__all__ = ["SECTIONS", "write_report"]
