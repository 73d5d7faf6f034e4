"""Training of one model: fresh sequences every update, a policy of length and load, and how it ended.

The accuracy of a small model on recall sits at the floor and then jumps, and on long sequences it may never leave the
floor. So a run starts, unless its policy says otherwise, on short sequences with few items and doubles both as it
masters them. "Solved" is measured on the validation split; the rate then cools to zero and training ends. A run that
was not solved reports why it stopped; a loss that is not finite is an outcome, not a crash. An interrupted run goes on
from its checkpoint with the very numbers it would have had.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from models import SequenceModel
from models.seeding import seeded_draws
from recall_tasks import Batch, Stream

from ..config.curriculum import MIN_BATCH, Policy
from ..config.run import Run
from ..evaluation.evaluate import device_of, origins, places, score
from .adamw import AdamW
from .checkpoint import note_marks, resume, save

VALIDATION_SEQUENCES = 256
CHECK = 50
"""Updates between two validations where lengths are sampled: marks are as coarse there."""
EVERY = 10.0
"""Seconds between two checkpoints."""
SPENT = 0.02
"""Largest fraction of the time that checkpoints may take, however large the model is."""
OPEN = 4
"""Settings whose sequences stay in memory: a block has 256 of them, and an update seldom takes all."""
COOLDOWN = 0.2
"""Fraction of the budget over which the rate falls to zero."""


@dataclass(frozen=True)
class Progress:
    """A point of the learning curve, shown while the run trains. Times in seconds.

    Accuracy is that of the update's own sequences; where lengths are sampled there is one stage.
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
    """The end of training. `None` where a mark was not reached.

    stopped            `solved`, `updates` (the budget) or `diverged`; in older records `seconds` (the clock) too
    solved             whether accuracy on the validation split ever reached `solve_at`
    seconds            of all parts of a run that was interrupted
    updates_to_half    first update, on the task itself, with half of its answers correct; where lengths are
                       sampled, first validation with half of them correct
    validation         final accuracy on the validation split
    warning            an event that readers of the result should know
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


class TrainingBatches:
    """Batches of the train split, about `tokens` tokens each, from any setting; no sequence of a setting comes twice.

    `used` counts the sequences taken of each setting: all it takes to go on with the next ones.
    """

    def __init__(self, policy: Policy, tokens: int, seed: int, used: dict[int, int]) -> None:
        self.policy, self.tokens, self.seed, self.used = policy, tokens, seed, used
        self.open: dict[int, Iterator[Batch]] = {}

    def batch(self, number: int) -> Batch:
        """The next sequences of a setting."""
        task, length = self.policy.setting(number)
        size, start = max(MIN_BATCH, self.tokens // length), self.used.get(number, 0)
        batches = self.open.pop(number, None)
        if batches is None:
            batches = Stream(task, length, "train", self.seed).batches(size, start)
            if len(self.open) == OPEN:
                del self.open[next(iter(self.open))]
        self.open[number] = batches
        self.used[number] = start + size
        return next(batches)


class Schedule:
    """Learning rate: linear warm-up, constant, and a linear cool-down to zero that starts once.

    The cool-down starts with the last fifth of the budget, or earlier when `cool` is called.
    """

    def __init__(self, run: Run) -> None:
        self.training = run.training
        self.cooling_from = math.ceil(run.training.updates * (1 - COOLDOWN))
        self.end = run.training.updates

    def cool(self, update: int) -> None:
        """Begin the cool-down here, over a quarter of the updates so far: a fifth of all, as with the budget."""
        if update < self.cooling_from:
            self.cooling_from = update
            self.end = min(self.training.updates, update + max(20, update // 4))

    def rate(self, update: int) -> float:
        rate = self.training.learning_rate * min(1.0, (update + 1) / max(1, self.training.warmup))
        if update >= self.cooling_from:
            rate *= (self.end - update) / (self.end - self.cooling_from)
        return rate


def train(
    run: Run,
    watch: Callable[[Any], None] = lambda progress: None,
    model: SequenceModel | None = None,
    checkpoint: Path | None = None,
    every: float = EVERY,
) -> tuple[SequenceModel, Outcome, list[dict[str, Any]]]:
    """Train the run's model, or the one given; returns it with the outcome and the learning curve.

    watch        receives every point of the curve, a Progress, and messages as text
    model        on any device, which training follows. Weights that need no gradient stay as they are
    checkpoint   file that an interrupted training resumes from, written about every `every` seconds (0: after every
                 update). It stays there: delete it when the result is safe

    A damaged checkpoint is not used: training starts from the beginning, and the outcome says so.
    Raises TimeoutError where the guard of `seconds` ends it, ForeignCheckpoint for a checkpoint of another run and
    UnwritableFolder where the disk does not take it.
    """
    if not every >= 0:
        raise ValueError(f"every takes at least 0 seconds, not {every}")
    setting = run.training
    model = run.build() if model is None else model
    learning = [weights for weights in model.parameters() if weights.requires_grad]
    optimiser = AdamW(learning, setting.weight_decay)
    state = resume(checkpoint, run, model, optimiser, watch)
    policy, schedule = run.policy(), Schedule(run)
    batches = TrainingBatches(policy, setting.tokens, run.seed, dict(state.used))
    validation = Stream(run.task.task, run.task.length, "validation", run.seed)
    if state.cooling:
        schedule.cooling_from, schedule.end = state.cooling
    stopped, best = "updates", None
    began = time.perf_counter() - state.seconds
    due, guard = time.perf_counter() + every, time.process_time() + setting.seconds

    while state.update < schedule.end:
        number = policy.choose(state.update, state.mastered)
        batch = batches.batch(number)
        with seeded_draws((run.seed * 10**9 + state.update) % 2**63):  # dropout, the same wherever training was cut
            loss, accuracy = step(model, optimiser, batch, setting.clip, schedule.rate(state.update))
        state.update += 1
        state.tokens += batch.tokens.size
        last = number == policy.count - 1 and not policy.sampled
        if not math.isfinite(loss):
            stopped = "diverged"
            break
        if last and state.half is None and accuracy >= 0.5:
            state.half = state.update
        masters = (last and accuracy >= setting.solve_at) or (
            policy.adapts and not last and accuracy >= setting.advance_at
        )
        if state.update % 10 == 0 or masters:
            stage, count = (1, 1) if policy.sampled else (number + 1, policy.count)
            task, length = policy.setting(number)
            here = Progress(
                state.update, state.tokens, time.perf_counter() - began, stage, count, length,
                getattr(task, task.load), loss, accuracy,
            )  # fmt: skip
            state.curve.append(asdict(here))
            watch(here)
        if masters and not last:
            state.mastered += 1
        elif state.solve is None and (masters or (policy.sampled and state.update % CHECK == 0)):
            best = score(model, validation, VALIDATION_SEQUENCES).accuracy
            model.train()
            note_marks(state, best, policy.sampled, setting.solve_at, time.perf_counter() - began)
            if best >= setting.solve_at and policy.cools:
                schedule.cool(state.update)
        out_of_time = state.update < schedule.end and time.process_time() > guard
        if checkpoint and (out_of_time or time.perf_counter() >= due):
            now = time.perf_counter()
            state.seconds, state.used = now - began, list(batches.used.items())
            state.cooling = [schedule.cooling_from, schedule.end]
            save(checkpoint, run, model, optimiser, asdict(state))
            done = time.perf_counter()
            due = done + max(every, (done - now) / SPENT if every else 0)
        if out_of_time:
            spent = f"{setting.seconds:g} s of processor time at update {state.update:,} of {schedule.end:,}"
            raise TimeoutError(f"stopped after {spent}: the same command goes on, and --seconds moves this guard")

    if stopped == "diverged":
        best = None  # whatever was measured before, those weights are gone
    else:
        best = score(model, validation, VALIDATION_SEQUENCES).accuracy
        if state.solve is None:
            note_marks(state, best, policy.sampled, setting.solve_at, time.perf_counter() - began)
    outcome = Outcome(
        stopped="solved" if state.solve and stopped == "updates" else stopped,
        solved=state.solve is not None and stopped != "diverged",
        updates=state.update,
        tokens=state.tokens,
        seconds=time.perf_counter() - began,
        updates_to_half=state.half,
        updates_to_solve=int(state.solve[0]) if state.solve else None,
        seconds_to_solve=state.solve[1] if state.solve else None,
        validation=best,
        warning=state.warning,
    )
    return model, outcome, state.curve


def step(model: SequenceModel, optimiser: AdamW, batch: Batch, clip: float, rate: float) -> tuple[float, float]:
    """One update on a batch; returns its loss in nats and its accuracy, both before the update.

    Runs on the device of the weights. A loss that is not finite leaves them unchanged.
    """
    device = device_of(model)
    tokens = torch.from_numpy(batch.tokens).to(device)
    targets = torch.from_numpy(batch.answers[batch.asking]).long().to(device) - model.answers.start
    sequence, position = places(batch)
    oracle_positions = origins(batch).to(device) if model.uses_oracle else None
    logits, _ = model(tokens, (sequence.to(device), position.to(device)), None, oracle_positions)
    loss = F.cross_entropy(logits.float(), targets)
    correct = (logits.detach().argmax(-1) == targets).float().mean()
    value, accuracy = torch.stack([loss.detach().float(), correct]).tolist()  # waits for the device once
    if math.isfinite(value):
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step(rate)
    return value, accuracy
