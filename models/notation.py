"""The notation of a model's layers in one word: memories, their options, and how they stand together.

    grm:segment=16,base=delta         a memory with options; grm(segment=16, base=delta) is the same
    linear+linear+attention           a stack: one memory for each layer, the first of them sees the input first
    3*gated_delta+attention           the same memory in three layers, then attention
    linear|window                     two memories side by side in one layer
    mine.py:Mine, torch.nn:LSTM       a class of a file, or of an installed module
    <session-1f3a>:Mine               a class that no file holds, in the session that has it

Nothing is imported or looked up here: a name may stand for no memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch, which reading a word does without
    from .memory import Memory

Option = bool | int | float | str | None

MOST_LAYERS = 1024
NAME = r"[^()|+*=,:]+\.py:[A-Za-z_]\w*|<session-\w+>:[A-Za-z_]\w*|\w+(?:\.\w+)*:[A-Za-z_]\w*(?!\w*=)|\w+"
MIXER = re.compile(rf"(?:(?P<times>\d+)\*)?(?P<name>{NAME})(?::(?P<after>\w+=.*)|\((?P<inside>.*)\))?", re.DOTALL)
ABSOLUTE = re.compile(r"(?:/|[A-Za-z]:[\\/]).*\.py:[A-Za-z_]\w*", re.DOTALL)
"""One class of one file, whose folders may be called anything."""
FORM = "write NAME, NAME:option=value,option=value, A+B for layers, or A|B for memories side by side"


@dataclass(frozen=True)
class Mixer:
    """One memory of a layer: the name it is found by, the options that were given, and its class once it is found."""

    name: str
    options: Mapping[str, Option] = field(default_factory=dict)
    kind: type[Memory] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        given = ",".join(f"{name}={format_value(value)}" for name, value in sorted(self.options.items()))
        return f"{self.name}:{given}" if given else self.name

    @property
    def title(self) -> str:
        """The name without its file or module."""
        return self.name.rpartition(":")[2]


Stack = tuple[tuple[Mixer, ...], ...]
"""The layers in order; in each, the memories that stand side by side."""


def parse_stack(word: str) -> Stack:
    """The layers that a word stands for. Raises ValueError for what is no notation."""
    if ABSOLUTE.fullmatch(word) and word.count(".py:") == 1:
        return ((Mixer(word),),)
    layers: list[tuple[Mixer, ...]] = []
    for part in split_outside(word, "+"):
        times, mixers = 1, list[Mixer]()
        for place, text in enumerate(split_outside(part, "|")):
            found = MIXER.fullmatch(text.strip())
            if found is None or (found["times"] and place):
                raise ValueError(f"{word!r} is no memory: {FORM}")
            times = int(found["times"] or times)
            mixers.append(Mixer(found["name"], parse_options(found["after"] or found["inside"] or "", word)))
        if not 1 <= times <= MOST_LAYERS - len(layers):
            raise ValueError(f"{word!r} has a number of layers out of range: choose from 1 to {MOST_LAYERS:,}")
        layers += [tuple(mixers)] * times
    return tuple(layers)


def format_stack(stack: Stack) -> str:
    """The word that stands for these layers; layers in a row that are alike are counted."""
    layers = ["|".join(map(str, mixers)) for mixers in stack]
    counted = [(layer, len(list(alike))) for layer, alike in groupby(layers)]
    return "+".join(f"{count}*{layer}" if count > 1 else layer for layer, count in counted)


def pattern_of(stack: Stack) -> Stack:
    """The fewest layers that, repeated, are this stack."""
    count = len(stack)
    return next(stack[:n] for n in range(1, count + 1) if count % n == 0 and stack[:n] * (count // n) == stack)


def split_stacks(text: str) -> list[str]:
    """Words of a list with commas between them: `grm:segment=16,base=delta,linear` holds two."""
    words: list[str] = []
    for part in split_outside(text, ","):
        if words and re.match(r"\s*\w+=", part):  # another option of the memory before it
            words[-1] += f",{part}"
        else:
            words.append(part.strip())
    return words


def parse_options(text: str, word: str) -> dict[str, Option]:
    """`segment=16, base=delta` as a dict. Raises ValueError for a part without a value, or an option given twice."""
    options: dict[str, Option] = {}
    for part in split_outside(text, ",") if text.strip() else ():
        name, equals, value = (side.strip() for side in part.partition("="))
        if not (re.fullmatch(r"[A-Za-z_]\w*", name) and equals and value):
            raise ValueError(f"{word!r}: {part.strip()!r} is no option: write option=value")
        if name in options:
            raise ValueError(f"{word!r} gives {name} twice: leave one out")
        options[name] = parse_value(value)
    return options


def parse_value(text: str) -> Option:
    """true, false, none, an integer, a number, or else the word itself, without its quotes."""
    plain: dict[str, Option] = {"true": True, "false": False, "none": None}
    if text.lower() in plain:
        return plain[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    quoted = re.fullmatch(r"'([^']*)'|\"([^\"]*)\"", text)
    return text if quoted is None else quoted[1] or quoted[2] or ""


def format_value(value: Option) -> str:
    """The text that `parse_value` reads as this value. Raises ValueError for text with both quotation marks."""
    if isinstance(value, str):
        if re.fullmatch(r"[\w./-]+", value) and parse_value(value) == value:
            return value
        mark = '"' if "'" in value else "'"
        if mark in value:
            raise ValueError(f"{value!r} holds both quotation marks: a word of layers can hold one of them")
        return f"{mark}{value}{mark}"
    return str(value).lower().replace("e+", "e")  # a plus begins the next layer


def split_outside(text: str, mark: str) -> list[str]:
    """Parts of a text between marks that stand in no parentheses and no quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        depth += 0 if quote else (letter == "(") - (letter == ")")
        if letter in "'\"":
            quote = "" if letter == quote else quote or letter
        if letter == mark and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
