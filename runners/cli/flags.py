"""Command-line flags read off dataclass fields and constructor options, and errors of one line.

argparse, because a command line must start at once and speak plainly: what a flag means stands in the
field's own metadata, so the help, the configuration and the error cannot drift apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from ..formatting import unknown


class Mistake(Exception):
    """Something a person typed or pointed at; shown as one line, with exit status 2."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises instead of exiting, and never guesses at shortened flags."""

    def __init__(self, prog: str = "", description: str = "", epilog: str = "", **layout: Any) -> None:
        super().__init__(prog, None, description, epilog, allow_abbrev=False, **layout)
        self.formatter_class = Formatter

    def error(self, message: str) -> NoReturn:
        _, unrecognised, words = message.partition("unrecognized arguments: ")
        raise Mistake(f"{self.unknown_option(words) if unrecognised else message} (see {self.prog} --help)")

    def unknown_option(self, words: str) -> str:
        """What to say of the first of these words, which no argument takes."""
        word = words.split()[0].partition("=")[0]
        close = difflib.get_close_matches(word, [name for a in self._actions for name in a.option_strings], 1, 0.75)
        meant = f": did you mean {close[0]}?" if close else ""
        return f"unknown {'option' if word.startswith('-') else 'word'} {word}{meant}"


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions; names the default of every flag that has one."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.default in (None, argparse.SUPPRESS, []):
            return action.help or ""
        return super()._get_help_string(action) or ""

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        return str(action.metavar) if isinstance(action, Flattened) else super()._format_args(action, default_metavar)


def one_of(what: str, names: Iterable[str], listing: str = "") -> Callable[[str], str]:
    """Reads a word that must be one of the names; `listing` says where they are listed, where they are many."""
    known = list(names)

    def read(word: str) -> str:
        if word not in known:
            raise Mistake(unknown(what, word, known, listing))
        return word

    return read


def sorted_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words that stand for themselves, and flags each with the word it takes: every flag but help takes one."""
    plain: list[str] = []
    flags: list[str] = []
    taken = False
    for word in words:
        is_flag = word.startswith("-") and not taken
        (flags if is_flag or taken else plain).append(word)
        taken = is_flag and "=" not in word and word not in ("-h", "--help")
    return plain, flags


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def truth(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise argparse.ArgumentTypeError(f"takes true or false, not {text!r}")


INTEGER = re.compile(r"[+-]?(0|[1-9]\d*|[1-9]\d{0,2}(_\d{3})+)")
"""Digits in one group, or in groups of three with underscores. A comma would begin the next value of a list."""


def whole(text: str) -> int:
    if INTEGER.fullmatch(text):
        return int(text)
    grouped = re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+|0\d+", text)
    mend = " (group digits with underscores, as in 1_000_000; a comma separates values)" if grouped else ""
    raise argparse.ArgumentTypeError(f"takes an integer, not {text!r}{mend}")


def several(text: str) -> list[int]:
    """Integers with commas between: 1,4,16."""
    return [whole(part) for part in text.split(",")]


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes a number, not {text!r}") from None


def or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """What an optional field takes: `none`, or what it reads."""
    return lambda text: None if text.lower() == "none" else read(text)


def add_list(
    group: Any,
    *names: str,
    read: Callable[[str], Any],
    metavar: str,
    blanks: bool = True,
    empty: bool = False,
    **words: Any,
) -> None:
    """A flag that takes several values: `1,4,16`, and `1 4 16` where `blanks` may separate them as well.

    blanks   False where a word that is no value of the flag, such as a study, may follow it
    empty    whether no value at all may follow, for an empty list
    """

    def split(text: str) -> list[Any]:
        return [read(part.strip()) for part in text.removesuffix(",").split(",")]

    nargs = None if not blanks else "*" if empty else "+"
    group.add_argument(*names, type=split, nargs=nargs, action=Flattened, metavar=f"{metavar},...", **words)


class Flattened(argparse.Action):
    """Stores the values of all words of a list as one list."""

    def __call__(self, parser: Any, namespace: Any, words: Any, option_string: str | None = None) -> None:
        lists = [words] if self.nargs is None else words
        setattr(namespace, self.dest, [value for values in lists for value in values])


READ: dict[type, Callable[[str], Any]] = {bool: truth, int: whole, float: number, str: str}
SHOWN = {bool: "true|false", int: "N", float: "X", str: "WORD"}


def add_option(group: Any, name: str, kind: type, default: Any, meaning: str, choices: Sequence[str] = ()) -> None:
    read = READ[kind]
    group.add_argument(
        flag(name), type=or_none(read) if default is None else read, default=argparse.SUPPRESS,
        metavar="|".join(choices) or SHOWN[kind],
        help=f"{meaning} (default: {default})" if default is not None else meaning,
    )  # fmt: skip


def add_fields(group: Any, kind: Any, skip: Iterable[str] = ()) -> None:
    """One flag for each field of a dataclass that has a plain default."""
    for f in dataclasses.fields(kind):
        if f.name in skip:
            continue
        plain = f.metadata.get("kind") or type(f.default)
        add_option(group, f.name, plain, f.default, f.metadata.get("help", ""), f.metadata.get("choices") or ())


def chosen(arguments: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """The flags that were given, of these names."""
    given = vars(arguments)
    return {name: given[name] for name in names if name in given}
