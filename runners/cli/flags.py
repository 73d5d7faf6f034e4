"""Command-line flags made from dataclass fields and constructor options; one-line errors.

argparse, because the command line must start at once. A flag's meaning is in its field's metadata, so that help,
configuration and error messages cannot drift apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from models.notation import parse_value, split_stacks

from ..config.custom_code import check_named
from ..config.length_modes import DEFAULT_LENGTH
from ..execution.job import DEVICES
from ..formatting import unknown
from ..storage import printable


class Mistake(Exception):
    """A user's mistake: printed as one line, with exit status 2."""


@contextmanager
def mistakes() -> Iterator[None]:
    """Turn a ValueError of this block, which says what to change, into a Mistake."""
    try:
        yield
    except ValueError as error:
        raise Mistake(str(error)) from None


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises instead of exiting, and never guesses at shortened flags."""

    def __init__(self, prog: str = "", description: str = "", epilog: str = "", **layout: Any) -> None:
        super().__init__(prog, None, description, epilog, allow_abbrev=False, **layout)
        self.formatter_class = Formatter

    def error(self, message: str) -> NoReturn:
        _, unrecognised, words = message.partition("unrecognized arguments: ")
        raise Mistake(f"{self.unknown_option(words) if unrecognised else message} (see {self.prog} --help)")

    def unknown_option(self, words: str) -> str:
        """Error message for the first of these words, which no argument takes."""
        word = (words.split() or [repr(words)])[0].partition("=")[0]
        close = difflib.get_close_matches(word, [name for a in self._actions for name in a.option_strings], 1, 0.75)
        meant = f": did you mean {close[0]}?" if close else ""
        return f"unknown {'option' if word.startswith('-') else 'word'} {word}{meant}"


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Help that keeps the line breaks of descriptions and names every default."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.default in (None, argparse.SUPPRESS, []):
            return action.help or ""
        if isinstance(action.default, list):
            return f"{action.help} (default: {','.join(map(str, action.default))})"
        return super()._get_help_string(action) or ""

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        return str(action.metavar) if isinstance(action, JoinValues) else super()._format_args(action, default_metavar)


def one_of(what: str, names: Iterable[str], listing: str = "") -> Callable[[str], str]:
    """Parser of a word that must be one of the names. `listing` says where they are listed if they are many."""
    known = list(names)

    def read(word: str) -> str:
        if word not in known:
            raise Mistake(unknown(what, word, known, listing))
        return word

    return read


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Positional words, and flags with their values: every flag but help takes one value."""
    plain: list[str] = []
    flags: list[str] = []
    expects_value = False
    for word in words:
        is_flag = word.startswith("-") and not expects_value
        (flags if is_flag or expects_value else plain).append(word)
        expects_value = is_flag and "=" not in word and word not in ("-h", "--help")
    return plain, flags


def asks_for_help(words: Iterable[str]) -> bool:
    """True where one of the words is -h or --help."""
    return not {"-h", "--help"}.isdisjoint(words)


def flag(name: str) -> str:
    """num_pairs -> --num-pairs."""
    return "--" + name.replace("_", "-")


def boolean(text: str) -> bool:
    """True for true, yes, on, 1; False for false, no, off, 0."""
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise argparse.ArgumentTypeError(f"takes true or false, not {text!r}")


INTEGER = re.compile(r"[+-]?(0|[1-9]\d*|[1-9]\d{0,2}(_\d{3})+)")
"""Digits in one group, or in groups of three with underscores. A comma would begin the next value of a list."""


def integer(text: str) -> int:
    """1000 or 1_000."""
    if INTEGER.fullmatch(text):
        return int(text)
    grouped = re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+|0\d+", text)
    mend = " (group digits with underscores, as in 1_000_000; a comma separates values)" if grouped else ""
    raise argparse.ArgumentTypeError(f"takes an integer, not {text!r}{mend}")


def integers(text: str) -> list[int]:
    """1,4,16 -> [1, 4, 16]."""
    return [integer(part) for part in text.split(",")]


def number(text: str) -> float:
    """Any number that Python reads: 0.1, 3e-4."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"takes a number, not {text!r}") from None


def path(text: str) -> Path:
    """Any path that the system takes, whether something is there or not."""
    try:
        if not text.strip():
            raise ValueError("it is blank")
        os.lstat(text)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # too long a name, a null in it, letters that no file name has
        reason = getattr(error, "strerror", None) or error
        raise argparse.ArgumentTypeError(f"takes a path, not {printable(text)[:80]!r}: {reason}") from None
    return Path(text)


def folder(text: str) -> Path:
    """A folder that is there."""
    if not os.path.isdir(path(text)):
        where = "finished runs are kept where --out said, runs/ by default"
        raise Mistake(f"no directory {printable(text)} ({where})")
    return Path(text)


def task(text: str) -> str:
    """A task's name, or FILE.py:CLASS."""
    from ..config.custom_tasks import task_kind  # numpy and gymnasium, which help does not wait for

    with mistakes():
        task_kind(text)
    return text


def memory(text: str) -> str:
    """The word of a memory, or of a stack: names with options in place, or FILE.py:CLASS of a file that is there."""
    with mistakes():
        check_named(text)
    return text


def or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Parser of an optional field: `none`, or a word for `read`."""
    return lambda text: None if text.lower() == "none" else read(text)


def add_list(
    group: Any,
    *names: str,
    read: Callable[[str], Any],
    metavar: str,
    blanks: bool = True,
    empty: bool = False,
    split: Callable[[str], list[str]] = lambda text: text.split(","),
    **words: Any,
) -> None:
    """Add a flag that takes several values: `1,4,16`, or `1 4 16` where `blanks` may separate them too.

    blanks   False where a word that is no value of the flag, such as a study, may follow it
    empty    whether no value at all may follow, for an empty list
    split    the values of one word
    """

    def read_all(text: str) -> list[Any]:
        return [read(part.strip()) for part in split(text.removesuffix(","))]

    nargs = None if not blanks else "*" if empty else "+"
    group.add_argument(*names, type=read_all, nargs=nargs, action=JoinValues, metavar=f"{metavar},...", **words)


class JoinValues(argparse.Action):
    """Action that joins the values of all words into one list."""

    def __call__(self, parser: Any, namespace: Any, words: Any, option_string: str | None = None) -> None:
        lists = [words] if self.nargs is None else words
        setattr(namespace, self.dest, [value for values in lists for value in values])


AXIS = "axis."
"""The beginning of the names of arguments that are fields of a question."""
WITH_COMMAS = ("weights",)
"""Fields whose one value has commas in it."""
READ: dict[type, Callable[[str], Any]] = {bool: boolean, int: integer, float: number, str: str}
METAVARS = {bool: "true|false", int: "N", float: "X", str: "WORD"}


def several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Parser of the values of an axis, with commas between them; a comma before `name=` belongs to a value."""
    return lambda text: [read(part) for part in split_stacks(text)]


def add_option(
    group: Any, name: str, kind: type, default: Any, meaning: str, choices: Sequence[str] = (), axis: bool = False
) -> None:
    """Add the flag of one field or option, absent from the arguments unless it is set; as an `axis` it takes a list."""
    read = READ.get(kind, parse_value)
    read = or_none(read) if default is None else read
    read = several(read) if axis and name not in WITH_COMMAS else read
    group.add_argument(
        flag(name), dest=f"{AXIS if axis else ''}{name}", type=read, default=argparse.SUPPRESS,
        metavar="|".join(choices) or METAVARS.get(kind, "VALUE"),
        help=f"{meaning} (default: {default})" if default is not None and meaning else meaning or argparse.SUPPRESS,
    )  # fmt: skip


def add_fields(group: Any, kind: Any, skip: Iterable[str] = (), axes: bool = False) -> None:
    """Add one flag for each field of a dataclass that has a plain default; as `axes` they take lists."""
    for f in dataclasses.fields(kind):
        if f.name in skip:
            continue
        plain = f.metadata.get("kind") or type(f.default)
        add_option(group, f.name, plain, f.default, f.metadata.get("help", ""), f.metadata.get("choices") or (), axes)


def explicit_values(arguments: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Values of those of these flags that the user set."""
    values = vars(arguments)
    return {name: values[name] for name in names if name in values}


def add_task(parser: Parser, words: Sequence[str]) -> None:
    """Add a task, its length, and the fields of the task that the first word names. Raises Mistake for any other."""
    from recall_tasks import TASKS  # as above

    from ..config.custom_tasks import task_kind

    parser.add_argument("task", type=task, metavar="TASK", help=f"one of {', '.join(TASKS)}; or FILE.py:CLASS")
    meaning = f"tokens per sequence (default: {DEFAULT_LENGTH}, or the preset's own)"
    parser.add_argument("--length", type=integer, metavar="N", help=meaning)
    if not words:
        return
    kind = task_kind(task(words[0]))
    group = parser.add_argument_group(f"fields of {kind.name}")
    published = f"published setting: {', '.join(kind.presets)}" if kind.presets else "published setting; it has none"
    group.add_argument("--preset", type=one_of(f"preset of {kind.name}", kind.presets), metavar="NAME", help=published)
    add_fields(group, kind)


def requested_task(arguments: argparse.Namespace) -> tuple[str, int, dict[str, Any]]:
    """Name, length and fields of the task: as set by the user, else by the preset, else the defaults."""
    from ..config.custom_tasks import task_kind  # as above

    kind = task_kind(arguments.task)
    preset = kind.presets[arguments.preset] if arguments.preset else None
    length = arguments.length if arguments.length is not None else preset.length if preset else DEFAULT_LENGTH
    explicit = explicit_values(arguments, [f.name for f in dataclasses.fields(kind)])
    return arguments.task, length, {**(preset.fields if preset else {}), **explicit}


def add_device(group: Any) -> None:
    """Add the device of the models."""
    meaning = f"device of the models: {', '.join(DEVICES)}; auto takes a GPU if there is one"
    group.add_argument("--device", type=one_of("device", DEVICES), default="cpu", metavar="NAME", help=meaning)


def add_stream(parser: Parser) -> None:
    """Add the split and the seed of a stream."""
    from recall_tasks import SPLITS  # as above

    parser.add_argument("--split", choices=SPLITS, default="train", help="split of the stream")
    parser.add_argument("--seed", type=integer, default=0, metavar="N", help="seed of the stream")
