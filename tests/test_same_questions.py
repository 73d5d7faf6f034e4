"""Every answer kept gives a score, though two tests asked the same; all that was measured is compared and found."""

import shutil

import pytest
import torch
from untrained import a_run, keep

from runners import storage
from runners.execution.run_job import measure_run
from runners.results.diff import compare_runs, load
from runners.results.query import query
from runners.results.rescore import rescore

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A run that was asked the same questions twice: at its own length load grows by nothing."""
    place = keep(tmp_path_factory.mktemp("asked"), a_run())
    modes = [{"ladder": [1], "rows": 16, "mode": mode} for mode in ("fixed load", "growing load")]
    measure_run(str(place), {"extrapolation": modes, "capacity": {"loads": [1, 2], "rows": 16}}, lambda said: None)
    return place


def sealed_again(asked, folder, change):
    """A copy of the run whose extrapolation was changed by someone who seals what he changes."""
    place = folder / asked.name
    shutil.copytree(asked, place)
    record = storage.load_record(place / "extrapolation.json", {})
    for file in record["outputs"]:
        tensors = {name: t.clone() for name, t in storage.load_tensors(place, file["name"], file["digest"]).items()}
        change(tensors, record)
        file["digest"] = storage.write_tensors(place, file["name"], tensors)
    storage.write_record(place / "extrapolation.json", record)
    return place


@pytest.mark.parametrize("key", ["16", "growing load/16"])
def test_an_answer_that_was_changed_is_found_where_two_tests_asked_the_same(key, asked, tmp_path):
    def flip(tensors, record):
        if f"{key}/predicted" in tensors:
            said, right = tensors[f"{key}/predicted"], tensors[f"{key}/answers"]
            said[0, -1] = right[0, -1] + 1 if said[0, -1] == right[0, -1] else right[0, -1]

    assert rescore(asked) == []
    assert any(key in line for line in rescore(sealed_again(asked, tmp_path, flip)))


def test_a_score_that_is_gone_is_found_by_its_answers(asked, tmp_path):
    def drop(tensors, record):
        record["scores"] = [row for row in record["scores"] if row["mode"] == "fixed load"]
        for table in ("breakdown", "distances", "sequences"):
            record[table] = [row for row in record[table] if row["mode"] == "fixed load"]

    place = sealed_again(asked, tmp_path, drop)
    assert rescore(place) == []  # the same questions with the same answers: the score that is left says it all

    def empty(tensors, record):
        for table in ("scores", "breakdown", "distances", "sequences"):
            record[table] = []

    place = sealed_again(asked, tmp_path / "empty", empty)
    assert any("give none of its scores" in line for line in rescore(place))


def test_a_query_finds_the_test_of_a_run_by_the_mode_that_tables_have(asked):
    found = query("select kind, mode from scores order by all", [asked])
    assert found.to_numpy().tolist() == [
        ["extrapolation", "fixed load"], ["extrapolation", "growing load"], ["test", "fixed load"],
    ]  # fmt: skip


def test_runs_that_differ_in_capacity_alone_differ(asked, tmp_path):
    place = tmp_path / asked.name
    shutil.copytree(asked, place)
    assert compare_runs(load(asked), load(place)).nothing
    record = storage.load_record(place / "capacity.json", {})
    record["capacity"][0]["accuracy"] = 0.99
    storage.write_record(place / "capacity.json", record)
    found = compare_runs(load(asked), load(place)).facts
    assert found["what"].tolist() == ["accuracy at a load of 1 in sequences of 16"]
    (place / "capacity.json").unlink()
    assert len(compare_runs(load(asked), load(place)).facts) == 2
