"""One task at many loads and lengths: what a mixture and a curriculum share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..batch import IGNORE, Batch, Ints, Stored
from ..task import KIND_WORDS, Task, difficulty


@dataclass(frozen=True)
class Blend(Task):
    """The task that is named by `of`, with loads from `min_load` to `max_load`, each twice the one before.

    A row that is shorter than others ends in blanks; one that asks or stores less begins with spare questions
    and items. What is said of the task (answers, payload, floors) is said of it at its full load.
    """

    load: ClassVar[str] = "max_load"

    of: str = difficulty("mqar", "the task and its fields: NAME or NAME:FIELD=VALUE,FIELD=VALUE", moves="form")
    max_load: int = difficulty(8, "largest load", moves="load")
    min_load: int = difficulty(1, "smallest load", moves="form")

    def check_fields(self) -> None:
        self.at_least("min_load", 1)
        if self.max_load < self.min_load:
            raise ValueError(
                f"{self.name}: max_load must be at least the smallest load, {self.min_load}, not {self.max_load} "
                f"(try --min-load {max(1, self.max_load)})"
            )
        self.at_least("max_load", 1)
        whole = named(self.of, self.name)
        if isinstance(whole, Blend):
            raise ValueError(f"{self.name}: of takes a task that is no blend itself, not {self.of!r} (try --of mqar)")
        try:
            whole, parts = self.whole, self.parts
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}, after the colon of --of") from None
        for part in parts:
            if part.vocab_size != whole.vocab_size:
                raise ValueError(f"{self.name}: {whole.name} has another vocabulary at another load (try --of mqar)")
            if not _read_alike(part, whole):
                raise ValueError(
                    f"{self.name}: rows of {whole.name} do not show their load, so nobody could tell what is asked "
                    f"(try --min-load {self.max_load})"
                )
        # Whether answers are derived is a fact of the task named, not of the class.
        object.__setattr__(self, "derived", whole.derived)

    @cached_property
    def whole(self) -> Task:
        """The task at its full load."""
        return named(self.of, self.name).at_load(self.max_load)

    @cached_property
    def parts(self) -> list[Task]:
        """The task at each of its loads, from the smallest to the full one."""
        loads = [self.max_load]
        while loads[0] // 2 >= self.min_load:
            loads.insert(0, loads[0] // 2)
        return [self.whole.at_load(load) for load in loads]

    def at_load(self, load: int) -> Task:
        return dataclasses.replace(self, max_load=load, min_load=min(self.min_load, load))

    def fitted(self, drawn: Batch, length: int) -> Batch:
        """A batch of a part at no more than this length, in the shape of every batch of this length."""
        questions, items = np.max([sizes(part, length) for part in self.parts], axis=0).tolist()
        tokens = np.zeros((len(drawn), length), np.int32)
        tokens[:, : drawn.tokens.shape[1]] = drawn.tokens
        asked, answers, origins = (_led(a, questions, spare) for a, spare in _questions(drawn))
        positions, keys, values = (_led(a, items, spare) for a, spare in _items(drawn.stored))
        return Batch(tokens, asked, answers, origins, Stored(positions, keys, values))

    @property
    def vocab_size(self) -> int:
        return self.whole.vocab_size

    @property
    def answers(self) -> range:
        return self.whole.answers

    @property
    def alphabet(self) -> range:
        return self.whole.alphabet

    @property
    def min_length(self) -> int:
        return max(part.min_length for part in self.parts)

    @property
    def shares(self) -> NDArray[np.float64]:
        return self.whole.shares

    @property
    def shows_answers(self) -> bool:
        return self.whole.shows_answers

    @property
    def balanced(self) -> bool:
        return self.whole.balanced

    @property
    def load_words(self) -> str:
        return f"up to {self.whole.load_words} of {self.whole.name}"

    def num_questions(self, length: int) -> int:
        return max(part.num_questions(length) for part in self.parts)

    def payload_bits(self, length: int) -> float:
        return self.whole.payload_bits(length)

    def bits_for(self, accuracy: ArrayLike) -> NDArray[np.float64]:
        return self.whole.bits_for(accuracy)

    def read(self, tokens: Sequence[int]) -> dict[int, int]:
        return self.whole.read(tokens)

    def word(self, token: int) -> str:
        return self.whole.word(token)


def named(text: str, asker: str) -> Task:
    """The task written as NAME:FIELD=VALUE,FIELD=VALUE. Raises ValueError where it is not one."""
    from .. import TASKS, make_task  # the registry imports this file

    name, _, rest = text.partition(":")
    fields: dict[str, Any] = {}
    if name in TASKS and f"{TASKS[name].load}=" in rest:
        raise ValueError(f"{asker}: the load of {name} is set by max_load, not in {text!r} (try --max-load)")
    for word in filter(None, rest.split(",")):
        field, equals, value = word.partition("=")
        known = TASKS[name].__dataclass_fields__ if name in TASKS else {}
        kind = known[field].metadata["kind"] if field in known else str
        try:
            fields[field] = {"true": True, "false": False}[value] if kind is bool else kind(value)
        except (ValueError, KeyError):
            raise ValueError(f"{asker}: of: {field} takes {KIND_WORDS[kind]}, not {value!r}, in {text!r}") from None
        if not equals:
            raise ValueError(f"{asker}: of takes NAME:FIELD=VALUE,FIELD=VALUE, not {text!r} (try --of {name})")
    try:
        return make_task(name, **fields)
    except ValueError as error:
        raise ValueError(f"{asker}: of: {error}") from None


def _read_alike(part: Task, whole: Task) -> bool:
    """Whether the oracle of the whole reads rows of the part, with blanks behind them."""
    row = part.draw(np.random.Generator(np.random.Philox(0)), 1, part.min_length)
    solved = whole.solve([*row.tokens[0].tolist(), 0])
    return all(
        solved.get(t) == answer for t, answer in zip(row.asked[0].tolist(), row.answers[0].tolist(), strict=True)
    )


@lru_cache(maxsize=64)
def sizes(task: Task, length: int) -> tuple[int, int]:
    """Questions and stored items of a row: those of one drawn for the purpose, as only some tasks fix the second."""
    row = task.draw(np.random.Generator(np.random.Philox(0)), 1, length)
    return row.asked.shape[1], row.stored.values.shape[1]


def _questions(batch: Batch) -> tuple[tuple[Ints, int], ...]:
    return (batch.asked, 0), (batch.answers, IGNORE), (batch.origins, 0)


def _items(stored: Stored) -> tuple[tuple[Ints, int], ...]:
    return (stored.positions, 0), (stored.keys, -1), (stored.values, IGNORE)


def _led(array: Ints, width: int, spare: int) -> Ints:
    """The array [B, n] with spare entries before its own, to [B, width]."""
    led = np.full((len(array), width), spare, np.int32)
    led[:, width - array.shape[1] :] = array
    return led
