"""The plan of a study: what of each run is missing, and a forecast of the time that its training takes at most.

Whatever executes, counts or prints missing runs asks `plan_runs`. A forecast rests on measured times of an update: a
run that solves its task stops early, so its whole budget of updates, each as long as those of its slowest stage, bounds
its training from above. Nothing is written.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch

from .. import storage
from ..config.messages import Watch, silent
from ..config.run import Run, Training
from ..evaluation.columns import RESULT
from ..measures.measure import Request
from ..measures.requests import Requests, remaining
from ..studies.learning_rates import group_key, groups, rate_of_each_seed, validation_record
from ..studies.study import Study
from ..training.adamw import AdamW
from ..training.loop import TrainingBatches, step

LONGEST = 0.5
"""Seconds for which updates of one task and model are timed, or those that two updates of the task itself take."""


@dataclass(frozen=True)
class RunPlan:
    """State of one run of a study.

    state    "failed" where an earlier attempt failed and is not to be repeated
    request  measurements requested of the trained run: none while its learning rate is not chosen
    left     measurements of the request that are still missing, each with the name of its measure
    reason   why it failed
    """

    run: Run
    state: Literal["done", "failed", "to train", "to measure"]
    request: Requests
    left: Sequence[tuple[str, Request]] = ()
    reason: str = ""

    @property
    def missing(self) -> bool:
        """True where anything is left to do, failed or not."""
        return self.state != "done"

    @property
    def due(self) -> bool:
        """True where anything is left to do and is not left alone."""
        return self.state in ("to train", "to measure")


def plan_runs(study: Study, folder: Path, retry: bool = True) -> list[RunPlan]:
    """The plan of every run, in the order of the study. Raises storage.CorruptRun for damaged records.

    retry   plan runs again that failed before; otherwise their state is "failed", unless time alone stopped them
    """
    finished = {run.name for run in study.runs if storage.is_finished(folder, run)}
    measured = runs_to_measure(study, folder, finished)
    return [
        plan_run(run, folder, study.request(run) if run.name in measured else {}, run.name in finished, retry)
        for run in study.runs
    ]


def plan_run(run: Run, folder: Path, request: Requests, finished: bool, retry: bool = True) -> RunPlan:
    """The plan of one run with this request, by whether it is finished; `retry` as for `plan_runs`."""
    left = remaining(folder / run.name, request)
    if finished and not left:
        return RunPlan(run, "done", request)
    if not retry and (failure := lasting_failure(folder, run)) is not None:
        return RunPlan(run, "failed", request, left, failure["reason"])
    return RunPlan(run, "to measure" if finished else "to train", request, left)


def missing(study: Study, folder: Path) -> list[Run]:
    """The runs for which anything is left to do, in the order of the study."""
    return [plan.run for plan in plan_runs(study, folder) if plan.missing]


def runs_to_measure(study: Study, folder: Path, finished: Collection[str]) -> set[str]:
    """Names of the runs to be measured beyond training: those at the learning rate chosen for their seed.

    finished   names of the finished runs

    With one rate that is every run. Otherwise it is none of a group until all of its runs are finished or failed:
    one that was stopped by a limit of time goes on, so that no clock has a part in the choice.
    """
    names: set[str] = set()
    for runs in groups(study.runs):
        if len({run.training.learning_rate for run in runs}) == 1:
            names |= {run.name for run in runs}
            continue
        trained = [run for run in runs if run.name in finished]
        waiting = [run for run in runs if run.name not in finished and lasting_failure(folder, run) is None]
        if trained and not waiting:
            import pandas as pd  # half a second, which a sweep at one rate does without

            outcomes = [storage.load_plain_result(folder / run.name, RESULT)["outcome"] for run in trained]
            ends = zip(trained, outcomes, strict=True)
            records = [validation_record(run.training.learning_rate, run.seed, outcome) for run, outcome in ends]
            rates = rate_of_each_seed(pd.DataFrame(records))
            names |= {run.name for run in trained if run.training.learning_rate == rates.get(run.seed)}
    return names


def lasting_failure(folder: Path, run: Run) -> dict[str, Any] | None:
    """The failure of a run; None where it has none, and where a limit of time stopped it: that one goes on."""
    failure = storage.load_failure(folder, run)
    return None if failure and failure["kind"] == "time" else failure


@dataclass(frozen=True)
class UpdateTime:
    """Seconds of an update at the slowest stage of the curriculum, and where they were measured."""

    seconds: float
    source: str


@dataclass(frozen=True)
class Forecast:
    """Upper bound of the seconds for which a run trains."""

    training: Training
    update: UpdateTime

    @property
    def seconds(self) -> float:
        return self.training.updates * self.update.seconds


def forecasts(
    plans: Sequence[RunPlan], folder: Path, watch: Watch = silent
) -> Iterator[tuple[RunPlan, Forecast | None]]:
    """Every plan with a forecast where its run is to be trained; a task and model are timed when they first come.

    watch   is told what is timed
    """
    wanted = {group_key(plan.run.to_json()) for plan in plans if plan.state == "to train"}
    finished = [plan.run for plan in plans if plan.state in ("done", "to measure")] if wanted else []
    times = dict(measured_times(folder, [run for run in finished if group_key(run.to_json()) in wanted]))
    for plan in plans:
        if plan.state != "to train":
            yield plan, None
            continue
        key = group_key(plan.run.to_json())
        if key not in times:
            watch(f"timing updates of {plan.run.label} on {plan.run.task.title}")
            times[key] = UpdateTime(time_of_update(plan.run), "timed now")
        yield plan, Forecast(plan.run.training, times[key])


def measured_times(folder: Path, finished: Iterable[Run]) -> Iterator[tuple[str, UpdateTime]]:
    """Times of an update in finished runs: the longest of each `learning_rates.group_key`."""
    spent = defaultdict[str, list[float]](list)
    for run in finished:
        result = storage.load_plain_result(folder / run.name, RESULT)
        spent[group_key(run.to_json())].append(slowest_stage(result["curve"], result["outcome"]))
    for key, seconds in spent.items():
        runs = f"{len(seconds)} finished run{'s' if len(seconds) > 1 else ''}"
        yield key, UpdateTime(max(seconds), f"measured in {runs}")


def slowest_stage(curve: Sequence[Mapping[str, Any]], outcome: Mapping[str, Any]) -> float:
    """Seconds of an update at the slowest stage of a learning curve; of all updates, without a curve."""
    updates, seconds = defaultdict[int, int](int), defaultdict[int, float](float)
    for before, after in pairwise(curve):
        if before["stage"] == after["stage"]:
            updates[after["stage"]] += after["update"] - before["update"]
            seconds[after["stage"]] += after["seconds"] - before["seconds"]
    means = [seconds[stage] / updates[stage] for stage in updates]
    return float(max(means, default=outcome["seconds"] / max(1, outcome["updates"])))


def time_of_update(run: Run) -> float:
    """Seconds of a real update of this run at the slowest setting of its policy, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = run.build()
        optimiser = AdamW([weight for weight in model.parameters() if weight.requires_grad], 0.0)
        policy = run.policy()
        batches = TrainingBatches(policy, run.training.tokens, run.seed, {})
        longest, left, training = 0.0, LONGEST, run.training
        for number in reversed(range(policy.count)):  # the task itself first: it is the longest
            began = time.perf_counter()
            step(model, optimiser, batches.batch(number), training.clip, training.learning_rate)  # slower than others
            if (spent := time.perf_counter() - began) > LONGEST:  # long enough to go without a second one
                return max(longest, spent)
            began, updates = time.perf_counter(), 0
            while not updates or time.perf_counter() - began < LONGEST / policy.count:
                step(model, optimiser, batches.batch(number), training.clip, training.learning_rate)
                updates += 1
            spent = time.perf_counter() - began
            longest, left = max(longest, spent / updates), left - spent
            if left <= 0:
                break
        return longest
    finally:
        torch.set_num_threads(threads)


def seconds_in_all(seconds: Iterable[float], workers: int) -> float:
    """Seconds until the last of the trainings ends, at most, with busy workers."""
    each = list(seconds)
    return max([sum(each) / workers, *each])
