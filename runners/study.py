"""A study: the runs of a comparison and what is asked of each when it is finished. Data, not code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .experiment import ModelSetting, Run, TaskSetting, Training
from .extrapolate import LADDER, ROWS


@dataclass(frozen=True)
class Study:
    """Runs, and what is asked of each.

    ladder   multiples of the training length to test at, with `rows` test rows each
    probed   names of the tasks whose states are read, by `readers`
    """

    name: str
    runs: tuple[Run, ...]
    ladder: tuple[int, ...] = LADDER
    rows: int = ROWS
    probed: tuple[str, ...] = ()
    readers: tuple[str, ...] = ("ridge", "logistic")

    @staticmethod
    def grid(
        name: str,
        tasks: Iterable[TaskSetting],
        models: Iterable[ModelSetting],
        training: Training,
        seeds: int,
        **rest: Any,
    ) -> Study:
        """Every model on every task with seeds 0, 1, ...: seed by seed, so that a first table comes early."""
        tasks, models = list(tasks), list(models)
        labels = [model.label or model.memory for model in models]
        if twice := [label for label in labels if labels.count(label) > 1]:
            raise ValueError(f"two memories are called {twice[0]!r}: a comparison needs each once")
        names = [task.name for task in tasks]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"task {twice[0]!r} is named twice: a comparison needs each once")
        if seeds < 1:
            raise ValueError(f"a comparison needs at least 1 seed, not {seeds}")
        if not tasks or not models:
            raise ValueError("a comparison needs at least one task and one memory")
        return Study(
            name,
            tuple(Run(t, m, training, seed) for seed in range(seeds) for t in tasks for m in models),
            **rest,
        )

    def narrowed(
        self,
        tasks: list[str] | None = None,
        memories: list[str] | None = None,
        seeds: int | None = None,
        **training: Any,
    ) -> Study:
        """The study with these tasks, memories, seeds or training fields only.

        Memories not in the study, such as one's own `file.py:Class`, join with the study's sizes.
        Raises ValueError for a task the study does not have.
        """
        first = {run.task.name: run.task for run in self.runs}
        models = {run.label: run.model for run in self.runs}
        for task in tasks or []:
            if task not in first:
                raise ValueError(f"study {self.name!r} has no task {task!r}: it has {', '.join(first)}")
        size = self.runs[0].model
        chosen = [
            models.get(m) or ModelSetting(m, {}, size.width, size.layers, size.mlp_ratio)
            for m in memories or list(models)
        ]
        count = 1 + max(run.seed for run in self.runs) if seeds is None else seeds
        given = {key: value for key, value in training.items() if value is not None}
        setting = replace(self.runs[0].training, **given)
        kept = [first[t] for t in tasks or first]
        asked = {"ladder": self.ladder, "rows": self.rows, "probed": self.probed, "readers": self.readers}
        return Study.grid(self.name, kept, chosen, setting, count, **asked)

    def request(self, run: Run) -> dict[str, Any]:
        """What is asked of this run when it is trained (see `compare.ask_more`)."""
        return {
            "ladder": self.ladder,
            "rows": self.rows,
            "probed": self.readers if run.task.name in self.probed else (),
        }
