"""A finished run holds all of its 512 test rows and both checks for leaks, and leaves no checkpoint behind."""

import pytest
import torch
from untrained import a_run

from runners import storage
from runners.config.run import Run, Training
from runners.execution import run_job
from runners.training.sanity import Leak

torch.set_num_threads(1)
TEST_ROWS = 512
"""Of every run: others would be compared on other rows."""


@pytest.fixture
def run():
    run = a_run()
    return Run(run.task, run.model, Training(updates=2, tokens=128))


def test_what_a_run_keeps(run, tmp_path):
    place = run_job.train_run(run, tmp_path, lambda said: None)
    result = storage.load_result(place)
    assert result["scores"][0]["num_sequences"] == len(result["sequences"]) == TEST_ROWS
    assert len(storage.load_tensors(place, "outputs", result["outputs"])["test/predicted"]) == TEST_ROWS
    for check in ("initial", "cut_off"):
        assert result[check]["low"] <= result[check]["floor"]
        assert result[check]["rows"] == 128
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


def test_a_checkpoint_is_removed_when_its_run_is_kept(run, tmp_path, monkeypatch):
    keep = run_job.train
    monkeypatch.setattr(run_job, "train", lambda run, watch, model, path: keep(run, watch, model, path, every=0))
    place = run_job.train_run(run, tmp_path, lambda said: None)
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


@pytest.mark.parametrize("check", ["check_untrained", "check_cut_off"])
def test_a_run_that_leaks_is_not_kept(check, run, tmp_path, monkeypatch):
    def leaks(*given):
        raise Leak("it knows")

    monkeypatch.setattr(run_job, check, leaks)
    with pytest.raises(Leak):
        run_job.train_run(run, tmp_path, lambda said: None)
    assert not storage.is_finished(tmp_path, run)
