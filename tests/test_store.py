"""A run is there whole or not at all, and nothing damaged is trusted."""

import json

import pytest
import torch

from runners import store
from runners.experiment import ModelSetting, Run, TaskSetting

RUN = Run(TaskSetting("mqar", 32, {"num_pairs": 4}), ModelSetting("linear", width=8))
WEIGHTS = {"w": torch.arange(6.0).view(2, 3)}


@pytest.fixture
def place(tmp_path):
    return store.write_run(tmp_path, RUN, {"scores": [{"accuracy": 0.5}]}, WEIGHTS)


def test_what_is_written_is_read(place):
    assert store.load_run(place) == RUN
    assert store.load_result(place)["scores"] == [{"accuracy": 0.5}]
    assert torch.equal(store.load_weights(place)["w"], WEIGHTS["w"])
    assert store.is_finished(place.parent, RUN)
    assert store.find_runs([place.parent]) == store.find_runs([place]) == [place]


@pytest.mark.parametrize("name", ["run.json", "result.json", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_damage_is_refused_in_one_line_that_says_what_to_do(place, name, damage):
    path = place / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "flip":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    else:
        path.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    with pytest.raises(ValueError, match=r"damaged|no finished run|no result|run it again") as refused:
        store.is_finished(place.parent, RUN)
    assert "\n" not in str(refused.value)


def test_a_changed_number_is_refused(place):
    record = json.loads((place / "result.json").read_text())
    record["content"]["scores"][0]["accuracy"] = 0.9
    (place / "result.json").write_text(json.dumps(record))
    with pytest.raises(store.CorruptRun, match="damaged"):
        store.load_result(place)


def test_a_write_that_fails_leaves_nothing_that_counts(tmp_path, monkeypatch):
    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write_run(tmp_path, RUN, {}, WEIGHTS)
    assert not store.is_finished(tmp_path, RUN)
    assert list(tmp_path.iterdir()) == []


def test_of_two_that_finish_the_same_run_the_first_stays(place):
    again = store.write_run(place.parent, RUN, {"scores": []}, WEIGHTS)
    assert again == place
    assert store.load_result(place)["scores"] == [{"accuracy": 0.5}]
    assert [p.name for p in place.parent.iterdir()] == [place.name]


def test_half_written_runs_are_never_found_and_swept_when_stale(tmp_path):
    partial = tmp_path / f".{RUN.name}.abc"
    partial.mkdir()
    (partial / "run.json").write_text("{}")
    assert not store.is_finished(tmp_path, RUN)
    with pytest.raises(ValueError, match="no finished run"):
        store.find_runs([tmp_path])
    store.sweep_partials(tmp_path)
    assert partial.exists()  # young: another process may be writing it
    store.os.utime(partial, (0, 0))
    store.sweep_partials(tmp_path)
    assert not partial.exists()


def test_a_missing_place_is_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="no directory"):
        store.find_runs([tmp_path / "nowhere"])


def test_nan_is_refused_rather_than_written_as_bad_json():
    with pytest.raises(ValueError, match=r"not JSON compliant|Out of range"):
        store.sealed({"loss": float("nan")})


def test_a_damaged_record_beside_a_run_costs_that_record_alone(place):
    (place / "probe.json").write_text("[]")
    with pytest.raises(store.CorruptRun, match="delete that file alone"):
        store.unsealed(place / "probe.json")
    study = place.parent / "study.json"
    study.write_text("{}")
    with pytest.raises(store.CorruptRun, match="no run is lost"):
        store.unsealed(study)


def test_weights_are_not_read_by_other_code_than_wrote_them(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("from models.memories.linear import LinearAttention\nclass Mine(LinearAttention): pass\n")
    run = Run(TaskSetting("mqar", 32, {"num_pairs": 4}), ModelSetting(f"{mine}:Mine", width=8))
    place = store.write_run(tmp_path / "runs", run, {}, WEIGHTS)
    assert store.load_run(place) == run
    mine.write_text(mine.read_text() + "# changed\n")
    with pytest.raises(store.CorruptRun, match="trained with other code"):
        store.load_run(place)
    mine.unlink()
    assert store.load_settings(place)["model"]["label"] == "Mine"  # a report needs no code


def test_a_run_found_twice_is_one(place):
    assert store.find_runs([place, place.parent, place.parent / "." / place.name]) == [place]


def test_a_failure_that_is_not_of_the_disk_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match=r"JSON|range"):
        store.write_run(tmp_path, RUN, {"loss": float("inf")}, WEIGHTS)
    assert list(tmp_path.iterdir()) == []
