"""A task that is not what it says is told so by the check that concerns it, with the mend."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from recall_tasks import IGNORE, Batch, Stored, Task
from recall_tasks.contract import BrokenTask, check_task, examine
from recall_tasks.task import difficulty


@dataclass(frozen=True)
class Echo(Task):
    """Values at the start, the last of them asked for at the end."""

    num_values: int = difficulty(3, "values shown", "load")

    name, version, load = "echo", 1, "num_values"

    def check_fields(self):
        self.at_least("num_values", 1)

    vocab_size = property(lambda self: 10)
    answers = property(lambda self: range(2, 10))
    min_length = property(lambda self: self.num_values + 1)
    shares = property(lambda self: np.eye(self.num_values)[-1])

    def num_questions(self, length):
        return 1

    def payload_bits(self, length):
        return 3.0

    def draw(self, rng, rows, length):
        tokens = np.zeros((rows, length), np.int32)
        K = self.num_values
        tokens[:, :K] = rng.integers(2, 10, (rows, K))
        tokens[:, -1] = 1
        place = np.broadcast_to(np.arange(K, dtype=np.int32), (rows, K))
        one = np.ones((rows, 1), np.int32)
        stored = Stored(place, np.full((rows, K), -1, np.int32), tokens[:, :K].copy())
        return Batch(tokens, (length - 1) * one, tokens[:, K - 1 : K].copy(), (K - 1) * one, stored)

    def read(self, tokens):
        values = [token for token in tokens if token > 1]
        return {t: values[-1] for t, token in enumerate(tokens) if token == 1}

    def word(self, token):
        return "." if token == 0 else "?" if token == 1 else f"v{token}"


def drawing(change):
    """A class whose rows are those of Echo, changed."""
    return type("Changed", (Echo,), {"draw": lambda self, rng, rows, n: change(Echo.draw(self, rng, rows, n), rng)})


def with_tokens(batch, place, value):
    tokens = batch.tokens.copy()
    tokens[:, place] = value
    return replace(batch, tokens=tokens)


def other_generator(batch, rng):
    return with_tokens(batch, 5, np.random.randint(2, 10, len(batch)))  # noqa: NPY002


def told_by_what_asks(batch, rng):
    answers = batch.answers.copy()
    answers[len(batch) // 5 :] = 4
    tokens = batch.tokens.copy()
    tokens[:, 2] = answers[:, 0]
    values = tokens[:, :3].copy()
    return replace(batch, tokens=tokens, answers=answers, stored=replace(batch.stored, values=values))


BROKEN = {
    "lengths": type("Short", (Echo,), {"min_length": property(lambda self: self.num_values)}),
    "fields": type("Loaded", (Echo,), {"load": "num_pairs"}),
    "rows": drawing(lambda batch, rng: replace(batch, answers=np.full_like(batch.answers, IGNORE))),
    "words": type("Alike", (Echo,), {"word": lambda self, token: "." if token == 0 else "v"}),
    "repeats": drawing(other_generator),
    "oracle": type("First", (Echo,), {"read": lambda self, t: {len(t) - 1: next(v for v in t if v > 1)}}),
    "written": drawing(lambda batch, rng: replace(batch, origins=batch.origins - 1)),
    "payload": type("Shares", (Echo,), {"shares": property(lambda self: np.ones(self.num_values))}),
    "chance": drawing(told_by_what_asks),
    "floors": type("Free", (Echo,), {
        "independent": property(lambda self: True), "payload_bits": lambda self, length: 3.0 * self.num_values,
        "draw": lambda self, rng, rows, n: alike(Echo.draw(self, rng, rows, n)),
    }),
}  # fmt: skip


def alike(batch):
    """Rows whose values are all the same, so that a bag of them is enough."""
    tokens = batch.tokens.copy()
    tokens[:, :3] = tokens[:, 2:3]
    return replace(batch, tokens=tokens, stored=replace(batch.stored, values=tokens[:, :3].copy()))


def test_a_sound_task_passes_every_check():
    assert [finding for finding in examine(Echo()) if finding.failed] == []
    check_task(Echo(num_values=1), 2)


@pytest.mark.parametrize("check", BROKEN)
def test_each_fault_is_found_by_its_check(check):
    findings = {finding.check: finding for finding in examine(BROKEN[check]())}
    assert findings[check].failed, findings
    assert ": " in findings[check].detail
    with pytest.raises(BrokenTask, match=r"^echo: "):
        check_task(BROKEN[check]())


def test_lists_are_named_by_their_place_as_values_are():
    assert [task.num_values for task in Echo([2, 3])] == [2, 3]
    with pytest.raises(TypeError, match="no field 'name'"):
        Echo(name=["a", "b"])
