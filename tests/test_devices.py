"""A model goes wherever its weights are: no memory makes a tensor on the CPU by itself.

The meta device has shapes and no numbers, and refuses to meet tensors of another device: it stands for a GPU.
"""

import pytest
import torch

from models import MEMORIES, build
from runners.cli.main import main
from runners.execution.job import DEVICES, choose_device
from runners.storage import read_record

CHOOSING = {"ssc", "random_ssc"}
"""These look at numbers to choose caches, which the meta device has not: `python -m tests.gpu` tries them on a GPU."""


@pytest.mark.parametrize("name", [name for name in MEMORIES if name not in CHOOSING])
def test_forward_and_backward_stay_on_the_device_of_the_weights(name):
    model = build(name, 129, range(65, 129), width=32).to("meta")
    tokens = torch.zeros(2, 40, dtype=torch.long, device="meta")
    asked = (torch.arange(2, device="meta"), torch.full((2,), 35, device="meta"))
    told = torch.full((2, 40), -1, device="meta") if model.uses_oracle else None
    logits, states = model(tokens, asked, None, told)
    logits.sum().backward()
    assert logits.device.type == "meta"
    logits, _ = model(tokens[:, :7], asked, states, None if told is None else told[:, :7])
    assert logits.device.type == "meta"


def test_auto_takes_a_gpu_if_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [choose_device(word) for word in DEVICES] == ["cuda", "cpu", "cuda", "mps"]


@pytest.mark.parametrize("words", [["train", "mqar", "gru"], ["compare", "--preset", "smoke"], ["sweep", "smoke"]])
def test_a_device_that_is_not_here_is_refused_before_any_work(words, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--device", "cuda"]) == 2
    assert "sees no cuda device on this machine: take --device cpu" in capsys.readouterr().err
    assert not list(tmp_path.rglob("run.json"))


def test_the_device_stands_in_the_result_and_in_the_record_of_a_measure(jobs_here, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    tiny = ["--length", "12", "--num-pairs", "2", "--width", "8", "--updates", "2", "--tokens", "64"]
    assert main(["train", "mqar", "gru", *tiny, "--device", "auto", "--out", str(tmp_path)]) == 0
    assert "device: cpu" in capsys.readouterr().err
    (place,) = [path.parent for path in tmp_path.glob("*/run.json")]
    assert main(["extrapolate", str(place), "--ladder", "1,2", "--sequences", "4", "--device", "cpu"]) == 0
    assert read_record(place / "result.json")["environment"]["device"] == "cpu"
    assert read_record(place / "extrapolation.json")["device"] == "cpu"
