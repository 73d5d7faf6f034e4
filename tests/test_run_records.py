"""Records are bound to their run and checked to their leaves: what does not fit is one sentence, never a traceback."""

import copy
import shutil
import xml.etree.ElementTree as ET

import pytest
from synthetic import DECAY, FLOATS, SKILL, synthetic
from untrained import a_run, keep

from runners import storage
from runners.execution.run_job import measure_run
from runners.figures import FIGURES
from runners.figures.saving import svg_file
from runners.report import report, write_report
from runners.results.loader import load
from runners.results.query import query_tables
from runners.results.tables import Results

OTHERS = {"states": {"rows": 2}, "capacity": {"loads": [1], "rows": 4}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs of a folder, of two memories, with records of three measures."""
    folder = tmp_path_factory.mktemp("runs")
    for memory in ("linear", "gru"):
        measure_run(str(keep(folder, a_run(memory), ladder=(1,))), OTHERS, lambda message: None)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "runs")


RECORDS = ("run.json", "result.json", "extrapolation.json", "states.json", "capacity.json")


@pytest.mark.parametrize("name", RECORDS)
def test_records_exchanged_between_two_runs_are_refused(folder, name):
    places = storage.find_runs([folder])
    contents = [(place / name).read_bytes() for place in places]
    for place, content in zip(places, reversed(contents), strict=True):
        (place / name).write_bytes(content)
    with pytest.raises(storage.CorruptRun, match="another run"):
        load(places)
    assert len(query_tables([folder]).damaged) == 2


def test_the_settings_of_an_older_run_are_bound_by_its_name(folder):
    one, other = storage.find_runs([folder])
    contents = [storage.load_settings(place) for place in (one, other)]
    storage.write_record(one / "run.json", contents[0])
    assert storage.load_settings(one) == contents[0]
    storage.write_record(one / "run.json", contents[1])
    with pytest.raises(storage.CorruptRun, match="another run"):
        storage.load_settings(one)


def test_a_copy_of_a_run_counts_once(folder):
    one, _ = storage.find_runs([folder])
    shutil.copytree(one, folder / "copy")
    found = query_tables([folder])
    assert found.tables["runs"].num_rows == 2
    assert len(found.damaged) == 1


def test_a_number_that_is_always_there_is_not_null(folder):
    """A mean would leave it out, and still say how many seeds it is of."""
    place = storage.find_runs([folder])[0]
    content = storage.read_record(place / "result.json")
    content["scores"][0]["accuracy"] = None
    (place / "result.json").write_bytes(storage.record_bytes(content))
    assert "scores.0.accuracy cannot be null" in load([place], strict=False).damaged[0]


def leaves(value, place=()):
    """Places of all leaves; of a list, those of its first value."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    found = [leaf for key, inner in items for leaf in leaves(inner, (*place, key))]
    return found or [place]


@pytest.mark.parametrize("name", RECORDS)
def test_a_leaf_of_another_type_is_named_with_its_file(folder, name):
    place = storage.find_runs([folder])[0]
    content = storage.read_record(place / name)
    unread = ("machine", "fields", "options", "training", "memoryless", "position", "recency", "checksum")
    for leaf in leaves(content):
        changed = copy.deepcopy(content)
        inside = changed
        for key in leaf[:-1]:
            inside = inside[key]
        for wrong in ([1], 1 if isinstance(inside[leaf[-1]], str) else "a"):
            inside[leaf[-1]] = wrong
            (place / name).write_bytes(storage.record_bytes(changed))
            lines = load([place], strict=False).damaged
            assert all(str(place / name) in line and str(leaf[-1]) in line for line in lines)
            assert len(lines) == 1 or set(leaf) & set(unread), leaf


def test_a_report_that_cannot_be_written_leaves_the_one_before_whole(tmp_path, monkeypatch):
    write_report(Results({"name": "one"}), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(results):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "provenance", full)
    with pytest.raises(storage.FullDisk, match="no room is left"):
        write_report(Results({"name": "two"}), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_label_may_hold_any_letter(monkeypatch):
    labels = ["a \"b\" 'c' & <d>", "$x_1^2\\frac$", "_under"]
    for of_memory in (SKILL, FLOATS, DECAY):
        for label in labels:
            monkeypatch.setitem(of_memory, label, of_memory["gru"])
    table = FIGURES["length"].table(synthetic(labels, 1, ["mqar"]))
    drawn = "".join(ET.fromstring(svg_file(FIGURES["length"].plot(table))).itertext())
    assert all(label in drawn for label in labels)
