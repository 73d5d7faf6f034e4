"""The page of tasks, docs/tasks.md: each task of the registry in its own words and numbers.

`python -m recall_tasks.guide` writes it, as does `make docs`, and a test holds it to the registry.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from . import TASKS
from .bounds import ceiling, floors
from .markdown import docstring, first_sentence, sources, table
from .show import percent, render_row
from .stream import Stream
from .task import DIMENSIONS, Task

PAGE = Path("docs/tasks.md")
LENGTH = 64
"""Tokens at which a task is measured; where it does not fit, the fewest that it fits into."""

OPENING = """\
# Tasks

{count} tasks, each with its fields at their defaults, in rows of {length} tokens or of as many as it needs. `make docs`
writes this page from the registry. `recall show TASK` prints rows at any setting, `recall show TASK --help` lists the
fields, `recall ls settings` all published settings.

**Payload**: bits that must be carried, where most are held, to answer every question of a row.

**Floors**: what readers score that do not recall what is asked. *Chance* guesses among the answers. *Memoryless* sees
the token that asks and nothing before it. *Bag* knows which values were shown, but not whose. *Position* keeps every
value and picks by the place of the question alone. *Recency* says the value shown last. A score says something where
it is above all floors below 100 %; a floor of 100 % says what the task does not test. The table names the highest
below 100 % and those at it.

**Ceiling**: the most that any memory with so many bits of state scores, whatever reads it.

**Moves**: every field moves one dimension of difficulty: {dimensions}.
"""


def page(tasks: Iterable[type[Task]] = TASKS.values()) -> str:
    """The whole page, as Markdown."""
    made = [kind() for kind in tasks]
    opening = OPENING.format(count=len(made), length=LENGTH, dimensions=", ".join(DIMENSIONS))
    return "\n".join([opening, f"{contents(made)}\n", *(section(task) for task in made)])


def contents(tasks: Sequence[Task]) -> str:
    """A line for each task: what it asks, how much, and what is scored without recall."""
    rows = []
    for task in tasks:
        length = measured_at(task)
        low = floors(task, length)
        perfect = [name for name, floor in low.items() if floor == 1]
        best = max((name for name in low if name not in perfect), key=low.__getitem__)
        told = f"{best} {cell(low[best])}" + f"; {', '.join(perfect)} {cell(1)}" * bool(perfect)
        asked = f"{task.num_questions(length):,}" + ("" if length == LENGTH else f" (in {length} tokens)")
        asks = (f"[{task.name}](#{task.name})", first_sentence(type(task)), asked)
        rows.append((*asks, bits(task.payload_bits(length)), cell(task.chance), told))
    return table(("task", "asks", "questions", "payload", "chance", "floors"), rows, "llrrrl")


def section(task: Task) -> str:
    """All that is said of one task."""
    parts = [f"## {task.name}", docstring(type(task)), example(task), demands(task), scores(task)]
    fields = [
        (f"`{flag(f.name)}`", f.metadata["help"], "" if f.default is None else f"`{typed(f.default)}`",
         f.metadata["moves"]) for f in dataclasses.fields(task)
    ]  # fmt: skip
    parts.append("Harder, one dimension at a time:\n\n" + table(("field", "meaning", "default", "moves"), fields))
    if task.presets:
        presets = [
            (f"`{name}`", f"{preset.length:,}", ", ".join(f"{k} {typed(v)}" for k, v in preset.fields.items()),
             preset.note) for name, preset in task.presets.items()
        ]  # fmt: skip
        parts.append(
            "Published settings, by `--preset`:\n\n" + table(("preset", "length", "fields", "note"), presets, "lrll")
        )
    return "\n".join(f"{part}\n" for part in [*parts, source(type(task))])


def example(task: Task) -> str:
    """A row short enough to read, and the command that prints it."""
    small = task.at_load(min(3, getattr(task, task.load)))
    stream = Stream(small, max(24, small.min_length))
    given = ((f.name, getattr(small, f.name)) for f in dataclasses.fields(small))
    flags = [f"{flag(name)} {typed(value)}" for name, value in given if value != getattr(task, name)]
    command = " ".join(["$ recall show", task.name, f"--length {stream.length}", *flags])
    return f"```text\n{command}\n\n{render_row(stream)}\n```"


def demands(task: Task) -> str:
    """What a memory has to do at the length where the task is measured."""
    length, items = measured_at(task), len(task.shares)
    questions, payload = task.num_questions(length), task.payload_bits(length)
    whole = items * float(np.log2(len(task.alphabet)))
    product = f" ({items} × log2 {len(task.alphabet)})" if items > 1 and np.isclose(payload, whole) else ""
    longer = task.payload_bits(4 * length)
    growth = ", as in" if np.isclose(payload, longer) else f", and {bits(longer)} in"
    held = [len(shares) for _, shares in task.bottlenecks(length)]
    meanwhile = f" Questions are put with {min(held)} to {max(held)} items held." if min(held) < max(held) else ""
    return (
        f"In {length} tokens: {task.load_words}, {questions:,} question{'s' * (questions != 1)}, "
        f"{task.num_answers:,} answers to choose from{', worked out of several tokens' * task.derived}. "
        f"The payload is {bits(payload)}{product}{growth} {4 * length} tokens.{meanwhile}"
    )


def scores(task: Task) -> str:
    """Floors beside ceilings at a quarter and a half of the payload, and at all of it."""
    length = measured_at(task)
    payload, low = task.payload_bits(length), floors(task, length)
    states = [payload / 4, payload / 2, payload]
    heads = (*low, *(f"ceiling at {bits(state)}" for state in states))
    row = [*low.values(), *(ceiling(state, task, length) for state in states)]
    return table(heads, [tuple(map(cell, row))], "r" * len(heads))


def source(kind: type[Task]) -> str:
    """Where a task comes from, with links, and where its code is."""
    path = f"{kind.__module__.replace('.', '/')}.py"
    return f"{sources(sys.modules[kind.__module__])}Code: [{path}](../{path}), version {kind.version}."


def measured_at(task: Task) -> int:
    return max(LENGTH, task.min_length)


def cell(share: float) -> str:
    """A percentage that no table breaks in two."""
    return percent(share).replace(" ", "\N{NO-BREAK SPACE}")


def bits(number: float) -> str:
    return f"{number:,.{1 if number >= 1 else 2}f}".removesuffix(".0") + (" bit" if number == 1 else " bits")


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def typed(value: object) -> str:
    """A value as it is typed on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
