"""What a study still asks for, and how long that takes at most: measured times of an update, no guesses.

A run that solves its task stops early, so its whole budget of updates, each as long as those of its dearest
stage, is an upper bound of its training; `seconds` of its training is another. Nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from .. import storage
from ..compare import lacks, requests
from ..config.run import Run
from ..studies.learning_rates import group
from ..studies.study import Study

LONGEST = 0.5
"""Seconds for which updates of one task and model are timed, or those that two updates of the task itself take."""


@dataclass(frozen=True)
class Step:
    """Seconds of an update at the dearest stage of the curriculum, and where they were measured."""

    seconds: float
    measured: str


@dataclass(frozen=True)
class Planned:
    """A run, what is to be done for it, and for how many seconds it may train.

    reason   why it failed
    """

    run: Run
    state: Literal["done", "failed", "to train", "to measure"]
    reason: str = ""
    step: Step | None = None

    @property
    def seconds(self) -> float:
        training = self.run.training
        return min(training.seconds, training.updates * self.step.seconds) if self.step else 0.0


def plan(study: Study, folder: Path, retry: bool = False) -> Iterator[Planned]:
    """Every run of the study, in order; each task and model is timed when it first comes up.

    Runs that failed are left alone unless they are to be tried again. Raises storage.CorruptRun.
    """
    wanted = requests(study, folder)
    finished = [run for run in study.runs if storage.is_finished(folder, run)]
    known = dict(steps_of(folder, finished))
    for run in study.runs:
        before = storage.load_failure(folder, run)
        if not lacks(folder, run, wanted[run.name]):
            yield Planned(run, "done")
        elif before is not None and not retry:
            yield Planned(run, "failed", before["reason"])
        elif run in finished:
            yield Planned(run, "to measure")
        else:
            key = group(run.to_json())
            if key not in known:
                known[key] = Step(timed(run), "timed now")
            yield Planned(run, "to train", step=known[key])


def steps_of(folder: Path, finished: Iterable[Run]) -> Iterator[tuple[str, Step]]:
    """What finished runs took for an update: the slowest of each `rates.group`."""
    taken: dict[str, list[float]] = {}
    for run in finished:
        result = storage.read_record(folder / run.name / storage.RECORD)
        taken.setdefault(group(run.to_json()), []).append(dearest(result["curve"], result["outcome"]))
    for key, seconds in taken.items():
        yield key, Step(max(seconds), f"measured in {len(seconds)} finished run{'s' if len(seconds) > 1 else ''}")


def dearest(curve: Sequence[Mapping[str, Any]], outcome: Mapping[str, Any]) -> float:
    """Seconds of an update at the stage where they are longest, of a run's curve; of all its updates, without one."""
    updates: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for before, after in pairwise(curve):
        if before["stage"] == after["stage"]:
            stage = after["stage"]
            updates[stage] = updates.get(stage, 0) + after["update"] - before["update"]
            seconds[stage] = seconds.get(stage, 0.0) + after["seconds"] - before["seconds"]
    means = [seconds[stage] / updates[stage] for stage in updates]
    return float(max(means, default=outcome["seconds"] / max(1, outcome["updates"])))


def timed(run: Run) -> float:
    """Seconds of a real update of this run at the dearest setting of its policy, on one thread."""
    import torch

    from ..config.curriculum import POLICIES
    from ..training.adamw import AdamW
    from ..training.loop import TrainingBatches, step

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = run.build()
        optimiser = AdamW([weight for weight in model.parameters() if weight.requires_grad], 0.0)
        policy = POLICIES[run.training.policy](run)
        batches = TrainingBatches(policy, run.training.tokens, run.seed, {})
        longest, left, rate = 0.0, LONGEST, run.training.learning_rate
        for number in reversed(range(policy.count)):  # the task itself first: it is the longest
            step(model, optimiser, batches.batch(number), run.training.clip, rate)  # slower than those that follow
            began, updates = time.perf_counter(), 0
            while not updates or time.perf_counter() - began < LONGEST / policy.count:
                step(model, optimiser, batches.batch(number), run.training.clip, rate)
                updates += 1
            spent = time.perf_counter() - began
            longest, left = max(longest, spent / updates), left - spent
            if left <= 0:
                break
    finally:
        torch.set_num_threads(threads)
    return longest


def in_all(planned: Iterable[Planned], workers: int) -> float:
    """Seconds until the last of them has trained, at most, where workers are kept busy."""
    seconds = [one.seconds for one in planned]
    return max([sum(seconds) / workers, *seconds])
