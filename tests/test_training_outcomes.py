"""Half right, solved, converged: when a run counts as each, and the sequences that decide it (accuracies invented)."""

from types import SimpleNamespace

import pandas as pd
import pytest
from untrained import a_run

from recall_tasks import Stream
from runners.config.run import Run, Training
from runners.studies.learning_rates import choose_rate, validation_record
from runners.training import loop as training
from runners.training.adamw import AdamW
from runners.training.loop import step, train


def outcome_of(monkeypatch, accuracies, validations, losses=(), policy="fixed", **fields):
    """Outcome of a run with these accuracies of updates and of validations; the last one repeats."""
    accuracies, validations, losses = list(accuracies), list(validations), list(losses) or [1.0]

    def step(*given):
        return (losses.pop(0) if len(losses) > 1 else losses[0]), (
            accuracies.pop(0) if len(accuracies) > 1 else accuracies[0]
        )

    def score(*given):
        return SimpleNamespace(accuracy=validations.pop(0) if len(validations) > 1 else validations[0])

    monkeypatch.setattr(training, "step", step)
    monkeypatch.setattr(training, "score", score)
    run = a_run()
    setting = Training(policy=policy, **({"updates": 200, "tokens": 128} | fields))
    _, outcome, _ = train(Run(run.task, run.model, setting))
    return outcome


def test_half_is_the_first_update_that_reaches_one_half_and_no_less(monkeypatch):
    assert outcome_of(monkeypatch, [0.1, 0.49, 0.5, 0.9], [0.0]).updates_to_half == 3
    assert outcome_of(monkeypatch, [0.49], [0.0]).updates_to_half is None


def test_solved_takes_exactly_the_accuracy_asked_for_on_validation(monkeypatch):
    solved = outcome_of(monkeypatch, [0.5, 0.9], [0.9], solve_at=0.9)
    assert (solved.solved, solved.updates_to_solve) == (True, 2)
    not_yet = outcome_of(monkeypatch, [0.5, 0.9], [0.89], solve_at=0.9)
    assert (not_yet.solved, not_yet.updates_to_solve, not_yet.stopped) == (False, None, "updates")


def test_a_run_that_solved_and_then_diverged_did_not_converge(monkeypatch):
    outcome = outcome_of(monkeypatch, [1.0], [1.0], losses=[1.0, 1.0, float("nan")])
    assert (outcome.stopped, outcome.solved, outcome.validation) == ("diverged", False, None)
    assert outcome.updates_to_solve == 1


def test_a_rate_at_which_runs_diverged_after_a_good_look_is_not_chosen(monkeypatch):
    """By whatever the validation split said before."""
    fell = outcome_of(monkeypatch, [0.1], [0.9], [1.0] * 60 + [float("inf")], policy="mixture")
    assert (fell.stopped, fell.updates, fell.validation) == ("diverged", 61, None)
    stayed = outcome_of(monkeypatch, [0.1], [0.2])
    rows = [validation_record(rate, 0, vars(outcome)) for rate, outcome in ((0.1, fell), (0.01, stayed))]
    assert choose_rate(pd.DataFrame(rows)) == 0.01


def test_no_update_has_a_gradient_beyond_the_clip():
    run = a_run()
    model, batch = run.build(), Stream(run.task.task, run.task.length).rows(0, 8)
    for clip in (1e9, 1e-3):
        step(model, AdamW(model.parameters(), 0.0), batch, clip, 1e-3)
        norm = sum(float((w.grad**2).sum()) for w in model.parameters() if w.grad is not None) ** 0.5
        assert (norm > 1e-2) if clip == 1e9 else norm == pytest.approx(clip, rel=1e-2)


@pytest.mark.parametrize("policy", ["adaptive", "mixture"])
def test_training_sees_no_row_of_the_test(policy, monkeypatch):
    """Else the learning rate would be chosen on it."""
    opened, begin = set(), Stream.__init__

    def spying(self, task, length, split="train", seed=0):
        opened.add((split, seed))
        begin(self, task, length, split, seed)

    monkeypatch.setattr(Stream, "__init__", spying)
    run = a_run(seed=3)
    train(Run(run.task, run.model, Training(policy=policy, updates=4, tokens=128), seed=3))
    assert opened == {("train", 3), ("validation", 3)}
