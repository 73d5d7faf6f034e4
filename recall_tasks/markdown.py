"""Docstrings as Markdown: prose that stays prose, tables, and papers as links."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def first_sentence(thing: object) -> str:
    """What a docstring says first, up to its full stop."""
    paragraph = " ".join(inspect.cleandoc(thing.__doc__ or "").partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def docstring(thing: object) -> str:
    """A whole docstring; what is indented in it, such as a drawing, is code."""
    lines = inspect.cleandoc(thing.__doc__ or "").split("\n")
    return "\n".join(line if line.startswith("    ") else prose(line) for line in lines)


def prose(line: str) -> str:
    """A line in which nothing is taken for a list, a heading, an emphasis or HTML; `code` stays code."""
    line = re.sub(r"^(\d*)([-+*#>.)])(?=\s)", r"\1\\\2", line)
    parts = line.split("`")
    parts[::2] = [re.sub(r"(?<!\\)[<*]|(?<!\w)_|_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
    return "`".join(parts)


def sources(module: object) -> str:
    """What a module's docstring says behind `Source:` or `Sources:`, if anything, in one line with links."""
    found = re.search(r"^Sources?: (.*?)(?:\n\n|\Z)", inspect.cleandoc(module.__doc__ or ""), re.S | re.M)
    return f"Source: {linked(prose(' '.join(found[1].split())))} " if found else ""


def linked(text: str) -> str:
    """arXiv numbers and repositories as links."""
    text = re.sub(r"(?<!/)\b(?:arXiv[: ])?(\d{4}\.\d{4,5})\b", r"[arXiv \1](https://arxiv.org/abs/\1)", text)
    return re.sub(r"\bgithub\.com/[\w./-]+\w", r"[\g<0>](https://\g<0>)", text)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], sides: str = "") -> str:
    """A table; `sides` has l or r for each column, l where it ends early."""
    rule = ["---:" if side == "r" else "---" for side in sides.ljust(len(heads), "l")]
    cells = [[prose(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *cells])
