"""The contract of a task, tried on its rows: for `recall check FILE.py:CLASS`, before a brought task is trained on, and
in tests over the registry.

Rows follow from the generator alone. What is asked can be answered from what came before, by the oracle, without a
mistake. Answers stand where the batch says they were written. A guess scores chance, and where the task says that it is
balanced a reader of one token scores no more; a closed form of the bag floor agrees with the reader it speaks of. A
length below the least is refused. The fields travel as JSON.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from . import bounds
from .batch import IGNORE, Batch
from .readers import Bag, Guess, Memoryless, Oracle, accuracy
from .stream import Stream
from .task import DIMENSIONS, Task

ROWS, FEW = 256, 6
"""Rows that are looked at, and those whose every prefix is given to the oracle."""
SIGMAS = 5.0
"""Standard errors beyond which a score is not what is said of it."""
ROOM = 5
"""Tokens beyond the least length, at a length with room."""


class BrokenTask(ValueError):
    """A task that is not what `recall_tasks.task` says a task is."""


class Finding(NamedTuple):
    """The result of one check: `detail` says what was found, and where it `failed` the mend too."""

    check: str
    failed: bool
    detail: str


class Trial:
    """A task under trial, at one length."""

    def __init__(self, task: Task, length: int) -> None:
        self.task, self.length = task, length

    @cached_property
    def stream(self) -> Stream:
        return Stream(self.task, self.length)

    @cached_property
    def batch(self) -> Batch:
        """The first rows of the train split."""
        return self.stream.rows(0, ROWS)


def check_task(task: Task, length: int | None = None) -> None:
    """Raises BrokenTask: the task, what was found, and the mend. `length`: by default one with some room."""
    for finding in examine(task, length):
        if finding.failed:
            raise BrokenTask(f"{task.name}: {finding.detail}")


def examine(task: Task, length: int | None = None) -> Iterator[Finding]:
    """What each check finds at a length, whatever the others do."""
    trial = Trial(task, max(64, task.min_length + ROOM) if length is None else length)
    for name, check in CHECKS.items():
        try:
            yield Finding(name, False, check(trial))
        except BrokenTask as error:
            yield Finding(name, True, str(error))
        except Exception as error:
            yield Finding(name, True, f"{name} cannot be checked: it raises {type(error).__name__}: {error}")


def require(holds: bool | np.bool_, fault: str, mend: str) -> None:
    """Raises BrokenTask unless something holds."""
    if not holds:
        raise BrokenTask(f"{fault}: {mend}")


def check_fields(trial: Trial) -> str:
    """Fields with a meaning and a dimension, which travel as JSON; a load that is one of them."""
    task, fields = trial.task, dataclasses.fields(trial.task)
    for f in fields:
        told = f.metadata.get("moves") in DIMENSIONS and f.metadata.get("help")
        require(
            bool(told),
            f"field {f.name} does not say what it moves",
            "define it with difficulty(default, meaning, moves)",
        )
    loads = [f.name for f in fields]
    require(task.load in loads, f"load is {task.load!r}, and the fields are {', '.join(loads)}", "name one of them")
    spec = json.loads(json.dumps(task.spec()))
    again = type(task)(**{name: value for name, value in spec.items() if name not in ("task", "version")})
    require(again == task, "its fields do not survive JSON", "keep to numbers, bools and words")
    return f"{len(fields)} fields, load {task.load}"


def check_lengths(trial: Trial) -> str:
    """The least length holds the task, and one less is refused with it."""
    task, least = trial.task, trial.task.min_length
    right = accuracy(Oracle(), Stream(task, least).rows(0, 8), task)
    require(right == 1.0, f"at its least length, {least}, the oracle scores {right:.3f}", "raise min_length")
    try:
        task.check_length(least - 1)
    except ValueError as error:
        require(str(least) in str(error), f"the refusal of {least - 1} tokens does not name {least}", "name min_length")
        return f"from {least} tokens"
    raise BrokenTask(f"a row of {least - 1} tokens is taken though {least} is the least: keep check_length as it is")


def check_rows(trial: Trial) -> str:
    """Ids within the vocabulary, questions in order, spare ones first, every answer among the answers."""
    task, batch = trial.task, trial.batch
    shape, Q = batch.tokens.shape, task.num_questions(trial.length)
    require(shape == (ROWS, trial.length), f"tokens are {shape}, not {(ROWS, trial.length)}", "draw rows x length")
    asked = batch.asked.shape == batch.answers.shape == batch.origins.shape == (ROWS, Q)
    require(asked, f"asked is {batch.asked.shape}, not {(ROWS, Q)}", "let num_questions be the most that a row asks")
    wrong = [name for name, array in batch.arrays().items() if array.dtype != np.int32]
    require(not wrong, f"{', '.join(wrong)} are no int32", "draw 32-bit integers")
    least, most = int(batch.tokens.min()), int(batch.tokens.max())
    fits = least >= 0 and most < task.vocab_size
    require(fits, f"tokens run from {least} to {most}, and the vocabulary to {task.vocab_size - 1}", "count ids from 0")
    asking = batch.asking
    require(asking.any(axis=1).all(), "some rows ask nothing", "let every row ask")
    spare = (np.diff(asking.astype(int), axis=1) >= 0).all() and not batch.asked[~asking].any()
    require(spare, "spare questions stand among others", "put them first: asked 0, answer IGNORE, origin 0")
    order = (np.diff(batch.asked, axis=1)[asking[:, :-1]] > 0).all() and batch.asked.max() < trial.length
    require(order, "questions are out of order or beyond the row", "sort them by position, each position once")
    known = np.isin(batch.answers[asking], task.answers).all()
    require(known, "some right answers are not among the answers", "let answers be the range of their ids")
    return f"{ROWS} rows of {trial.length} tokens, up to {Q} questions"


def check_words(trial: Trial) -> str:
    """A word for each token, no two alike; token 0 is the blank and no answer."""
    task = trial.task
    spelled = [task.spell(token) for token in range(min(task.vocab_size, 4096))]
    require(len(set(spelled)) == len(spelled), "two tokens are spelled alike", "let word() tell them apart")
    require(spelled[0] == ".", f"token 0 is spelled {spelled[0]!r}", "keep it for the blank, `.`")
    require(0 not in task.answers and 0 not in task.alphabet, "the blank is an answer", "begin answers above 0")
    require(len(task.answers) >= 2, "there is one answer", "ask for one of two at least")
    return f"vocabulary of {task.vocab_size:,}, {len(task.answers):,} answers"


def check_repeats(trial: Trial) -> str:
    """The same rows again, however they are read, and nothing drawn from global generators."""
    before = str(np.random.get_state())  # noqa: NPY002
    again = Stream(trial.task, trial.length).rows(0, ROWS)
    require(
        same(trial.batch, again), "the same stream gives other rows a second time", "draw from the rng handed in alone"
    )
    after = str(np.random.get_state())  # noqa: NPY002
    require(before == after, "numpy's global generator is used", "draw from the rng handed in alone")
    part = trial.stream.rows(7, 30)
    require(same(trial.batch[7:37], part), "rows depend on how many are read", "keep nothing from one draw to the next")
    other = Stream(trial.task, trial.length, seed=1).rows(0, ROWS)
    require(not same(trial.batch, other), "another seed gives the same rows", "draw from the rng handed in")
    return "rows follow from the seed alone"


def check_oracle(trial: Trial) -> str:
    """The oracle answers every question, from the tokens up to it alone."""
    task, batch = trial.task, trial.batch
    right = accuracy(Oracle(), batch, task)
    require(right == 1.0, f"the oracle scores {right:.3f}, not 1", "let read() answer what draw() asks")
    for tokens, targets in zip(batch.tokens[:FEW].tolist(), batch.targets[:FEW].tolist(), strict=True):
        answers = {t: target for t, target in enumerate(targets) if target != IGNORE}
        for t in answers:
            solved = task.solve(tokens[: t + 1])
            seen = all(solved.get(u) == answers[u] for u in answers if u <= t)
            require(seen, f"the question at {t} cannot be answered from the tokens up to it", "write the answer before")
    return "1.0, from prefixes"


def check_written(trial: Trial) -> str:
    """Answers stand at their origins and stored values at their positions, before they are asked for."""
    task, batch = trial.task, trial.batch
    asking, stored = batch.asking, batch.stored
    require((batch.distances[asking] >= 1).all(), "some answers are written after their question", "mend origins")
    held = np.take_along_axis(batch.tokens, batch.origins, axis=1)
    there = task.derived or np.array_equal(held[asking], batch.answers[asking])
    require(there, "the tokens at the origins are not the answers", "mend origins, or say derived = True")
    real = stored.values != IGNORE
    kept = np.take_along_axis(batch.tokens, stored.positions, axis=1)
    require(np.array_equal(kept[real], stored.values[real]), "stored values are not at their positions", "mend stored")
    known = np.isin(stored.values[real], task.alphabet).all()
    require(known, "stored values are outside the alphabet", "let alphabet be the range of their ids")
    order = (np.diff(stored.positions, axis=1)[real[:, :-1]] > 0).all() and not stored.positions[~real].any()
    require(order, "stored items are out of order", "sort them by position, spare ones first at position 0")
    return f"{real.sum(1).mean():.3g} items a row"


def check_payload(trial: Trial) -> str:
    """Shares that sum to 1, and a payload of some bits."""
    task, length = trial.task, trial.length
    weights = task.bottlenecks(length)
    sums = [float(shares.sum()) for _, shares in weights]
    total = sum(weight for weight, _ in weights)
    whole = np.isclose(total, 1) and np.allclose(sums, 1)
    require(whole, f"shares of questions sum to {total:.3f}, those of items to {sums[0]:.3f}", "let each sum to 1")
    bits = task.payload_bits(length)
    require(np.isfinite(bits) and bits > 0, f"the payload is {bits} bits", "count what must be carried")
    if task.independent:
        most = max(len(shares) for _, shares in weights) * np.log2(task.num_answers)
        require(
            np.isclose(bits, most), f"the payload is {bits:.3g} bits, and {most:.3g} are stored", "mend payload_bits"
        )
    return f"{bits:.4g} bits"


def check_chance(trial: Trial) -> str:
    """A uniform guess scores chance; on a balanced task a reader of one token does too."""
    task, batch = trial.task, trial.batch
    mean, error = by_row(Guess(np.random.default_rng(0)).answer(batch, task) == batch.answers, batch)
    error = max(error, np.sqrt(task.chance * (1 - task.chance) / batch.asking.sum()))
    right = np.isclose(task.chance, 1 / len(task.answers)) and abs(mean - task.chance) <= SIGMAS * error
    require(right, f"a guess scores {mean:.3f}, and chance is said to be {task.chance:.3f}", "leave chance as it is")
    if task.balanced:
        fitted = Memoryless(trial.stream.block(number) for number in range(4))
        test = Stream(task, trial.length, "test").rows(0, ROWS)
        mean, error = by_row(fitted.answer(test, task) == test.answers, test)
        above = mean > task.chance + SIGMAS * error + 1e-9
        mend = "draw answers alike and apart from what asks, or say balanced is False"
        require(not above, f"a reader of one token scores {mean:.3f}, above chance, {task.chance:.3f}", mend)
    return f"{task.chance:.3g}"


def check_floors(trial: Trial) -> str:
    """Floors from chance to 1, and the closed form of the bag floor, where one is used, as its reader scores."""
    task, found = trial.task, bounds.floors(trial.task, trial.length)
    odd = [f"{name} {value:.3f}" for name, value in found.items() if not task.chance - 1e-9 <= value <= 1]
    require(not odd, f"floors are out of range ({', '.join(odd)})", "mend from_bag, answers and alphabet")
    if task.independent:
        test = Stream(task, trial.length, "probe").rows(0, ROWS)
        mean, error = by_row(Bag().answer(test, task) == test.answers, test)
        off = abs(mean - found["bag"]) > SIGMAS * max(error, 1 / ROWS)
        mend = "values are not independent and uniform: leave independent False"
        require(not off, f"the bag reader scores {mean:.3f}, and the closed form says {found['bag']:.3f}", mend)
    return ", ".join(f"{name} {value:.3f}" for name, value in found.items())


CHECKS: dict[str, Callable[[Trial], str]] = {
    "fields": check_fields,
    "lengths": check_lengths,
    "rows": check_rows,
    "words": check_words,
    "repeats": check_repeats,
    "oracle": check_oracle,
    "written": check_written,
    "payload": check_payload,
    "chance": check_chance,
    "floors": check_floors,
}
"""Checks by the word that `recall check` shows."""


def same(a: Batch, b: Batch) -> bool:
    """True for batches that are equal in every array."""
    return all(np.array_equal(x, b.arrays()[name]) for name, x in a.arrays().items())


def by_row(right: np.ndarray, batch: Batch) -> tuple[float, float]:
    """Accuracy and its standard error by rows: questions of a row may stand and fall together."""
    asked = batch.asking.sum(axis=1)
    hits = (right & batch.asking).sum(axis=1)
    mean = hits.sum() / asked.sum()
    residual = hits - mean * asked
    return float(mean), float(np.sqrt((residual**2).sum()) / asked.sum())
