"""Models in bfloat16: every memory computes in it, states take half the bytes, small updates are not lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models import MEMORIES
from models.contract import tensors_of
from recall_tasks import Stream
from runners.cli.main import main
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.evaluation.evaluate import places, score, score_record
from runners.results.tables import collect
from runners.training import loop
from runners.training.adamw import AdamW
from runners.training.sanity import check_computes, check_untrained

TASK = TaskSetting("mqar", 24, {"num_pairs": 3, "num_keys": 8, "num_values": 8})


def a_run(memory="linear", dtype="bfloat16", **training):
    return Run(TASK, ModelSetting(memory, width=16, layers=1, dtype=dtype), Training(**training))


@pytest.mark.parametrize("name", MEMORIES)
def test_every_memory_computes_in_bfloat16_and_keeps_its_state_in_it(name):
    run, task = a_run(name), TASK.task
    model, stream = run.build(), Stream(task, TASK.length, "validation")
    check_computes(name, model, stream)
    batch = stream.rows(0, 2)
    tokens = torch.from_numpy(batch.tokens)
    logits, states = model(tokens, places(batch), None, torch.full_like(tokens, -1) if model.uses_oracle else None)
    exact, _ = a_run(name, "float32").build()(
        tokens, places(batch), None, torch.full_like(tokens, -1) if model.uses_oracle else None
    )
    assert {part.dtype for part in tensors_of(states) if part.is_floating_point()} == {torch.bfloat16}
    assert (logits.float() - exact).norm() < 0.1 * exact.norm()


def test_half_the_bytes_of_a_state_hold_half_the_bits():
    records = []
    for dtype in ("float32", "bfloat16"):
        run = a_run(dtype=dtype)
        model, stream = run.build(), Stream(TASK.task, TASK.length, "test")
        records.append(score_record(run, model, score(model, stream, 8), TASK.task, TASK.length))
    assert records[0]["state_bytes"] == 2 * records[1]["state_bytes"] == 4 * run.build().fullest_floats(TASK.length)
    assert records[0]["parameters"] == records[1]["parameters"]


def test_a_run_in_float32_is_what_it_was_before_there_was_a_choice():
    run = a_run(dtype="float32")
    assert "dtype" not in run.to_json()["model"]
    assert Run.from_json(run.to_json()) == run
    assert replace(run, model=replace(run.model, dtype="bfloat16")).identity != run.identity
    assert Run.from_json(a_run().to_json()) == a_run()


def test_updates_too_small_for_bfloat16_add_up():
    weight = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    optimiser = AdamW([weight], weight_decay=0.0)
    for _ in range(100):
        weight.grad = torch.ones_like(weight)
        optimiser.step(1e-4)  # far below the distance of 1 to the next number, 2^-8
    assert weight[0].item() == pytest.approx(0.99, abs=2**-8)
    assert optimiser.state[weight]["weight"][0].item() == pytest.approx(0.99, abs=1e-5)


def test_an_interrupted_training_goes_on_with_the_same_numbers(tmp_path, monkeypatch):
    run = a_run(updates=6, tokens=128)
    whole, outcome, _ = loop.train(run)
    original, calls = loop.step, []

    def interrupted(*arguments):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(1)
        return original(*arguments)

    monkeypatch.setattr(loop, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.train(run, checkpoint=tmp_path / "c", every=0)
    monkeypatch.setattr(loop, "step", original)
    resumed, again, _ = loop.train(run, checkpoint=tmp_path / "c", every=0)
    assert again.validation == outcome.validation
    assert all(map(torch.equal, whole.state_dict().values(), resumed.state_dict().values()))


COMPLEX = """
import torch
from models.memories.gru import GRU

class Complex(GRU):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.phase = torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))

class Exact(GRU):
    def forward(self, x, state=None):
        return super().forward((x @ torch.eye(x.shape[-1])), state)
"""


@pytest.mark.parametrize(("name", "why"), [("Complex", "has complex weights"), ("Exact", "does not train in bfloat16")])
def test_a_memory_that_cannot_is_refused_by_name_before_training(name, why, tmp_path):
    (tmp_path / "mine.py").write_text(COMPLEX)
    memory = f"{tmp_path}/mine.py:{name}"
    check_untrained(a_run(memory, "float32"))
    with pytest.raises(ValueError, match=rf"^{name} {why}"):
        check_untrained(a_run(memory))


def test_another_precision_is_refused():
    with pytest.raises(ValueError, match="dtype takes float32 or bfloat16, not 'float16'"):
        ModelSetting("linear", dtype="float16")


def test_a_run_in_bfloat16_is_written_measured_verified_and_read_again(jobs_here, tmp_path):
    folder = str(tmp_path / "runs")
    tiny = ["--length", "12", "--num-pairs", "2", "--num-keys", "4", "--num-values", "4", "--width", "8"]
    tiny += ["--updates", "2", "--tokens", "64", "--seeds", "1", "--out", folder]
    assert main(["compare", "mqar", "linear", *tiny, "--dtype", "float32,bfloat16"]) == 0
    assert main(["capacity", folder, "--loads", "1,2", "--sequences", "8"]) == 0
    assert main(["probe", folder, "--sequences", "160", "--readers", "ridge"]) == 0
    assert main(["verify", folder]) == 0
    scores = collect([tmp_path / "runs"]).scores
    tests = scores[scores["kind"] == "test"].set_index("axis_dtype")["state_bytes"]
    assert tests["float32"] == 2 * tests["bfloat16"]
    kept = collect([tmp_path / "runs"]).capacity
    assert (kept.groupby("axis_dtype")["state_floats"].first().nunique()) == 1
