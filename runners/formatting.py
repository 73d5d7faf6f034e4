"""Numbers and lists as people read them: `.974 [.964–.981]`, `131,072`, `231 updates, 12 s`, `a, b and c`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # half a second to import, which commands do without
    import pandas as pd


def fraction(value: float) -> str:
    """A fraction in three digits. Only 1 reads as 1 and only 0 as 0, however close another comes."""
    if value in (0, 1):
        return "1.00" if value else ".000"
    return f"{min(max(value, 0.001), 0.999):.3f}"[1:]


def interval(low: float, high: float) -> str:
    """Bounds of a fraction: [.964–.981]"""
    return f"[{fraction(low)}–{fraction(high)}]"


def accuracy(record: pd.Series[Any]) -> str:
    """Mean and interval of a record of the comparison."""
    return f"{fraction(record['mean'])} {interval(record['low'], record['high'])}"


def signed_number(value: float) -> str:
    """A difference of accuracies in three digits: +.025, -.003 (with a true minus), .000."""
    if abs(value) < 0.0005:
        return ".000"
    return f"{'+' if value > 0 else '−'}{fraction(abs(value))}"


def difference(record: pd.Series[Any]) -> str:
    """Difference and bounds of a record of pairs: +.210 [+.051 to +.366]"""
    middle, low, high = (signed_number(record[name]) for name in ("difference", "low", "high"))
    return f"{middle} [{low} to {high}]"


def p_value(p: float) -> str:
    """p = .024, p < .001"""
    return "p < .001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.995 else f"p = {f'{p:.3f}'[1:]}"


def amount(value: float) -> str:
    """A count or a time: an integer from 10 on, one decimal below."""
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:,.1f}"


def span(values: Iterable[float]) -> str:
    """One number where all agree, else the range."""
    distinct = sorted(set(values))
    ends = distinct if len(distinct) < 2 else [distinct[0], distinct[-1]]
    return "–".join(amount(v) for v in ends)


def state_bytes(records: pd.DataFrame) -> str:
    """Bytes of states at their fullest and, where that is another number, after the last token."""
    fullest, end = (span(records[name].dropna()) for name in ("state_bytes", "state_bytes_at_end"))
    return fullest if end in ("", fullest) else f"{fullest} ({end} at the end)"


def duration(seconds: float) -> str:
    """A time in the units people say: 12 s, 5 min 3 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{amount(seconds)} s"
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def clock(seconds: float) -> str:
    """A rough time, at least 1 s: 40 s, 12 min, 3.5 h."""
    if seconds < 99.5:
        return f"{max(1.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def seeds_solved(record: pd.Series[Any]) -> str:
    """Seeds of a record, and how many solved the task: `5, 4 solved`; bounds over them are for such trainings."""
    return f"{record['seeds']}, {record['solved']:.0f} solved"


def at_rate(record: pd.Series[Any]) -> str:
    """Chosen learning rate of a record of the comparison; empty where there was no choice."""
    if math.isnan(record["learning_rate"]):
        return ""
    others = f" ({record['other_rates']:.0f} of {record['seeds']} seeds at others)" if record["other_rates"] else ""
    return f"rate {record['learning_rate']:g}{others}"


def to_half(record: pd.Series[Any]) -> str:
    """Updates to half a training batch correct, of a record of the comparison; empty where no seed got there."""
    updates = record["updates_to_half"]
    return "" if math.isnan(updates) else f"half after {amount(updates)} updates"


def to_solve(record: pd.Series[Any]) -> str:
    """Updates and time to solve the task, of a record of the comparison, and how the other seeds ended."""
    solved, seeds = int(record["solved"]), int(record["seeds"])
    parts = (("updates_to_solve", lambda n: f"{amount(n)} updates"), ("seconds_to_solve", duration))
    took = ", ".join(
        words(record[name]) for name, words in parts if not math.isnan(record[name])
    )  # older runs lack some
    if solved == seeds:
        return took
    failed = f"not converged ({record['not_converged']})"
    return "; ".join(filter(None, (took, f"{seeds - solved} of {seeds} {failed}"))) if solved else failed


def word_list(words: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def unknown(what: str, word: str, names: Sequence[str], listing: str = "") -> str:
    """Message for an unknown name, with the likely meaning: similar names, else all names or `listing` of them."""
    if close := difflib.get_close_matches(word, names):
        return f"unknown {what} {word!r}: did you mean {' or '.join(close)}?"
    choice = f"choose one of {listing or ', '.join(names)}" if names else "it has none"
    return f"unknown {what} {word!r}: {choice}"


def safe_name(words: str) -> str:
    """Words as part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in words)
