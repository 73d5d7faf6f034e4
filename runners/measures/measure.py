"""Measure: one kind of question to a finished run, with all that belongs to it in one object.

A measure writes one record beside the run, whole or not at all. What was measured before is not measured again:
`remaining` says what a record lacks of a request, `merge` adds a new record to the one that is there.

Nothing here or in a measure's module imports torch, numpy or pandas until it works, so that help, queries and a
person's mistakes do not wait for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ..storage.records import Shape
from ..storage.schema import Table

if TYPE_CHECKING:
    from torch import Tensor

    from models import SequenceModel

    from ..config.messages import Watch
    from ..config.run import Run
    from ..evaluation.scored_table import ScoredTable

Request = Mapping[str, Any]
"""What a measure is asked for, as JSON has it; each measure says which keys it takes."""

Record = dict[str, Any]
"""What was measured: `done`, how far it went, and tables, each a list of records."""

Measured: TypeAlias = "tuple[Record, dict[str, Tensor]]"
"""A record, and tensors to be saved with it: the answers to every question, by name."""


@dataclass(frozen=True)
class Flag:
    """A flag of the measure's command, and the key that it fills in a request.

    key       in a request; "" for the flag's own name; None for a flag that is not part of it
    default   None leaves the key out
    least     of integers
    several   takes a list; `empty`: an empty one too
    choices   names that it takes; called when the command is used, as listing them may wait for torch
    files     it takes FILE.py:CLASS beside `choices`
    shown_default   that the help names where `default` is None
    """

    name: str
    kind: type
    meaning: str
    default: Any = None
    least: int | None = None
    several: bool = False
    empty: bool = False
    choices: Callable[[], Sequence[str]] | None = None
    key: str | None = ""
    shown_default: Any = None
    files: bool = False

    @property
    def request_key(self) -> str | None:
        return self.name if self.key == "" else self.key


SEQUENCES = ("rows", "sequences")
"""The key of the number of test sequences in requests and records, and the flag that fills it."""


class Measure(ABC):
    """One kind of question to a finished run.

    name          of the measure in requests, and of its record NAME.json beside the run
    command       `recall COMMAND RUN ...` asks finished runs
    meaning       a line of help
    description   what the command's help says beyond
    tables        those that its record holds
    flags         of its command
    positional    a word before the runs, such as the memory of a swap
    of_states     whether it reads states, which a model that reads whole sequences only has none of
    reports       whether its command writes the report when it is done
    """

    name: ClassVar[str]
    command: ClassVar[str]
    meaning: ClassVar[str]
    description: ClassVar[str] = ""
    tables: ClassVar[tuple[Table, ...]] = ()
    flags: ClassVar[tuple[Flag, ...]] = ()
    positional: ClassVar[str] = ""
    of_states: ClassVar[bool] = False
    reports: ClassVar[bool] = False
    shape: ClassVar[Shape] = {"done": list}
    """What every record holds beside its tables: a record of another shape is damaged."""
    newer: ClassVar[tuple[str, ...]] = ()
    """Tables that records need not hold."""

    @property
    def file(self) -> str:
        """Name of the record's file."""
        return f"{self.name}.json"

    @property
    def pattern(self) -> Shape:
        """Pattern of a record."""
        tables = {f"{table.key}{'?' * (table.name in self.newer)}": table.misfit for table in self.tables}
        return {**tables, "outputs?": [{"name": str, "digest": str}], "device?": str, **self.shape}

    @abstractmethod
    def check(self, run: Run, request: Request) -> None:
        """Raise ValueError where the run cannot be asked for this: before any work."""

    @abstractmethod
    def remaining(self, record: Record | None, request: Request) -> Request | None:
        """The part of a request that a record lacks; None if it lacks nothing."""

    def parts(self, run: Run, request: Request, record: Record | None, watch: Watch) -> Iterator[Request]:
        """The request in pieces, each measured and saved before the next; all at once unless a measure takes long."""
        yield request

    @abstractmethod
    def measure(self, run: Run, model: SequenceModel, request: Request, watch: Watch) -> Measured:
        """Measure all of the request."""

    @abstractmethod
    def merge(self, old: Record, new: Record) -> Record:
        """Both records; the new one's results where both measured the same."""

    def content(self, record: Record) -> Record:
        """The record with its tables as lists of records; itself where it holds them so."""
        return record

    def scored_tables(self) -> tuple[ScoredTable, ...]:
        """Tables that `recall verify` works out again from the saved answers."""
        return ()

    def flags_for(self, words: Sequence[str], described: bool = True) -> tuple[Flag, ...]:
        """The flags of its command; `words` are those typed, on which they may depend. Unless `described`,
        meanings that need torch may be missing.
        """
        return self.flags

    def request(self, given: Mapping[str, Any]) -> Request:
        """The request that these flags make, by their names. Raises ValueError where they contradict each other."""
        keys = {flag.request_key: given.get(flag.name) for flag in self.flags}
        return {key: value for key, value in keys.items() if key and value is not None}


def only_keys(measure: Measure, request: Request, *more: str) -> None:
    """Raise ValueError for a key that no word and no flag of the measure's command fills, and none of `more` is."""
    keys = [*filter(None, (measure.positional, *(flag.request_key for flag in measure.flags))), *more]
    if strange := [key for key in request if key not in keys]:
        raise ValueError(f"{measure.name} takes {', '.join(keys)}, not {strange[0]!r}")


def check_values(measure: Measure, request: Request, *more: str) -> None:
    """`only_keys`, and raise ValueError for what is less than a flag allows, or no integer where it takes integers."""
    only_keys(measure, request, *more)
    for flag in measure.flags:
        if flag.least is not None and flag.request_key:
            integers(request, flag.request_key, least=flag.least)


def integers(values: Mapping[str, Any], name: str, least: int) -> None:
    """Raise ValueError where a value is neither an integer of at least `least` nor a list of them; None is missing."""
    value = values.get(name)
    for one in value if isinstance(value, list | tuple) else [value]:
        if value is not None and (type(one) is not int or one < least):
            raise ValueError(f"{name} takes integers of at least {least}, not {one!r}")
