"""Train one model: fresh rows every update, a curriculum of length and load, an honest end.

The accuracy of a small model on recall sits at the floor and then jumps, and on long rows it may never
leave the floor. So a run starts on short rows with few items and doubles both as it masters them; it is
budgeted in updates, not epochs, and reports when it crossed one half and when it was solved. "Solved" is
a fact of the validation split; the rate then cools to zero and training ends. A run that was not solved
says by what it was stopped, and a loss that is not finite is an outcome, not a crash.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F

from models import SequenceModel
from recall_tasks import Batch, Stream, Task

from .evaluate import origins, places, score
from .experiment import Run

VALIDATION_ROWS = 256
COOLDOWN = 0.2
MIN_BATCH = 8


@dataclass(frozen=True)
class Progress:
    """Where a run is: shown while it trains, kept as its learning curve. Times in seconds."""

    update: int
    tokens: int
    seconds: float
    stage: int
    stages: int
    stage_length: int
    stage_load: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Outcome:
    """How training ended. `None` where a mark was not reached."""

    stopped: str
    solved: bool
    updates: int
    tokens: int
    seconds: float
    updates_to_half: int | None
    updates_to_solve: int | None
    seconds_to_solve: float | None
    validation: float | None


def stages(task: Task, length: int, count: int) -> list[tuple[Task, int]]:
    """The curriculum: at most `count` settings, length and load halved from one to the one before.

    Settings that would not fit their length are left out; the last is always the task itself.
    """
    load = getattr(task, task.load)
    ladder: list[tuple[Task, int]] = []
    for halvings in reversed(range(count)):
        shorter, lighter = length >> halvings, max(1, load >> halvings)
        try:
            easier = task.at_load(lighter) if halvings else task
            easier.check_length(shorter)
        except ValueError:
            continue
        if halvings == 0 or shorter >= 16:
            ladder.append((easier, shorter))
    return ladder


class Schedule:
    """Learning rate: linear warm-up, constant, and a linear cool-down to zero that starts once.

    The cool-down starts with the last fifth of the budget, or earlier when `cool` is called.
    """

    def __init__(self, run: Run) -> None:
        self.training = run.training
        self.cooling_from = math.ceil(run.training.updates * (1 - COOLDOWN))
        self.end = run.training.updates

    def cool(self, update: int) -> None:
        """Cool down from here, over a quarter of the updates so far: a fifth of the whole, as the budget would."""
        if update < self.cooling_from:
            self.cooling_from = update
            self.end = min(self.training.updates, update + max(20, update // 4))

    def rate(self, update: int) -> float:
        rate = self.training.learning_rate * min(1.0, (update + 1) / max(1, self.training.warmup))
        if update >= self.cooling_from:
            rate *= (self.end - update) / (self.end - self.cooling_from)
        return rate


def train(
    run: Run, watch: Callable[[Progress], None] = lambda progress: None, model: SequenceModel | None = None
) -> tuple[SequenceModel, Outcome, list[dict[str, Any]]]:
    """Train the run's model, or go on with the one given; returns it with how it ended and its learning curve.

    `watch` sees every point of the curve as it comes. Weights that need no gradient stay as they are.
    """
    setting, task = run.training, run.task.task
    model = run.build() if model is None else model
    optimiser = torch.optim.AdamW(
        [weights for weights in model.parameters() if weights.requires_grad],
        lr=setting.learning_rate,
        betas=(0.9, 0.95),
        weight_decay=setting.weight_decay,
        fused=True,
    )
    ladder = stages(task, run.task.length, setting.curriculum)
    validation = Stream(task, run.task.length, "validation", run.seed)
    schedule, curve = Schedule(run), []
    began, tokens, update, row, stage = time.perf_counter(), 0, 0, 0, 0
    stopped, best = "updates", None
    half: int | None = None
    solve: tuple[int, float] | None = None
    stream = Stream(*ladder[0], "train", run.seed)

    while update < schedule.end:
        if time.perf_counter() - began > setting.seconds:
            stopped = "seconds"
            break
        rows = max(MIN_BATCH, setting.tokens // stream.length)
        batch = stream.rows(row, rows)
        row += rows
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(update)
        loss, accuracy = step(model, optimiser, batch, setting.clip)
        update += 1
        tokens += batch.tokens.size
        last = stage == len(ladder) - 1
        if not math.isfinite(loss):
            stopped = "diverged"
            break
        if last and half is None and accuracy >= 0.5:
            half = update
        masters = accuracy >= (setting.solve_at if last else setting.advance_at)
        if update % 10 == 0 or masters:
            here = Progress(
                update, tokens, time.perf_counter() - began, stage + 1, len(ladder), stream.length,
                getattr(stream.task, stream.task.load), loss, accuracy,
            )  # fmt: skip
            curve.append(asdict(here))
            watch(here)
        if masters and not last:
            stage += 1
            stream, row = Stream(*ladder[stage], "train", run.seed), 0
        elif masters and solve is None:
            best = score(model, validation, VALIDATION_ROWS).accuracy
            model.train()
            if best >= setting.solve_at:
                solve = (update, time.perf_counter() - began)
                schedule.cool(update)

    if stopped != "diverged":
        best = score(model, validation, VALIDATION_ROWS).accuracy
        if solve is None and best >= setting.solve_at:
            solve = (update, time.perf_counter() - began)
    outcome = Outcome(
        stopped="solved" if solve and stopped == "updates" else stopped,
        solved=solve is not None and stopped != "diverged",
        updates=update,
        tokens=tokens,
        seconds=time.perf_counter() - began,
        updates_to_half=half,
        updates_to_solve=solve[0] if solve else None,
        seconds_to_solve=solve[1] if solve else None,
        validation=best,
    )
    return model, outcome, curve


def step(model: SequenceModel, optimiser: torch.optim.Optimizer, batch: Batch, clip: float) -> tuple[float, float]:
    """One update on a batch: its loss in nats and its accuracy, both before the update.

    A loss that is not finite leaves the weights as they were.
    """
    targets = torch.from_numpy(batch.answers[batch.asking]).long() - model.answers.start
    told = origins(batch) if model.told else None
    logits, _ = model(torch.from_numpy(batch.tokens), places(batch), None, told)
    loss = F.cross_entropy(logits, targets)
    value = float(loss.detach())
    accuracy = float((logits.detach().argmax(-1) == targets).float().mean())
    if math.isfinite(value):
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
    return value, accuracy
