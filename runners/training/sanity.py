"""Checks of every run that nothing leaks answers: before training, and after it with the memory cut off.

**Untrained.** A model that was never trained recalls nothing, but its random weights may count or copy a little: a
running sum says the commonest token. So it is compared with the best reader without recall. Where all answers are
equally likely, the reader that knows the order of all values is none of those. And later tokens must not change
earlier predictions (`check_causal`).

**Cut off.** After the model has read whole sequences, one question of each is put to fresh memories: the token that
asks at position 0, then what followed it. A prediction is then a function of that one token, so it cannot beat the
best reader without memory (`recall_tasks.bounds.memoryless_floor`): chance, or where answers are not alike the best
table from tokens to answers, fitted to these very sequences. A model that does gets the answer from the token itself,
keeps something outside its state, or looks ahead. The position floor is no bar, as its reader keeps every value of
the sequence, which a memory that was cut off does not. Positions of answers are withheld too.

A false alarm stops a run, so intervals hold with 99.9999 % whatever the sequences: their accuracies lie from 0 to 1,
so the mean is bounded by its relative entropy (Hoeffding 1963, Theorem 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from models import SequenceModel
from models.contract import check_kind
from recall_tasks import Batch, Stream
from recall_tasks.contract import check_task
from recall_tasks.readers import Memoryless, accuracy

from ..config.run import Run
from ..evaluation.evaluate import device_of, origins, places, predict, score, task_bounds

ROWS = 128
ALPHA = 1e-6
AHEAD = 256
"""Tokens after a question that are shown with it, at most."""

Check = dict[str, float]
"""accuracy, low, high, floor; number of sequences (`rows`)."""


class Leak(ValueError):
    """A model scores what it cannot know: its task or its memory leaks answers."""


def initial_accuracy(model: SequenceModel, stream: Stream, rows: int = ROWS) -> Check:
    """Score of an untrained model at all queries of the first `rows` sequences. Left in evaluation mode."""
    task = stream.task
    right = score(model, stream, rows).accuracy
    names = ("chance", "memoryless", "bag", "recency") + (() if task.balanced else ("position",))
    floor = max(task_bounds(task, stream.length)[name] for name in names)
    return _check(right, floor, rows)


def cut_off_accuracy(model: SequenceModel, stream: Stream, rows: int = ROWS) -> Check:
    """Score of a model without its memory, at one query of each sequence. Left in evaluation mode."""
    task, batch = stream.task, stream.rows(0, rows)
    alone = questions_alone(batch)
    model.eval()
    predict(model, batch)  # a model that stores something outside its state has it now
    right = float((predict(model, alone) == alone.answers).mean())
    floor = task.chance if task.balanced else max(task.chance, accuracy(Memoryless([alone]), alone, task))
    return _check(right, floor, rows)


def check_untrained(run: Run) -> Check:
    """`initial_accuracy` on the run's validation split. Raises Leak above the floor, or if the model looks ahead.

    Raises BrokenContract, before that, for a memory that is none (`models.contract`), and BrokenTask for a custom task
    (`recall_tasks.contract`).
    """
    for mixer in (mixer for layer in run.model.found for mixer in layer):
        check_kind(mixer.kind, run.model.width, tuple(sorted(mixer.options.items())))
    if run.task.title != run.task.name:  # brought: those of the registry are tried in its tests
        check_task(run.task.task, run.task.length)
    stream = Stream(run.task.task, run.task.length, "validation", run.seed)
    model = run.build()
    if run.model.dtype != "float32":
        check_computes(run.label, model, stream)
    check = _refused(initial_accuracy(model, stream), f"{run.label}, untrained,")
    check_causal(model, stream)
    return check


@torch.no_grad()
def check_causal(model: SequenceModel, stream: Stream, rows: int = 4) -> None:
    """Raises Leak if later tokens change an earlier prediction. Left in evaluation mode.

    The second half of each sequence is replaced: predictions in the first half must stay. The same is checked one
    token earlier, since a memory that sees whole blocks would pass where a block ends.
    """
    model.eval()
    tokens = torch.from_numpy(stream.rows(0, rows).tokens).to(device_of(model))
    origins = torch.full_like(tokens, -1) if model.uses_oracle else None
    for half in range(stream.length // 2, max(0, stream.length // 2 - 2), -1):
        other = tokens.clone()
        other[:, half:] = (other[:, half:] + 1) % stream.task.vocab_size
        sequence, position = torch.ones_like(tokens[:, :half]).nonzero(as_tuple=True)
        one, two = (model(read, (sequence, position), None, origins)[0] for read in (tokens, other))
        loose = torch.finfo(one.dtype).bits < 32
        if not torch.allclose(
            one, two, rtol=0.02 if loose else 1e-3, atol=(0.02 if loose else 1e-4) * float(one.abs().max())
        ):
            what = f"other tokens from position {half} on change predictions before it"
            raise Leak(f"the memory looks ahead: {what}, so no score of this run means anything")


def check_computes(label: str, model: SequenceModel, stream: Stream) -> None:
    """Raises ValueError where a model has no finite gradients in its precision and on its device. Weights stay."""
    batch, device, dtype = stream.rows(0, 2), device_of(model), str(model.embedding.dtype).removeprefix("torch.")
    tokens = torch.from_numpy(batch.tokens).to(device)
    oracle = origins(batch).to(device) if model.uses_oracle else None
    try:
        logits, _ = model(tokens, tuple(index.to(device) for index in places(batch)), None, oracle)
        logits.float().logsumexp(-1).sum().backward()
        wrong = [name for name, w in model.named_parameters() if w.grad is not None and not w.grad.isfinite().all()]
        why = f"the gradient of {wrong[0]} is not finite" if wrong else ""
    except (RuntimeError, TypeError) as error:  # an operation that the device or the precision does not have
        why = str(error).strip().splitlines()[0]
    model.zero_grad()
    if why:
        raise ValueError(
            f"{label} does not train in {dtype} on {device.type}: {why} (--dtype and --device choose others)"
        )


def check_cut_off(model: SequenceModel, stream: Stream) -> Check:
    """`cut_off_accuracy` of a trained model. Raises Leak where it still knows what only its memory can."""
    return _refused(cut_off_accuracy(model, stream), "the model with its memory cut off")


def check_possible(label: str, tests: Iterable[Mapping[str, Any]]) -> None:
    """Raises Leak for a record of scores that is surely above the ceiling of its state."""
    for test in tests:
        low, _ = interval(test["accuracy"], test["num_sequences"])
        if low > test["ceiling"]:
            found = f"{label} scores {test['accuracy']:.3f} at {test['length']:,} tokens"
            most = f"the {test['state_bytes']:,} bytes of its state allow {test['ceiling']:.3f} at most"
            why = "state_floats says less than it carries, or it keeps something outside its state"
            raise Leak(f"{found}, which is impossible: {most} ({why})")


def questions_alone(batch: Batch) -> Batch:
    """A sequence for each: one of its questions, each in turn, at position 0, and what followed it."""
    sequence, (B, T) = np.arange(len(batch)), batch.tokens.shape
    count = batch.asking.sum(axis=1)
    which = batch.asked.shape[1] - count + sequence % count  # spare questions come first
    query = batch.asked[sequence, which][:, None]
    positions = query + np.arange(min(AHEAD, T - int(query.min())))
    after = np.take_along_axis(batch.tokens, np.minimum(positions, T - 1), axis=1)
    tokens = np.where(positions < T, after, np.int32(0))
    nowhere = np.full((B, 1), -1, np.int32)
    return Batch(tokens, np.zeros((B, 1), np.int32), batch.answers[sequence, which][:, None], nowhere, batch.stored)


def interval(mean: float, rows: int, alpha: float = ALPHA) -> tuple[float, float]:
    """The true means that a mean of so many sequences does not rule out, all but `alpha` of the time."""
    limit = math.log(2 / alpha) / rows
    return _furthest(mean, 0.0, limit), _furthest(mean, 1.0, limit)


def _furthest(mean: float, end: float, limit: float) -> float:
    """The mean furthest from this one towards `end` whose relative entropy is within the limit, by bisection."""
    near, far = mean, end
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (middle, far) if _entropy(mean, middle) <= limit else (near, middle)
    return end if mean == end else near


def _entropy(mean: float, other: float) -> float:
    """Entropy of a coin of this mean, relative to one of the other, in nats."""
    parts = ((mean, other), (1 - mean, 1 - other))
    return sum(p * math.log(p / q) if q > 0 else math.inf for p, q in parts if p > 0)


def _check(right: float, floor: float, rows: int) -> Check:
    low, high = interval(right, rows)
    return {"accuracy": right, "low": low, "high": high, "floor": floor, "rows": rows}


def _refused(check: Check, what: str) -> Check:
    if check["low"] > check["floor"]:
        score = f"scores {check['accuracy']:.3f} on {check['rows']} sequences where {check['floor']:.3f}"
        why = "the task or the memory leaks answers, and no score of this run means anything"
        raise Leak(f"{what} {score} is the most without recall: {why}")
    return check
