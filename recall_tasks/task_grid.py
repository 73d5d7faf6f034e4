"""Tasks that differ in some fields: what a task with lists for values stands for, as in MQAR(num_pairs=[4, 8])."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .task import Task


@dataclass(frozen=True)
class TaskGrid:
    """A kind of task and the fields that were given, each one value or a list of them.

    It draws nothing itself: iterate over it for every combination, the last field fastest. Raises TypeError for a field
    that the task does not have; values are checked when a task is made of them.
    """

    kind: type[Task]
    fields: Mapping[str, Any]

    def __post_init__(self) -> None:
        if strange := self.fields.keys() - {f.name for f in fields(self.kind)}:
            raise TypeError(f"{self.kind.__name__} has no field {min(strange)!r}")

    def __iter__(self) -> Iterator[Task]:
        several = [value if isinstance(value, list) else [value] for value in self.fields.values()]
        for values in itertools.product(*several):
            yield self.kind(**dict(zip(self.fields, values, strict=True)))
