"""A task that is not what it says is told so by the check that concerns it, with the mend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from custom_task import First, Second

from recall_tasks import IGNORE
from recall_tasks.contract import BrokenTask, check_task, examine


def drawing(change):
    """A class whose rows are those of First, changed."""
    return type("Changed", (First,), {"draw": lambda self, rng, rows, n: change(First.draw(self, rng, rows, n), rng)})


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
    tokens[:, 0] = answers[:, 0]
    values = tokens[:, :3].copy()
    return replace(batch, tokens=tokens, answers=answers, stored=replace(batch.stored, values=values))


BROKEN = {
    "lengths": type("Any", (First,), {"check_length": lambda self, length: None}),
    "fields": type("Loaded", (First,), {"load": "num_pairs"}),
    "rows": drawing(lambda batch, rng: replace(batch, answers=np.full_like(batch.answers, IGNORE))),
    "words": type("Alike", (First,), {"word": lambda self, token: "." if token == 0 else "v"}),
    "repeats": drawing(other_generator),
    "oracle": Second,
    "written": drawing(lambda batch, rng: replace(batch, origins=batch.origins + 1)),
    "payload": type("Shares", (First,), {"shares": property(lambda self: np.ones(self.num_values))}),
    "chance": drawing(told_by_what_asks),
    "floors": type("Free", (First,), {
        "independent": property(lambda self: True), "payload_bits": lambda self, length: 3.0 * self.num_values,
        "draw": lambda self, rng, rows, n: alike(First.draw(self, rng, rows, n)),
    }),
}  # fmt: skip


def alike(batch):
    """Rows whose values are all the same, so that a bag of them is enough."""
    tokens = batch.tokens.copy()
    tokens[:, :3] = tokens[:, :1]
    return replace(batch, tokens=tokens, stored=replace(batch.stored, values=tokens[:, :3].copy()))


def test_a_sound_task_passes_every_check():
    assert [finding for finding in examine(First()) if finding.failed] == []
    check_task(First(num_values=1), 2)


@pytest.mark.parametrize("check", BROKEN)
def test_each_fault_is_found_by_its_check(check):
    findings = {finding.check: finding for finding in examine(BROKEN[check]())}
    assert findings[check].failed, findings
    assert ": " in findings[check].detail
    with pytest.raises(BrokenTask, match=r"^first: "):
        check_task(BROKEN[check]())


def test_a_least_length_that_does_not_hold_the_task_is_found():
    short = type("Short", (First,), {"min_length": property(lambda self: self.num_values)})
    findings = {finding.check: finding for finding in examine(short(num_values=1))}
    assert findings["lengths"].detail.startswith("at its least length, 1, the oracle scores 0.000")


def test_lists_are_named_by_their_place_as_values_are():
    assert [task.num_values for task in First([2, 3])] == [2, 3]
    with pytest.raises(TypeError, match="no field 'name'"):
        First(name=["a", "b"])
