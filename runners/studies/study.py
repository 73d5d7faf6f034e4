"""A study: the runs of a comparison and what is asked of each when it is finished. Data, not code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from pydantic import TypeAdapter, with_config

from ..config.custom_code import read_stack
from ..config.run import ModelSetting, Option, Run, TaskSetting, Training
from ..config.validation import STRICT, conform, validate

FEW_SEEDS = 5
"""Seeds of a study unless it says otherwise: with them an exact test can show who is first on up to six tasks."""

Wish = Option | list[Option]
MATCHED = ("parameters", "bytes")
NAME = re.compile(r"\w[\w.-]*")
"""What a study may be called: its folder has that name."""


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
        if again := [model for i, model in enumerate(models) if model in models[:i]]:
            name = again[0].label or again[0].memory
            raise ValueError(f"memory {name!r} stands there twice with the same settings: a comparison needs each once")
        if twice := first_repeated(task.name for task in tasks):
            raise ValueError(f"task {twice!r} is named twice: a comparison needs each once")
        if type(seeds) is not int or seeds < 1:
            raise ValueError(f"a comparison needs at least 1 seed, an integer, not {seeds!r}")
        if not tasks or not models:
            raise ValueError("a comparison needs at least one task and one memory")
        if len(set(rates)) < len(rates):
            raise ValueError(f"a grid takes each learning rate once, not {', '.join(f'{rate:g}' for rate in rates)}")
        trained = [replace(training, learning_rate=rate) for rate in rates] or [training]
        runs = [Run(t, m, how, seed) for seed in range(seeds) for t in tasks for m in models for how in trained]
        return Study(name, tuple(runs), tuple(asks), matched)

    @property
    def rates(self) -> tuple[float, ...]:
        """The grid of learning rates, in the order of the runs."""
        return tuple(dict.fromkeys(run.training.learning_rate for run in self.runs))

    def narrowed(
        self,
        tasks: Sequence[str] | None = None,
        memories: Sequence[str] | None = None,
        seeds: int | None = None,
        rates: Sequence[float] | None = None,
        **training: Any,
    ) -> Study:
        """The study with these tasks, memories, seeds, learning rates or training fields only.

        Memories not in the study, such as one's own `file.py:Class` or a stack, join with the study's sizes.
        Raises ValueError for a task the study does not have, and where its runs are no grid.
        """
        given = {key: value for key, value in training.items() if value is not None}
        if not given and all(part is None for part in (tasks, memories, seeds, rates)):
            return self
        first = {run.task.name: run.task for run in self.runs}
        models: dict[str, list[ModelSetting]] = {}
        for run in self.runs:
            if run.model not in (called := models.setdefault(run.label, [])):
                called.append(run.model)
        how, count = self.runs[0].training, 1 + max(run.seed for run in self.runs)
        whole = Study.grid(self.name, first.values(), chain(*models.values()), how, count, self.rates)
        if {run.name for run in whole.runs} != {run.name for run in self.runs}:
            raise ValueError(f"study {self.name!r} is no grid of tasks, memories and seeds: choose runs in its file")
        if strange := [task for task in tasks or () if task not in first]:
            raise ValueError(f"study {self.name!r} has no task {strange[0]!r}: it has {', '.join(first)}")
        saved = [first[task] for task in tasks or first]
        chosen = [model for word in memories or models for model in models.get(word) or [self.of_same_size(word)]]
        here = {task.name for task in saved}
        asks = [
            replace(ask, tasks=tuple(task for task in ask.tasks if task in here))
            for ask in self.asks
            if not ask.tasks or here.intersection(ask.tasks)
        ]
        seeds, rates = count if seeds is None else seeds, self.rates if rates is None else rates
        return Study.grid(self.name, saved, chosen, replace(how, **given), seeds, rates, asks, self.matched)

    def of_same_size(self, memory: str) -> ModelSetting:
        """A model of the study's sizes with other memories; a stack has as many layers as it names."""
        size = self.runs[0].model
        layers = size.layers if len(read_stack(memory)) == 1 else 0
        return ModelSetting(memory, width=size.width, layers=layers, mlp_ratio=size.mlp_ratio)

    def request(self, run: Run) -> dict[str, list[dict[str, Wish]]]:
        """Requests of this run once it is trained, by measure (see `run_job.measure_run`)."""
        asks = [ask for ask in self.asks if not ask.tasks or run.task.name in ask.tasks]
        return {ask.measure: [other.wanted for other in asks if other.measure == ask.measure] for ask in asks}

    def to_json(self) -> dict[str, Any]:
        return dict(_ADAPTER.dump_python(self, mode="json"))

    @staticmethod
    def from_json(content: Any) -> Study:
        """The inverse of `to_json`. Raises ValueError for unknown keys, wrong types and impossible runs."""
        return validate(_ADAPTER, content, "study")


_ADAPTER = TypeAdapter(Study)


def first_repeated(names: Iterable[str]) -> str:
    """The first name that comes twice, or an empty string."""
    return next((name for name, times in Counter(names).items() if times > 1), "")
