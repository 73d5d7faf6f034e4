"""Modules of anybody's as memories: each form is read as the module itself reads, and counted in what it carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.adapt import adapt
from models.contract import BrokenContract, check_contract
from runners.config.custom_code import adopt, load_memory, source_digest
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.measures import MEASURES
from runners.studies.study import Ask, Study
from runners.training.loop import train

torch.set_num_threads(1)
TASK = TaskSetting("mqar", 16, {"num_pairs": 2, "num_keys": 4, "num_values": 4})
FEW = Training(updates=4, tokens=128, warmup=2, policy="fixed")


def run_of(memory: str, **options: Any) -> Run:
    return Run(TASK, ModelSetting(memory, options, width=8, layers=1, mlp_ratio=0), FEW)


class Box:
    """A cache as libraries have them: an object that a module writes into."""

    def __init__(self) -> None:
        self.seen, self.kept, self.kind = 0, {"x": None}, "box"


class Caching(nn.Module):
    """The mean of the last inputs, which it keeps in a cache; `whole` tokens at once it reads from the start."""

    def __init__(self, hidden_size: int, window: int = 5, whole: bool = False) -> None:
        super().__init__()
        self.mix, self.window, self.whole = nn.Linear(hidden_size, hidden_size), window, whole

    def forward(self, x: Tensor, past_key_values: Any = None) -> tuple[Tensor, Any]:
        box = past_key_values or Box()
        if box.kept["x"] is None:
            box.kept["x"] = x[:, :0].transpose(0, 1)  # the batch second
        every = torch.cat([box.kept["x"].transpose(0, 1), x], 1)
        read = x if self.whole and x.shape[1] > 1 else every
        y = torch.stack([read[:, max(0, t + 1 - self.window) : t + 1].mean(1) for t in range(read.shape[1])], 1)
        box.seen, box.kept["x"] = box.seen + x.shape[1], every[:, -self.window + 1 :].transpose(0, 1)
        return self.mix(y[:, -x.shape[1] :]), box


class Apart(nn.Module):
    """A cell whose output is no part of its state."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(2 * dim, dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        state = torch.tanh(self.a(torch.cat([x, torch.zeros_like(x) if state is None else state], -1)))
        return self.b(state), state


class Reversed(nn.Module):
    """A layer of torch around which a class calls its width by a name of its own."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.rnn = nn.GRU(n, n)  # the time first

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, h = self.rnn(x.transpose(0, 1), h)
        return y.transpose(0, 1), h


FORMS = [
    adapt(nn.LSTM, num_layers=3), adapt(nn.LSTM, batch_first=False), adapt(nn.RNN), adapt(nn.LSTMCell), adapt(Caching),
    adapt(Apart), adapt(Reversed),
]  # fmt: skip


@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: kind.__name__)
def test_every_form_keeps_the_contract(kind: Any) -> None:
    check_contract(kind(6), 6)


def test_a_layer_gives_what_it_gives_by_itself_and_its_state_has_the_batch_first() -> None:
    memory, x = adapt(nn.LSTM, num_layers=2)(4), torch.randn(2, 5, 4)  # as many sequences as layers
    y, state = memory(x)
    expected, (h, c) = memory.module(x)
    assert torch.equal(y, expected)
    for part, its in zip(memory.contents(state).values(), (h, c), strict=True):
        assert torch.equal(part, its.transpose(0, 1))
    assert memory.state_floats(1000) == memory.fullest_floats(1000) == 16


def test_a_cache_is_counted_at_each_length() -> None:
    memory = adapt(Caching)(6)
    assert [memory.state_floats(n) for n in (1, 3, 4, 5, 300)] == [6, 18, 24, 24, 24]
    assert memory.fullest_floats(300) == 24
    state = memory(torch.randn(2, 7, 6))[1]
    assert [part for part in state if not isinstance(part, Tensor)] == [7]


def test_a_module_that_goes_on_from_no_several_tokens_is_caught_and_reads_one_by_one() -> None:
    with pytest.raises(BrokenContract, match=r"in pieces gives .* or set one_by_one=true"):
        check_contract(adapt(Caching)(6, whole=True), 6)
    check_contract(adapt(Caching)(6, whole=True, one_by_one=True), 6)


def test_a_module_without_a_state_reads_whole_sequences_and_refuses_a_probe() -> None:
    run = run_of("torch.nn:Linear")
    model, (_, state) = run.build(), adapt(nn.Linear)(8)(torch.zeros(1, 4, 8))
    assert model.reads_whole
    assert model.state_floats(16) == 8 * 16
    with pytest.raises(ValueError, match=r"reads whole sequences only \(x -> y\): it has no state"):
        adapt(nn.Linear)(8)(torch.zeros(1, 4, 8), state)
    probe = MEASURES["probe"]
    with pytest.raises(ValueError, match=r"whole sequences only \(x -> y\), so there is no state to probe"):
        probe.check(run, {"readers": ["ridge"]})


def test_a_study_leaves_out_what_reads_states_where_there_are_none() -> None:
    asks = (Ask("probe", {"readers": ["ridge"]}), Ask("extrapolation", {"ladder": [1], "rows": 8}))
    study = Study("both", (run_of("torch.nn:Linear"), run_of("torch.nn:GRU")), asks=asks)
    assert [list(study.request(run)) for run in study.runs] == [["extrapolation"], ["probe", "extrapolation"]]


def test_a_module_is_a_memory_by_itself_too() -> None:
    module = nn.LSTM(4, 4)
    memory, x = adapt(module), torch.randn(3, 5, 4)
    assert torch.equal(memory(x)[0], module(x.transpose(0, 1))[0].transpose(0, 1))
    with pytest.raises(ValueError, match="give the class"):
        adopt(module)


def test_a_class_has_one_name_from_python_and_from_the_shell() -> None:
    assert adopt(nn.LSTM) == adopt(adapt(nn.LSTM)) == "torch.nn:LSTM"
    assert adopt(adapt(nn.LSTM, num_layers=2)) == "torch.nn:LSTM:num_layers=2"
    assert adopt(Caching) == f"{Path(__file__).resolve()}:Caching"
    assert load_memory("torch.nn:LSTM") is load_memory("torch.nn.modules.rnn:LSTM")
    one, two = run_of("torch.nn:LSTM", num_layers=2), run_of("torch.nn:LSTM(num_layers=2)")
    assert one.identity == two.identity == Run.from_json(one.to_json()).identity
    assert one.label == "LSTM"
    assert len({source_digest(f"torch.nn:{name}") for name in ("LSTM", "Linear")}) == 2


def test_it_trains() -> None:
    run = run_of("torch.nn:GRU")
    before = dict(run.build().state_dict())
    after = train(run)[0].state_dict()
    assert not any(torch.equal(before[name], after[name]) for name in before if "module" in name)


@pytest.mark.parametrize("name", ["MGU", "LEM", "IndRNNCell", "coRNNCell", "SCRN", "UnICORNN", "tauGRU"])
def test_torchrecurrent(name: str) -> None:
    library = pytest.importorskip("torchrecurrent", reason="the extra `adapters` has it")
    memory = adapt(getattr(library, name))(6)
    if name == "tauGRU":  # its delayed states are in no state that it returns
        with pytest.raises(BrokenContract, match="in pieces gives other outputs"):
            check_contract(memory, 6)
    else:
        check_contract(memory, 6)


def test_x_transformers_reads_whole_sequences() -> None:
    library = pytest.importorskip("x_transformers", reason="the extra `adapters` has it")
    memory = adapt(library.Attention, heads=2, dim_head=4)(6)
    check_contract(memory, 6)
    assert memory.reads_whole


@pytest.mark.filterwarnings("ignore")
def test_the_mamba_of_transformers_goes_on_from_single_tokens_alone() -> None:
    pytest.importorskip("transformers", minversion="5", reason="the extra `adapters` has it")
    name = "transformers.models.mamba.modeling_mamba:MambaMixer"
    kind = load_memory(name)
    assert kind(8).state_floats(50) == 16 * (4 + 16)  # twice the width: 4 inputs of the convolution, 16 of the state
    with pytest.raises(BrokenContract, match="in pieces gives other outputs"):
        check_contract(kind(8), 8)
    check_contract(kind(8, one_by_one=True), 8)
    train(run_of(name, one_by_one=True, state_size=4))
