"""A study: the runs of a comparison and what is asked of each when it is finished. Data, not code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, TypeVar

from pydantic import TypeAdapter, with_config

from ..config.run import ModelSetting, Option, Run, TaskSetting, Training
from ..config.validation import STRICT, conform, validate
from ..measures import MEASURES

FEW_SEEDS = 5
"""Seeds of a study unless it says otherwise: with them an exact test can show who is first on up to six tasks."""

Name = TypeVar("Name", bound=Hashable)
Wish = Option | list[Option]
MATCHED = ("parameters", "bytes")
NAME = re.compile(r"\w[\w.-]*")
"""What a study may be called: its folder has that name."""

OF_STATES = tuple(name for name, measure in MEASURES.items() if measure.of_states)
"""Measures that are left out for models that read whole sequences only."""


@with_config(STRICT)
@dataclass(frozen=True)
class Ask:
    """A measure (see `measures.py`) of finished runs: what it is asked for, and on which tasks; () means all."""

    measure: str
    wanted: dict[str, Wish] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        conform(self)


@with_config(STRICT)
@dataclass(frozen=True)
class Study:
    """Runs, and what is asked of each. Raises ValueError for runs that are none or come twice.

    asks     measures of finished runs; where a grid of learning rates is trained, of the chosen rate alone
    matched  "parameters" or "bytes": what models must agree in before a comparison starts (see `matching.py`)
    """

    name: str
    runs: tuple[Run, ...]
    asks: tuple[Ask, ...] = ()
    matched: str = ""

    def __post_init__(self) -> None:
        conform(self)
        if not NAME.fullmatch(self.name):
            raise ValueError(f"a study's name is its folder's: letters, digits and -._ in it, not {self.name!r}")
        if not self.runs:
            raise ValueError(f"study {self.name!r} has no runs: it needs at least one")
        if twice := first_repeated(run.name for run in self.runs):
            raise ValueError(f"study {self.name!r} has run {twice} twice: leave one out, or change what it trains")
        if self.matched not in ("", *MATCHED):
            raise ValueError(f"matched takes {' or '.join(MATCHED)}, not {self.matched!r}")
        tasks = dict.fromkeys(run.task.name for run in self.runs)
        for ask in self.asks:
            if strange := [task for task in ask.tasks if task not in tasks]:
                has = ", ".join(tasks)
                raise ValueError(f"{ask.measure} is asked on {strange[0]!r}, but study {self.name!r} has {has}")

    @staticmethod
    def grid(
        name: str,
        tasks: Iterable[TaskSetting],
        models: Iterable[ModelSetting],
        training: Training,
        seeds: int,
        rates: Sequence[float] = (),
        asks: Iterable[Ask] = (),
        matched: str = "",
    ) -> Study:
        """Every model on every task at every learning rate with seeds 0, 1, ...

        Seed by seed, so that a first table comes early. `rates` are those of all models alike; () means
        that of the training. Raises ValueError for what cannot stand together.
        """
        tasks, models = list(tasks), list(models)
        refuse_repeated("memory", ((model.label or model.memory, model) for model in models))
        refuse_repeated("task", ((task.name, task) for task in tasks))
        if len(set(rates)) < len(rates):
            raise ValueError(f"a grid takes each learning rate once, not {', '.join(f'{rate:g}' for rate in rates)}")
        trained = [replace(training, learning_rate=rate) for rate in rates] or [training]
        return Study.of_cells(name, list(product(tasks, models, trained)), checked_seeds(seeds), asks, matched)

    @staticmethod
    def of_cells(
        name: str,
        cells: Sequence[tuple[TaskSetting, ModelSetting, Training]],
        seeds: Sequence[int],
        asks: Iterable[Ask] = (),
        matched: str = "",
    ) -> Study:
        """Every cell with every seed, a run that comes twice once. Raises ValueError where there is none."""
        if not cells:
            raise ValueError("a comparison needs at least one task and one memory")
        runs = {run.name: run for seed in seeds for cell in cells for run in [Run(*cell, seed)]}
        return Study(name, tuple(runs.values()), tuple(asks), matched)

    @property
    def rates(self) -> tuple[float, ...]:
        """The grid of learning rates, in the order of the runs."""
        return tuple(dict.fromkeys(run.training.learning_rate for run in self.runs))

    def request(self, run: Run) -> dict[str, list[dict[str, Wish]]]:
        """Requests of this run once it is trained, by measure (`run_job.measure_run`); of states where it has any."""
        asks = [ask for ask in self.asks if not ask.tasks or run.task.name in ask.tasks]
        asks = [ask for ask in asks if ask.measure not in OF_STATES or run.has_state]
        return {ask.measure: [other.wanted for other in asks if other.measure == ask.measure] for ask in asks}

    def to_json(self) -> dict[str, Any]:
        return dict(_ADAPTER.dump_python(self, mode="json"))

    @staticmethod
    def from_json(content: Any) -> Study:
        """The inverse of `to_json`. Raises ValueError for unknown keys, wrong types and impossible runs."""
        return validate(_ADAPTER, content, "study")


_ADAPTER = TypeAdapter(Study)


def checked_seeds(count: Any) -> range:
    """Seeds 0, 1, ... Raises ValueError for a count below 1."""
    if type(count) is not int or count < 1:
        raise ValueError(f"a comparison needs at least 1 seed, an integer, not {count!r}")
    return range(count)


def refuse_repeated(what: str, entries: Iterable[tuple[str, object]]) -> None:
    """Raises ValueError for an entry that comes twice under one name."""
    if twice := first_repeated((name, repr(entry)) for name, entry in entries):
        raise ValueError(f"{what} {twice[0]!r} is named twice: a comparison needs each once")


def first_repeated(names: Iterable[Name]) -> Name | None:
    """The first name that comes twice, if one does."""
    return next((name for name, times in Counter(names).items() if times > 1), None)
