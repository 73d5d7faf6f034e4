"""Training: what it starts from, how it ends, and that the same run gives the same bytes."""

import dataclasses
import itertools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from models import MEMORIES, memory_options
from recall_tasks import Stream, bounds
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.evaluation.evaluate import score
from runners.statistics import wilson
from runners.training.loop import Schedule, train

torch.set_num_threads(1)
TINY = TaskSetting("mqar", 12, {"num_pairs": 2, "num_keys": 8, "num_values": 8})
SMALL = {"segment": 8, "block": 8}
"""Options of whatever memory has them: several segments and blocks in a short row."""


def tiny(memory="linear", seed=0, **training):
    fields = {"updates": 30, "tokens": 384, "warmup": 5} | training
    return Run(TINY, ModelSetting(memory, width=16), Training(**fields), seed)


def test_the_rate_warms_up_holds_and_cools_to_zero():
    rates = [Schedule(tiny(updates=100, warmup=10)).rate(u) for u in range(101)]
    assert rates[0] == pytest.approx(1e-3)
    assert set(rates[10:81]) == {1e-2}
    assert np.all(np.diff(rates[80:]) < 0)
    assert rates[100] == 0


def test_solving_starts_the_cooling_early_and_budget_never_grows():
    schedule = Schedule(tiny(updates=1000))
    schedule.cool(200)
    assert schedule.end == 250
    assert schedule.rate(200) == 1e-2
    assert schedule.rate(250) == 0
    late = Schedule(tiny(updates=1000))
    late.cool(900)
    assert late.end == 1000


@pytest.mark.parametrize("memory", MEMORIES)
def test_an_untrained_model_knows_nothing(memory):
    run = tiny(memory)
    right = score(run.build(), Stream(run.task.task, 12, "test"), 512).correct
    low, _ = wilson(right[:, 0].sum(), len(right), confidence=0.9999)
    assert low <= run.task.task.chance  # below it a model may be: one that always says what was not shown


def test_the_same_run_gives_the_same_bytes_and_touches_nothing_global():
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, outcome, curve = train(tiny())
    torch.manual_seed(6)
    second, again, _ = train(tiny())
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert dataclasses.replace(outcome, seconds=0) == dataclasses.replace(again, seconds=0)
    assert curve[-1]["update"] == 30
    torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_another_seed_is_another_model():
    first, second = (tiny(seed=seed).build().embedding for seed in (0, 1))
    assert not torch.equal(first, second)


def test_a_loss_that_is_not_finite_is_an_outcome():
    _, outcome, _ = train(tiny(learning_rate=1e30, clip=1e30, warmup=0))
    assert outcome.stopped == "diverged"
    assert not outcome.solved
    assert outcome.validation is None
    assert outcome.updates < 30


def test_a_clock_that_runs_fast_changes_nothing(monkeypatch):
    model, outcome, _ = train(tiny())
    hours = itertools.count(0.0, 3600.0)
    monkeypatch.setattr(time, "perf_counter", lambda: next(hours))
    hurried, same, _ = train(tiny())
    assert (same.stopped, same.updates, same.validation) == (outcome.stopped, outcome.updates, outcome.validation)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), hurried.parameters(), strict=True))


def test_a_watcher_sees_the_curve_as_it_comes():
    seen = []
    _, _, curve = train(tiny(), seen.append)
    assert [dataclasses.asdict(point) for point in seen] == curve
    assert [point.update for point in seen] == sorted({point.update for point in seen})


LEARNS = TaskSetting("mqar", 32, {"num_pairs": 4, "num_keys": 16, "num_values": 16})
SLOW = ("window", "gru", "hippo", "lmu", "lmu_parallel", "random_ssc")
"""What cannot reach far enough, binds too slowly for a test, or reads caches at random."""


@pytest.mark.slow
@pytest.mark.parametrize("memory", [name for name in MEMORIES if name not in SLOW])
def test_every_memory_that_can_recall_learns_to(memory):
    options = {name: value for name, value in SMALL.items() if name in memory_options(MEMORIES[memory])}
    run = Run(LEARNS, ModelSetting(memory, options), Training(updates=600, tokens=2048))
    model, outcome, _ = train(run)
    assert outcome.solved, outcome
    assert score(model, Stream(run.task.task, 32, "test"), 512).correct.mean() > 0.98
    assert outcome.updates_to_half < outcome.updates_to_solve <= outcome.updates


@pytest.mark.slow
def test_a_gru_learns_a_little():
    run = Run(LEARNS, ModelSetting("gru"), Training(updates=300, tokens=2048))
    model, _, _ = train(run)
    assert score(model, Stream(run.task.task, 32, "test"), 512).correct.mean() > 2 * run.task.task.chance


@pytest.mark.slow
def test_a_window_recalls_what_is_in_reach_and_no_more():
    reach = 2 * (8 - 1 + 3)  # layers x (window - 1 + taps of the convolution - 1)
    task = TaskSetting("mqar", 12, {"num_pairs": 2, "num_keys": 16, "num_values": 16})
    model, outcome, _ = train(Run(task, ModelSetting("window", {"window": 8}), Training(updates=400, tokens=3072)))
    assert outcome.solved  # at 12 tokens every answer is in reach
    scored = score(model, Stream(task.task, 48, "test"), 1024)
    near = scored.correct[scored.distances <= 6]
    far = scored.correct[scored.distances > reach]
    assert near.mean() > 0.8
    assert far.mean() < bounds.bag_floor(task.task, 48) + 0.05


def test_where_lengths_are_drawn_marks_come_from_the_validation_split(monkeypatch):
    monkeypatch.setattr("runners.training.loop.CHECK", 10)
    for policy in ("uniform", "mixture"):
        _, outcome, curve = train(tiny(policy=policy, updates=60, solve_at=0.02))
        assert (outcome.updates_to_half, outcome.updates_to_solve) == (None, 10)
        assert outcome.updates == 30  # it cools down over 20
        assert {(point["stage"], point["stages"]) for point in curve} == {(1, 1)}


def test_a_schedule_makes_all_its_updates_and_others_end_when_they_solve():
    updates = {
        policy: train(tiny(policy=policy, updates=60, solve_at=0.02))[1].updates
        for policy in ("schedule", "fixed", "adaptive")
    }
    assert updates["schedule"] == 60
    assert updates["fixed"] == updates["adaptive"] < 60


def test_fixed_is_a_curriculum_of_one_stage():
    long = TaskSetting("mqar", 48, {"num_pairs": 2, "num_keys": 8, "num_values": 8})
    runs = [
        Run(long, ModelSetting("linear", width=16), Training(updates=5, **how))
        for how in ({"policy": "fixed"}, {"curriculum": 1}, {})
    ]
    ends = [train(run)[0].embedding for run in runs]
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.slow
def test_the_optimiser_is_torchs_bit_for_bit_and_brings_no_compiler():
    code = (
        "import sys, torch\n"
        "from runners.training.adamw import AdamW\n"
        "def weights():\n"
        "    g = torch.Generator().manual_seed(0)\n"
        "    return [torch.randn(5, 3, generator=g).T.requires_grad_(), torch.randn(7, generator=g).requires_grad_()]\n"
        "def grads(t):\n"
        "    g = torch.Generator().manual_seed(t)\n"
        "    return [torch.randn(3, 5, generator=g), None if t == 2 else torch.randn(7, generator=g)]\n"
        "ours = weights(); mine = AdamW(ours, 0.01)\n"
        "for t in range(6):\n"
        "    mine.zero_grad()\n"
        "    for w, g in zip(ours, grads(t)): w.grad = g\n"
        "    mine.step(0.01 * (t + 1))\n"
        "assert 'torch._dynamo' not in sys.modules\n"
        "theirs = weights()\n"
        "torchs = torch.optim.AdamW(theirs, betas=(0.9, 0.95), weight_decay=0.01, fused=True)\n"
        "for t in range(6):\n"
        "    torchs.zero_grad()\n"
        "    for w, g in zip(theirs, grads(t)): w.grad = g\n"
        "    torchs.param_groups[0]['lr'] = 0.01 * (t + 1)\n"
        "    torchs.step()\n"
        "assert all(map(torch.equal, ours, theirs))\n"
        "assert not torch.equal(ours[0], weights()[0])\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=True)
