"""A user's memory is tried before it trains, kept whole, and trains to the same weights wherever it is cut."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import custom_memories as brought
import numpy as np
import pytest
import torch

from models.contract import BrokenContract, check_kind
from recall_tasks import command
from runners import storage
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.execution.run_job import train_run
from runners.probe import Ridge, probe
from runners.training import loop
from runners.training.loop import train
from runners.training.sanity import Leak, check_possible, check_untrained

torch.set_num_threads(1)
ROOT = Path(__file__).parent.parent


def run_of(memory: type, updates: int = 6) -> Run:
    task = TaskSetting("mqar", 16, {"num_pairs": 2, "num_keys": 4, "num_values": 4})
    model = ModelSetting(f"{brought.__file__}:{memory.__name__}", width=8, layers=1, mlp_ratio=0)
    return Run(task, model, Training(updates=updates, tokens=128, warmup=2, policy="fixed"))


@pytest.mark.parametrize("memory", brought.BREAKING, ids=lambda memory: memory.__name__)
def test_a_memory_that_breaks_its_contract_is_refused_by_name_before_it_trains(memory: type) -> None:
    with pytest.raises(BrokenContract, match=re.escape(str(memory.__doc__))) as refusal:
        check_untrained(run_of(memory))
    assert str(refusal.value).startswith(f"{memory.__name__}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("memory", brought.KEEPING, ids=lambda memory: memory.__name__)
def test_a_memory_that_keeps_its_contract_is_not_suspected(memory: type) -> None:
    check_kind(memory, 8, ())


@pytest.mark.parametrize("memory", brought.KEEPING, ids=lambda memory: memory.__name__)
def test_dropout_tied_and_complex_weights_train_to_the_same_weights_however_they_are_cut(
    memory: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, before = run_of(memory), torch.get_rng_state()
    whole = train(run)[0].state_dict()
    torch.manual_seed(5)  # dropout follows from the run alone
    step, calls = loop.step, [0]

    def cut(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] == 4:
            raise InterruptedError
        return step(*given)

    monkeypatch.setattr(loop, "step", cut)
    with pytest.raises(InterruptedError):
        train(run, checkpoint=tmp_path / "checkpoint", every=0)
    resumed = train(run, checkpoint=tmp_path / "checkpoint", every=0)[0].state_dict()
    assert all(torch.equal(whole[name], weights) for name, weights in resumed.items())
    torch.set_rng_state(before)
    train(run)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("memory", [brought.Tied, brought.Diagonal], ids=["tied", "complex"])
def test_tied_and_complex_weights_come_back_from_a_finished_run(memory: type, tmp_path: Path) -> None:
    model = train(run_of(memory))[0]
    storage.write_run(tmp_path, run_of(memory), {"outcome": {}}, dict(model.state_dict()))
    place = next(tmp_path.glob("mqar*"))
    other = run_of(memory).build()
    storage.put_weights(other, storage.load_weights(place))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    if memory is brought.Tied:
        assert other.blocks[0].memory.a.weight is other.blocks[0].memory.b.weight


def test_adamw_moves_a_complex_weight_as_its_two_parts() -> None:
    from runners.training.adamw import AdamW

    pair = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    both, apart = torch.view_as_complex(pair.clone()).requires_grad_(), pair.clone().requires_grad_()
    one, two = AdamW([both], 0.1), AdamW([apart], 0.1)
    for _ in range(3):
        (torch.view_as_real(both) ** 3).sum().backward()
        (apart**3).sum().backward()
        one.step(0.1), two.step(0.1)
        one.zero_grad(), two.zero_grad()
    assert torch.equal(torch.view_as_real(both), apart)


def test_a_score_above_the_ceiling_of_its_state_is_impossible() -> None:
    test = {"accuracy": 0.9, "num_sequences": 512, "length": 64, "state_bytes": 8, "ceiling": 0.75}
    check_possible("mine", [test | {"ceiling": 0.85}])  # within what 512 sequences may give by luck
    with pytest.raises(Leak, match=r"^mine scores 0\.900 at 64 tokens, which is impossible: the 8 bytes .* 0\.750"):
        check_possible("mine", [test])


def test_a_memory_that_answers_beyond_its_state_ends_as_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recall_tasks.bounds.ceiling", lambda bits, task, length: 0.01)
    with pytest.raises(Leak, match="impossible"):
        train_run(run_of(brought.Tied), tmp_path, print)
    assert not list(tmp_path.glob("mqar*"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_states_in_half_precision_are_read_as_their_numbers(dtype: torch.dtype) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 200)
    X = torch.tensor(np.eye(4)[y] + 0.1 * rng.standard_normal((200, 4))).to(dtype)
    assert Ridge().fit(X, y).score(X, y) > 0.95
    numbers = [probe(states, y, sequences=range(200))["bits"].tolist() for states in (X, X.double().numpy())]
    assert numbers[0] == numbers[1]


def test_the_command_finds_its_own_packages_before_those_of_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/a/project/with/models", *sys.path])
    monkeypatch.setattr("runners.cli.main.main", lambda: sys.path[0])
    assert command.main() == str(ROOT)
