"""A trained model with another memory in place of its own: its weights as they are, its gates alone trained."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from recall_tasks import Stream
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.evaluation.evaluate import predict
from runners.training.swap import swap_memory, with_trained_gates

torch.set_num_threads(1)
TASK = TaskSetting("mqar", 16, {"num_pairs": 2, "num_keys": 8, "num_values": 8})


def run(memory: str = "linear", **options: object) -> Run:
    return Run(TASK, ModelSetting(memory, options, width=8), Training(updates=3, tokens=256))


def answers(model: torch.nn.Module, length: int = 16) -> list[int]:
    return predict(model, Stream(TASK.task, length, "test").rows(0, 16)).ravel().tolist()


@pytest.mark.parametrize("memory", ["average", "residual", "grm", "soup", "ssc", "oracle"])
def test_caches_that_never_fill_change_no_answer(memory: str) -> None:
    trained = run("linear", heads=2)
    new, model = swap_memory(trained, trained.build(), memory, {"segment": 64})
    assert {"heads": 2, "base": "linear", "segment": 64}.items() <= new.model.options.items()
    if memory != "oracle":
        assert answers(model) == answers(trained.build())


def test_a_sampling_is_swapped_and_the_rest_of_the_memory_stays() -> None:
    trained = run("elastic", block=4, num_samples=3, num_coefficients=6)
    new, model = swap_memory(trained, trained.build(), "elastic", {"num_samples": 5})
    assert {"block": 4, "num_samples": 5, "num_coefficients": 6}.items() <= new.model.options.items()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), trained.build().parameters(), strict=True))


def test_weights_that_do_not_fit_are_refused() -> None:
    trained = run("linear")
    with pytest.raises(ValueError, match="gru has other weights than the linear"):
        swap_memory(trained, trained.build(), "gru")
    for options in ({"base": "delta"}, {"heads": 4}, {"size": 3}, {"inner": 2}):
        with pytest.raises(ValueError, match="linear was trained with"):
            swap_memory(trained, trained.build(), "grm", options)
    gated = run("gated")
    with pytest.raises(ValueError, match="another rule"):
        swap_memory(gated, gated.build(), "gated_delta")


def test_what_is_not_named_stays_as_in_training_its_defaults_too() -> None:
    trained = run("elastic", block=4)
    _, model = swap_memory(trained, trained.build(), "window", {"window": 8})
    assert model.blocks[0].memory.rope
    trained = run("residual", segment=4)
    _, model = swap_memory(trained, trained.build(), "average")
    assert not model.blocks[0].memory.goes_on


def test_gates_begin_as_the_seed_of_the_run_draws_them() -> None:
    first, other = (replace(run("linear"), seed=seed) for seed in (0, 1))
    gates = [swap_memory(r, first.build(), "grm")[1].blocks[0].memory.gate.weight for r in (first, other)]
    assert not torch.equal(*gates)


def test_gates_learn_and_nothing_else_does() -> None:
    trained = run("linear")
    new, model = swap_memory(trained, trained.build(), "grm", {"segment": 4})
    before = {name: weights.clone() for name, weights in model.named_parameters()}
    after = dict(with_trained_gates(new, model, updates=3).named_parameters())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {f"blocks.{n}.memory.gate.weight" for n in (0, 1)}
