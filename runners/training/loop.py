"""Train one model: fresh rows every update, a policy of length and load, an honest end.

The accuracy of a small model on recall sits at the floor and then jumps, and on long rows it may never
leave the floor. So a run starts, unless its policy says otherwise, on short rows with few items and doubles
both as it masters them; it is budgeted in updates, not epochs, and reports when it crossed one half and
when it was solved. "Solved" is a fact of the validation split; the rate then cools to zero and training
ends. A run that was not solved says by what it was stopped, and a loss that is not finite is an outcome,
not a crash. An interrupted run goes on from its checkpoint with the very numbers it would have had.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from models import SequenceModel
from recall_tasks import Batch, Stream

from ..config.curriculum import POLICIES
from ..config.run import Run
from ..evaluation.evaluate import device_of, origins, places, score
from .adamw import AdamW
from .checkpoint import save
from .feed import Feed
from .ledger import mark, resumed
from .rate import Schedule

VALIDATION_ROWS = 256
CHECK = 50
"""Updates between two looks at the validation split where lengths are drawn: marks are as coarse there."""
EVERY = 10.0
"""Seconds between two checkpoints."""
SPENT = 0.02
"""Share of the time that checkpoints take at the most, however large the model is."""


@dataclass(frozen=True)
class Progress:
    """Where a run is: shown while it trains, kept as its learning curve. Times in seconds.

    Accuracy is that of the update's own rows; where lengths are drawn there is one stage.
    """

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
    """How training ended. `None` where a mark was not reached.

    stopped            `solved`, or by what else: `updates` (the budget), `seconds` (the clock), `diverged`
    solved             whether the validation split was ever answered with `solve_at`: converged or not
    seconds            of all parts of a run that was interrupted
    updates_to_half    the first update whose rows, of the task itself, were half right; where lengths are
                       drawn, the first look at the validation split that was
    validation         accuracy in the end
    warning            what happened that a reader of the result should know
    """

    stopped: str
    solved: bool
    updates: int
    tokens: int
    seconds: float
    updates_to_half: int | None
    updates_to_solve: int | None
    seconds_to_solve: float | None
    validation: float | None
    warning: str | None = None


def train(
    run: Run,
    watch: Callable[[Any], None] = lambda progress: None,
    model: SequenceModel | None = None,
    checkpoint: Path | None = None,
    every: float = EVERY,
) -> tuple[SequenceModel, Outcome, list[dict[str, Any]]]:
    """Train the run's model, or go on with the one given; returns it with how it ended and its learning curve.

    watch        sees every point of the curve as it comes, a Progress, and in words what is worth saying
    model        on any device, which training follows. Weights that need no gradient stay as they are
    checkpoint   where training goes on if it was interrupted, and keeps its place about every `every` seconds
                 (0: after every update). It is left there: delete it when the result is safe

    A checkpoint that is damaged is not used: training starts from the beginning, and the outcome says so.
    Raises ForeignCheckpoint for one of another run and UnwritableFolder where the disk does not take it.
    """
    if not every >= 0:
        raise ValueError(f"every takes seconds from 0, not {every}")
    setting = run.training
    model = run.build() if model is None else model
    learning = [weights for weights in model.parameters() if weights.requires_grad]
    optimiser = AdamW(learning, setting.weight_decay)
    ledger = resumed(checkpoint, run, model, optimiser, watch)
    policy, schedule = POLICIES[setting.policy](run), Schedule(run)
    feed = Feed(policy, setting.tokens, run.seed, dict(ledger.used))
    validation = Stream(run.task.task, run.task.length, "validation", run.seed)
    if ledger.cooling:
        schedule.cooling_from, schedule.end = ledger.cooling
    stopped, best = "updates", None
    began = time.perf_counter() - ledger.seconds
    due = time.perf_counter() + every

    while ledger.update < schedule.end:
        if time.perf_counter() - began > setting.seconds:
            stopped = "seconds"
            break
        number = policy.choose(ledger.update, ledger.mastered)
        batch = feed.batch(number)
        loss, accuracy = step(model, optimiser, batch, setting.clip, schedule.rate(ledger.update))
        ledger.update += 1
        ledger.tokens += batch.tokens.size
        last = number == policy.count - 1 and not policy.drawn
        if not math.isfinite(loss):
            stopped = "diverged"
            break
        if last and ledger.half is None and accuracy >= 0.5:
            ledger.half = ledger.update
        masters = (last and accuracy >= setting.solve_at) or (
            policy.adapts and not last and accuracy >= setting.advance_at
        )
        if ledger.update % 10 == 0 or masters:
            stage, count = (1, 1) if policy.drawn else (number + 1, policy.count)
            drawn, length = policy.setting(number)
            here = Progress(
                ledger.update, ledger.tokens, time.perf_counter() - began, stage, count, length,
                getattr(drawn, drawn.load), loss, accuracy,
            )  # fmt: skip
            ledger.curve.append(asdict(here))
            watch(here)
        if masters and not last:
            ledger.mastered += 1
        elif ledger.solve is None and (masters or (policy.drawn and ledger.update % CHECK == 0)):
            best = score(model, validation, VALIDATION_ROWS).accuracy
            model.train()
            mark(ledger, best, policy.drawn, setting.solve_at, time.perf_counter() - began)
            if best >= setting.solve_at and policy.cools:
                schedule.cool(ledger.update)
        if checkpoint and time.perf_counter() >= due:
            now = time.perf_counter()
            ledger.seconds, ledger.used = now - began, list(feed.used.items())
            ledger.cooling = [schedule.cooling_from, schedule.end]
            save(checkpoint, run, model, optimiser, asdict(ledger))
            done = time.perf_counter()
            due = done + max(every, (done - now) / SPENT if every else 0)

    if stopped == "diverged":
        best = None  # whatever was seen before, those weights are gone
    else:
        best = score(model, validation, VALIDATION_ROWS).accuracy
        if ledger.solve is None:
            mark(ledger, best, policy.drawn, setting.solve_at, time.perf_counter() - began)
    outcome = Outcome(
        stopped="solved" if ledger.solve and stopped == "updates" else stopped,
        solved=ledger.solve is not None and stopped != "diverged",
        updates=ledger.update,
        tokens=ledger.tokens,
        seconds=time.perf_counter() - began,
        updates_to_half=ledger.half,
        updates_to_solve=int(ledger.solve[0]) if ledger.solve else None,
        seconds_to_solve=ledger.solve[1] if ledger.solve else None,
        validation=best,
        warning=ledger.warning,
    )
    return model, outcome, ledger.curve


def step(model: SequenceModel, optimiser: AdamW, batch: Batch, clip: float, rate: float) -> tuple[float, float]:
    """One update on a batch at this learning rate: its loss in nats and its accuracy, both before the update.

    Runs where the model's weights are. A loss that is not finite leaves the weights as they were.
    """
    device = device_of(model)
    tokens = torch.from_numpy(batch.tokens).to(device)
    targets = torch.from_numpy(batch.answers[batch.asking]).long().to(device) - model.answers.start
    row, position = places(batch)
    told = origins(batch).to(device) if model.uses_oracle else None
    logits, _ = model(tokens, (row.to(device), position.to(device)), None, told)
    loss = F.cross_entropy(logits, targets)
    right = (logits.detach().argmax(-1) == targets).float().mean()
    value, accuracy = torch.stack([loss.detach().float(), right]).tolist()  # waits for the device once
    if math.isfinite(value):
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step(rate)
    return value, accuracy
