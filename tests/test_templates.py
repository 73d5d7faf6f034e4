"""A probe's question: addresses frozen, values fresh, and every item asked for as its task asks."""

import numpy as np
import pytest
import torch

from recall_tasks import MQAR, TASKS, Copy, Needle, Stream
from recall_tasks.generators.signal import Signal
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.evaluation.evaluate import predict
from runners.probe.paused_model import answer_log_proba
from runners.probe.templates import ITEMS, Question, first_question, questions

torch.set_num_threads(1)
CANNOT = {"in_context": "states cannot be probed", "mixture": "probe a run on the task itself"}


def question(task, length=32, seed=0):
    return next(questions(task, length, seed))


def probable():
    return [name for name in TASKS if name not in CANNOT]


@pytest.mark.parametrize("task", [MQAR(num_pairs=4), Needle(num_needles=2), Copy(num_tokens=5)], ids=lambda t: t.name)
def test_addresses_are_frozen_and_values_fresh(task):
    asked = question(task)
    tokens, labels = asked.sample(500, np.random.default_rng(0))
    others = np.setdiff1d(np.arange(tokens.shape[1]), asked.positions)
    assert (tokens[:, others] == asked.tokens[others]).all()
    assert (tokens[:, asked.positions] == labels + task.alphabet.start).all()
    for values in labels.T:
        counts = np.bincount(values, minlength=task.num_answers)
        assert counts.min() > 0
        assert counts.max() < 500 * 4 / task.num_answers


@pytest.mark.parametrize("name", TASKS)
def test_a_task_can_be_probed_or_says_why_not(name):
    task = TASKS[name]()
    length = max(64, task.min_length)
    if name in CANNOT:
        with pytest.raises(ValueError, match=f"{name}:? .*{CANNOT[name]}"):
            first_question(task, length)
        return
    asked = first_question(task, length)
    _, labels = asked.sample(40, np.random.default_rng(0))
    assert labels.shape == (40, len(asked.positions))
    assert len(np.unique(labels[:, 0])) > 1
    assert max(asked.positions.max(), 0) < asked.end <= asked.stop <= length
    assert asked.times(16)[-1] == asked.stop
    assert asked.end in asked.times(16)


@pytest.mark.parametrize("name", probable())
def test_whoever_asks_is_answered_by_the_oracle(name):
    """Read up to the end, then what asks: the task's own oracle answers every item with its value."""
    task = TASKS[name]()
    asked = first_question(task, max(64, task.min_length))
    drawn = asked.sample(20, np.random.default_rng(0))
    for asking in asked.queries(drawn):
        for row, labels in enumerate(drawn.labels):
            tokens = [*drawn.tokens[row, : asked.end].tolist(), *asking.tokens[row].tolist()]
            answers = task.solve(tokens)
            for place, item in zip(asking.positions.tolist(), asking.items.tolist(), strict=True):
                assert answers[asked.end + place] - task.alphabet.start == labels[item]


def test_items_of_keyed_tasks_are_asked_after_the_row_and_of_ordered_ones_before_their_answers():
    assert question(MQAR(num_pairs=4)).end == 32
    copy = question(Copy(num_tokens=5, feedback=True))
    assert copy.end == copy.template.asked.min()
    (asking,) = copy.queries(copy.sample(3, np.random.default_rng(0)))
    assert asking.items.tolist() == [0, 1, 2, 3, 4]


def test_no_key_is_asked_before_it_is_asked_for():
    task = MQAR(num_pairs=4)
    asked = question(task)
    shown = asked.sample(1, np.random.default_rng(0)).tokens[0]
    keys = asked.template.stored.keys[0]
    assert [(shown == key).sum() for key in keys] == [1, 1, 1, 1]
    assert question(Needle(num_needles=4)).end == 31  # the question at the end of the row is left out


def test_answers_that_are_shown_follow_the_values():
    asked = question(Copy(num_tokens=5, feedback=True))
    tokens, labels = asked.sample(6, np.random.default_rng(0))
    shown = asked.template.asked[0] + 1
    inside = shown < 32
    assert (tokens[:, shown[inside]] == labels[:, inside] + asked.task.alphabet.start).all()


def test_tasks_that_store_little_are_given_more_templates():
    assert len(list(questions(MQAR(num_pairs=8), 32, 0))) == 1
    needles = [template.positions[0] for template in questions(Needle(), 32, 0)]
    assert len(needles) == ITEMS
    assert len(set(needles)) > 3


def test_ages_count_from_the_last_token_read():
    asked = question(MQAR(num_pairs=4))
    assert asked.ages(32).tolist() == [30, 28, 26, 24]
    assert asked.ages(4).tolist() == [2, 0, -2, -4]


def test_signals_are_drawn_as_their_task_draws_them():
    task = Signal(num_samples=16, num_parts=2, num_asked=4)
    _, labels = question(task).sample(50, np.random.default_rng(0))
    assert ((np.diff(labels, axis=1) != 0).sum(1) == 1).all()  # one step of two parts


def test_the_models_answers_are_those_it_gives_in_the_row_itself():
    run = Run(TaskSetting("copy", 24, {"num_tokens": 5}), ModelSetting("linear", {}, width=16))
    model, asked = run.build(), question(run.task.task, 24)
    drawn = asked.sample(7, np.random.default_rng(0))
    logs, items = answer_log_proba(model, asked, drawn)
    batch = Stream(run.task.task, 24, "probe").rows(0, 1)
    rows = [
        type(batch)(tokens[None], batch.asked, batch.answers, batch.origins, batch.stored) for tokens in drawn.tokens
    ]
    said = np.concatenate([predict(model, row) for row in rows])
    assert items.tolist() == [0, 1, 2, 3, 4]
    assert (logs.argmax(-1) + run.task.task.answers.start == said).all()
    assert np.allclose(np.exp(logs).sum(-1), 1)


def test_a_template_of_ones_own():
    task = MQAR(num_pairs=2, num_keys=4, num_values=4)
    asked = Question(task, Stream(task, 8, "train").rows(3, 1))
    assert asked.keyed
    assert asked.num_values == 4
