"""Numbers and lists as people read them: `.974 [.964–.981]`, `131,072`, `231 updates, 12 s`, `a, b and c`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # half a second to import, which commands do without
    import pandas as pd


def share(value: float) -> str:
    """An accuracy in three digits. Only 1 reads as 1 and only 0 as 0, however close another comes."""
    if value in (0, 1):
        return "1.00" if value else ".000"
    return f"{min(max(value, 0.001), 0.999):.3f}"[1:]


def interval(low: float, high: float) -> str:
    return f"[{share(low)}–{share(high)}]"


def accuracy(row: pd.Series[Any]) -> str:
    """Mean and interval of a row of the comparison."""
    return f"{share(row['mean'])} {interval(row['low'], row['high'])}"


def signed(value: float) -> str:
    """A difference of accuracies in three digits: +.025, -.003 (with a true minus), .000."""
    said = share(abs(value)) if abs(value) >= 0.0005 else ".000"
    return said if said == ".000" else f"{'+' if value > 0 else '−'}{said}"


def p_value(p: float) -> str:
    """p = .024, p < .001"""
    return "p < .001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.995 else f"p = {f'{p:.3f}'[1:]}"


def amount(value: float) -> str:
    """A count or a time: whole from 10 on, one decimal below."""
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:,.1f}"


def span(values: Iterable[float]) -> str:
    """One number where all agree, else the range."""
    found = sorted(set(values))
    ends = found if len(found) < 2 else [found[0], found[-1]]
    return "–".join(amount(v) for v in ends)


def duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{amount(seconds)} s"
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def clock(seconds: float) -> str:
    """A forecast time: 40 s, 12 min, 3.5 h."""
    if seconds < 99.5:
        return f"{max(1.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def at_rate(row: pd.Series[Any]) -> str:
    """The learning rate that was chosen for a row of the comparison; empty where there was one alone."""
    return "" if math.isnan(row["learning_rate"]) else f"rate {row['learning_rate']:g}"


def to_half(row: pd.Series[Any]) -> str:
    """When a row of the comparison answered half of a training batch rightly; empty where no seed got there."""
    return "" if math.isnan(row["updates_to_half"]) else f"half after {amount(row['updates_to_half'])} updates"


def to_solve(row: pd.Series[Any]) -> str:
    """What a row of the comparison took to solve its task, and what did not."""
    solved, seeds = int(row["solved"]), int(row["seeds"])
    took = f"{amount(row['updates_to_solve'])} updates, {duration(row['seconds_to_solve'])}" if solved else ""
    if solved == seeds:
        return took
    failed = f"not converged ({row['not_converged']})"
    return f"{took}; {seeds - solved} of {seeds} {failed}" if solved else failed


def listed(words: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def unknown(what: str, word: str, names: Sequence[str], listing: str = "") -> str:
    """A name that stands for nothing, and what may have been meant: names like it, else all or where they are."""
    if close := difflib.get_close_matches(word, names):
        return f"unknown {what} {word!r}: did you mean {' or '.join(close)}?"
    choice = f"choose one of {listing or ', '.join(names)}" if names else "it has none"
    return f"unknown {what} {word!r}: {choice}"
