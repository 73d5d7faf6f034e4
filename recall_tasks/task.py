"""The contract of a task: what it draws, what it asks, and what a reader without memory would score.

A task is a frozen dataclass; its fields are its difficulty. It draws rows from the generator it is
given and from nothing else, so whoever holds (task, length, seed, split, i) holds row i: see `stream`.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .batch import Batch, Ints
from .information import naming_bits
from .task_grid import TaskGrid

MAX_VOCABULARY = 2**24
MAX_LENGTH = 2**22
MAX_NUMBER = 2**31 - 1
"""Positions, ids and counts are 32-bit numbers."""


DIMENSIONS = ("load", "questions", "distance", "depth", "vocabulary", "interference", "form")
"""What a field moves. `questions`: how many of the stored items are asked, and how often; `form`: how it is put."""


def difficulty(
    default: Any, meaning: str, moves: str, kind: type | None = None, choices: tuple[str, ...] | None = None
) -> Any:
    """A field of a task: its default, the words that `--help` and the task's page show, what it moves.

    `moves` is one of DIMENSIONS. A field whose default is None is optional; `kind` says what it takes when
    it is given. `choices` are the words a field of words takes.
    """
    if moves not in DIMENSIONS:
        raise ValueError(f"unknown dimension {moves!r}: choose one of {', '.join(DIMENSIONS)}")
    metadata = {"help": meaning, "moves": moves, "kind": kind or type(default), "optional": default is None}
    return field(default=default, metadata=metadata | {"choices": choices})


@dataclass(frozen=True)
class Preset:
    """A published setting: its fields, the length it was asked at, and what differs from what was published."""

    fields: Mapping[str, Any]
    length: int
    note: str


@dataclass(frozen=True)
class Task(ABC):
    """A question of recall. Subclasses add the fields of their difficulty and draw the rows.

    `name` is the task's word on the command line; `version` rises whenever what is drawn changes;
    `load` names the field that says how much a row asks to be stored. Token 0 is the blank of every task:
    it stands where nothing is shown, and no answer is blank.

    `derived` tasks ask for what is worked out of several tokens, others for a token that stood at the
    question's origin.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    load: ClassVar[str]
    derived: ClassVar[bool] = False
    presets: ClassVar[Mapping[str, Preset]] = {}

    def __new__(cls, *values: Any, **fields: Any) -> Any:
        """The task; with a list for a value the `TaskGrid` of all its values, which is no task."""
        if any(isinstance(value, list) for value in (*values, *fields.values())):
            names = (f.name for f in dataclasses.fields(cls))
            return TaskGrid(cls, dict(zip(names, values, strict=False)) | fields)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            want = f.metadata["kind"]
            if want is float and type(value) is int:
                object.__setattr__(self, f.name, float(value))
            elif type(value) is not want and not (value is None and f.metadata.get("optional")):
                raise ValueError(f"{self.name}: {f.name} takes {KIND_WORDS[want]}, not {told(value, want)}")
            if want is int and value is not None and abs(value) > MAX_NUMBER:
                raise ValueError(f"{self.name}: {f.name} must be at most {MAX_NUMBER:,}, not {value:,}")
            if f.metadata["choices"] and value not in f.metadata["choices"]:
                raise ValueError(
                    f"{self.name}: unknown {f.name} {value!r}: choose one of {', '.join(f.metadata['choices'])}"
                )
        self.check_fields()
        if self.vocab_size > MAX_VOCABULARY:
            raise ValueError(
                f"{self.name}: a vocabulary of {self.vocab_size:,} is over the limit of {MAX_VOCABULARY:,}"
            )
        if self.min_length > MAX_LENGTH:
            raise ValueError(
                f"{self.name}: {self.load_words} take {self.min_length:,} tokens at these fields, over the limit of "
                f"{MAX_LENGTH:,} (try a smaller --{self.load.replace('_', '-')} or less around it)"
            )

    def at_least(self, name: str, low: int) -> None:
        """Refuse a field below its limit."""
        if getattr(self, name) < low:
            raise ValueError(f"{self.name}: {name} must be at least {low}, not {getattr(self, name)}")

    def within(self, name: str, low: float, high: float) -> None:
        """Refuse a field outside its limits, both included; None passes."""
        value = getattr(self, name)
        if value is not None and not low <= value <= high:
            raise ValueError(f"{self.name}: {name} must be from {low:,} to {high:,}, not {value:,}")

    @abstractmethod
    def check_fields(self) -> None:
        """Raise ValueError, with the value, the limit and the mend, for fields that cannot stand together."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """Number of token ids; ids run from 0."""

    @property
    @abstractmethod
    def answers(self) -> range:
        """The token ids that can be an answer."""

    @property
    @abstractmethod
    def min_length(self) -> int:
        """The shortest row these fields fit into, in tokens."""

    @abstractmethod
    def num_questions(self, length: int) -> int:
        """The most questions that a row of this length asks."""

    @abstractmethod
    def payload_bits(self, length: int) -> float:
        """Bits that must be carried, where most are held, to answer every question of a row."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, rows: int, length: int) -> Batch:
        """`rows` fresh rows of `length` tokens; all randomness comes from `rng`."""

    @abstractmethod
    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        """The oracle: position -> answer, read from one row's tokens alone, each from its prefix."""

    @abstractmethod
    def word(self, token: int) -> str:
        """The token as a person reads it: `k7`, `v3`, `.`; its first letter is its role."""

    def solve(self, tokens: Sequence[int]) -> dict[int, int]:
        """What the oracle answers, by position. Raises ValueError for tokens that are not of this task."""
        self.check_tokens(tokens)
        return self.read(tokens)

    def spell(self, token: int) -> str:
        """The word of a token. Raises ValueError for one that is not of this task."""
        self.check_tokens((token,))
        return self.word(token)

    def check_tokens(self, tokens: Sequence[int]) -> None:
        """Raise ValueError unless all are ids of this task's vocabulary."""
        size = self.vocab_size
        for token in (tokens[0], min(tokens), max(tokens)) if len(tokens) else ():
            if not isinstance(token, int | np.integer) or not 0 <= token < size:
                raise ValueError(f"{self.name}: ids are whole numbers from 0 to {size - 1}, not {token!r}")

    @property
    def num_answers(self) -> int:
        return len(self.answers)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Expected share of a row's questions that ask each stored item: [K], sums to 1."""
        items = getattr(self, self.load)
        return np.full(items, 1 / items)

    def bottlenecks(self, length: int) -> list[tuple[float, NDArray[np.float64]]]:
        """Where the state alone must answer: (share of all questions, their shares over the items held).

        One, for rows that ask after all is written. A task that asks in between names one for each number
        of items held when it asks.
        """
        return [(1.0, self.shares)]

    @property
    def alphabet(self) -> range:
        """The token ids that a stored item can be; the answers, unless those are derived."""
        return self.answers

    def portions(self, length: int) -> list[tuple[Task, list[tuple[float, int]]]]:
        """What rows are made of: tasks, each at some lengths with their shares of all questions. A mixture has more."""
        return [(self, [(1.0, length)])]

    def bits_for(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        """Bits about one stored item that answering with this accuracy takes; see `information`."""
        return naming_bits(accuracy, self.num_answers)

    def from_bag(self, tokens: Ints, times: Ints, ids: Ints, counts: Ints) -> Ints:
        """What the best reader says that knows how often each token of the alphabet was shown, not where.

        tokens [B] that ask, times [B] they were shown before; ids [B, n] the tokens shown by then, counts [B, n].
        By default the one shown most often, the first of the answers where none was.
        """
        most = counts.argmax(axis=1)[:, None]
        said = np.take_along_axis(ids, most, axis=1)[:, 0]
        return np.where(np.take_along_axis(counts, most, axis=1)[:, 0] > 0, said, np.int32(self.answers.start))

    def draw_from(self, rng: np.random.Generator, rows: int, length: int, row: int) -> Batch:
        """Rows `row` to row + rows - 1 of the train split: a curriculum looks at `row`, others draw as always."""
        return self.draw(rng, rows, length)

    @property
    def shows_answers(self) -> bool:
        """Whether the right answer is shown at the step after its question."""
        return False

    @property
    def independent(self) -> bool:
        """Whether stored values are independent and uniform, asked about after all are written and equally often
        where answers are shown: then the bag floor has a closed form."""
        return False

    @property
    def balanced(self) -> bool:
        """Whether every answer is as likely as any other, whatever token asks: then no reader without memory
        beats chance."""
        return not self.derived

    @property
    def chance(self) -> float:
        """Accuracy of a guess that is uniform over the answers."""
        return 1 / self.num_answers

    @property
    def load_words(self) -> str:
        """The load as a person reads it: `8 pairs`, `1 needle`."""
        load, things = getattr(self, self.load), self.load.removeprefix("num_")
        return f"{load} {things.removesuffix('s') if load == 1 else things}"

    def check_length(self, length: int) -> None:
        """Raise ValueError where a row of `length` tokens cannot hold this task."""
        if type(length) is not int:
            raise ValueError(f"length takes a whole number, not {told(length, int)}")
        if length > MAX_LENGTH:
            raise ValueError(f"length {length:,} is over the limit of {MAX_LENGTH:,} tokens")
        if length < self.min_length:
            fits = self.largest_load(length)
            less = f" or {self._flags(self.at_load(fits))}" if fits else ""
            need = "needs" if self.load_words.startswith(("1 ", "a ")) else "need"
            raise ValueError(
                f"{self.name}: {self.load_words} {need} at least "
                f"{self.min_length} tokens, not {length} (try --length {self.min_length}{less})"
            )

    def _flags(self, other: Task) -> str:
        """The options that turn this task into another of its kind."""
        fields = ((f.name, getattr(other, f.name)) for f in dataclasses.fields(self))
        changed = ((name, value) for name, value in fields if value != getattr(self, name))
        return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in changed)

    def at_load(self, load: int) -> Task:
        """The same task asking for `load` items to be stored."""
        return dataclasses.replace(self, **{self.load: load})

    def at_distance(self, distance: int, length: int) -> Task:
        """The same task with every question of rows of `length` exactly `distance` tokens after its answer.

        What makes a row longer comes before. Raises ValueError where it cannot be, as for most tasks.
        """
        raise ValueError(f"{self.name} has no field that sets how far a question is from its answer")

    def largest_load(self, length: int) -> int:
        """The largest load, at most this task's own, that fits into `length` tokens; 0 if none does."""
        low, high = 0, getattr(self, self.load)
        while low < high:
            middle = (low + high + 1) // 2
            try:
                fits = self.at_load(middle).min_length <= length
            except ValueError:
                fits = False
            low, high = (middle, high) if fits else (low, middle - 1)
        return low

    def spec(self) -> dict[str, Any]:
        """Name, version and every field: JSON types, enough to draw the same rows anywhere."""
        return {"task": self.name, "version": self.version, **dataclasses.asdict(self)}


def told(value: Any, want: type) -> str:
    """A value of the wrong type, and how to mend it where a plain one of its worth is at hand."""
    plain = value.item() if isinstance(value, np.generic) else value
    mend = f"; pass {plain!r}" if value is not plain and type(plain) is want else ""
    return f"{value!r} ({type(value).__name__}{mend})"


KIND_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
