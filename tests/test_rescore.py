"""Every score follows from the answers kept and the rows drawn again, and what does not is found."""

import shutil

import numpy as np
import pytest
import scipy.special
from untrained import a_run, keep

from runners import storage
from runners.cli import main, verify
from runners.evaluation.scored_table import SCORES
from runners.execution.run_job import measure_run
from runners.measures import MEASURES
from runners.results.rescore import differences, rescore

LADDER = {"ladder": [1, 2], "rows": 8}
ASKED = {
    "extrapolation": [LADDER, LADDER | {"mode": "growing load"}, LADDER | {"mode": "fixed distance", "distance": 5}],
    "capacity": {"loads": [1, 2, 4], "rows": 8},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with every measure that keeps answers, as workers write them."""
    place = keep(tmp_path_factory.mktemp("whole"), a_run())
    measure_run(str(place), ASKED, lambda said: None)
    return place


@pytest.fixture
def place(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / whole.name)


def change(place, name, edit):
    """Edit a record and seal it again."""
    record = storage.read_record(place / name)
    edit(record)
    storage.write_record(place / name, record)


def say_again(place, edit):
    """Edit the answers of the test and seal them again."""
    tensors = storage.load_tensors(place, "outputs", storage.load_result(place)["outputs"])
    edit(tensors)
    digest = storage.write_tensors(place, "outputs", tensors)
    change(place, "result.json", lambda record: record.update(outputs=digest))


def test_a_run_is_what_its_answers_say(place):
    assert rescore(place) == []
    measure_run(str(place), {"extrapolation": {"ladder": [2, 4], "rows": 12}}, lambda said: None)
    assert rescore(place) == []


def test_the_last_digit_of_a_quantile_is_no_mistake(place, monkeypatch):
    exact = scipy.special.stdtrit
    monkeypatch.setattr(scipy.special, "stdtrit", lambda *given: np.nextafter(exact(*given), np.inf))
    assert rescore(place) == []


def test_fields_and_tasks_of_every_kind_are_worked_out_again(tmp_path):
    for run in (a_run("window", window=3, pairs=1), a_run("gru", seed=2, pairs=3)):
        assert rescore(keep(tmp_path, run, ladder=(1, 3))) == []


@pytest.mark.parametrize(
    ("name", "table"),
    [
        *(("result.json", table) for table in ("scores", "distances", "breakdown", "sequences")),
        *(("extrapolation.json", table) for table in ("scores", "distances", "sequences")),
        *(("capacity.json", table) for table in ("capacity", "capacity_sequences")),
    ],
)
def test_every_number_that_is_changed_is_found_to_its_last_digit(place, name, table):
    kept = (
        "length",
        "load",
        "mode",
        "num_sequences",
        "sequence",
        "by",
        "family",
    )  # which test it is, and what is no number
    numbers = {k: v for k, v in storage.read_record(place / name)[table][-1].items() if k not in kept}
    run, record = storage.load_run(place), storage.load_record(place / name, {})
    files = record["outputs"] if name != "result.json" else [{"name": "outputs", "digest": record["outputs"]}]
    kept = {}
    for file in files:
        kept |= storage.load_tensors(place, file["name"], file["digest"])
    for field in list(numbers)[:: max(1, len(numbers) // 3)]:
        value = numbers[field]
        other = value + (1e-8 if isinstance(value, float) else 1)
        record[table][-1][field] = other
        tables = (SCORES,) if name == "result.json" else MEASURES[name.removesuffix(".json")].scored_tables()
        (line,) = differences(run, tables, record, kept)
        assert f"{field} is {other}, the answers give {value}" in line
        record[table][-1][field] = value


@pytest.mark.parametrize("table", ["result.json", "capacity.json"])
def test_an_older_run_has_the_bytes_of_its_last_state(place, table):
    def edit(record):
        for one in record["capacity" if "capacity" in record else "scores"]:
            del one["state_bytes_at_end"]
            one |= {"state_bytes": 4, "ceiling": 0.1}

    change(place, table, edit)
    assert rescore(place) == []


def test_a_row_that_is_left_out_is_found(place):
    change(place, "result.json", lambda record: record["sequences"].pop())
    (line,) = rescore(place)
    assert "23 rows, the answers give 24" in line


def test_another_answer_is_found(place):
    def edit(tensors):
        right = tensors["test/predicted"] == tensors["test/answers"]
        tensors["test/predicted"][right] = 0

    assert (storage.load_result(place)["scores"][0]["accuracy"]) > 0
    say_again(place, edit)
    assert any("accuracy" in line for line in rescore(place))


@pytest.mark.parametrize("name", ["answers", "queries", "origins"])
def test_questions_that_the_task_does_not_ask_are_found(place, name):
    def edit(tensors):
        tensors[f"test/{name}"][0, 0] += 1

    say_again(place, edit)
    assert rescore(place) == ["at 16 tokens no answers are saved to the questions of its task"]


def test_answers_made_right_after_the_fact_are_found(place):
    say_again(place, lambda tensors: tensors["test/answers"].copy_(tensors["test/predicted"]))
    assert rescore(place) == ["at 16 tokens no answers are saved to the questions of its task"]


def test_another_checksum_is_found(place):
    change(place, "result.json", lambda record: record.update(checksum="0" * 12))
    (line,) = rescore(place)
    assert "checksum 000000000000" in line


def test_a_missing_tensor_is_found(place):
    say_again(place, lambda tensors: tensors.pop("test/predicted"))
    with pytest.raises(ValueError, match="lack 'test/predicted'"):
        rescore(place)


def recall(capsys, *words):
    try:
        status = verify.run([str(word) for word in words])
    except main.Mistake as mistake:
        return 2, " ".join(str(mistake).split())
    return status, capsys.readouterr().out


def test_the_command_counts_and_names(place, capsys):
    keep(place.parent / "deep", a_run(seed=1))
    assert recall(capsys, place.parent) == (0, "2 runs verified\n")
    next(place.glob("outputs-extrapolation*.safetensors")).write_bytes(b"")
    status, out = recall(capsys, place.parent)
    assert status == 1
    first, last = out.splitlines()
    assert first.startswith(f"{place.name}: ")
    assert "damaged" in first
    assert last == "1 run verified, 1 not"


@pytest.mark.parametrize(
    "name", ["run.json", "result.json", "weights.safetensors", "outputs.safetensors", "capacity.json"]
)
def test_every_file_is_held_against_its_digest(place, capsys, name):
    content = bytearray((place / name).read_bytes())
    content[len(content) // 2] ^= 1
    (place / name).write_bytes(content)
    status, out = recall(capsys, place)
    assert status == 1
    assert len(out.splitlines()) == 2
    assert "0 runs verified, 1 not" in out


def test_a_run_without_answers_is_not_called_verified(place, capsys):
    change(place, "result.json", lambda record: record.pop("outputs"))
    status, out = recall(capsys, place)
    assert status == 1
    assert "no answers are saved" in out


def test_no_run_is_a_mistake(tmp_path, capsys):
    assert recall(capsys, tmp_path)[0] == 2
