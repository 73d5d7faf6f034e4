"""A reader of one's own, from its file: named on the command line, recorded with its code, never imported to report."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from untrained import a_run, keep

from runners.cli.main import main
from runners.measures import MEASURES
from runners.probe import probe
from runners.probe.readers import Ridge
from runners.results.tables import collect
from runners.storage import CorruptRun, read_record

MINE = '''
import numpy as np
from runners.probe import Ridge
from runners.probe.readers import Reader

class Signs(Ridge):
    """Ridge on the signs of a state."""

    meaning = "linear in signs"

    def learn(self, X, y, validation):
        super().learn(np.sign(X), y, (np.sign(validation[0]), validation[1]))

    def log_proba(self, X):
        return super().log_proba(np.sign(X))

class Half(Reader):
    meaning = "it cannot read"

class Blind(Signs):
    sees_state = False

class Ridge:
    """No reader, and named as one."""
'''


@pytest.fixture
def file(jobs_here, nothing_allowed, tmp_path):
    path = tmp_path / "code" / "mine.py"
    path.parent.mkdir()
    path.write_text(MINE)
    return path


def ask(place, *readers):
    return main(
        ["probe", str(place), "--readers", ",".join(readers), "--also", "--sequences", "160", "--dimension", "0"]
    )


def test_a_reader_of_a_file_is_measured_once_and_again_when_its_code_changes(file, tmp_path, monkeypatch, capsys):
    place = keep(tmp_path / "runs", a_run())
    monkeypatch.chdir(file.parent)
    assert ask(place, "mine.py:Signs", "ridge") == 0
    record = read_record(place / "probe.json")
    assert set(record["done"]) == {f"{file}:Signs", "ridge"}
    found = collect([tmp_path / "runs"]).probes
    assert set(found["reader"]) >= {"Signs", "ridge"}
    request = {"readers": [f"{file}:Signs"], "also": [], "rows": 160, "dimension": 0}
    assert MEASURES["probe"].remaining(record, request) is None
    file.write_text(MINE + "# another line\n")
    assert MEASURES["probe"].remaining(record, request)["readers"] == [f"{file}:Signs"]
    shutil.rmtree(file.parent)
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(tmp_path / "runs")]) == 0
    capsys.readouterr()
    assert main(["query", "select distinct reader from probes", str(tmp_path / "runs")]) == 0
    assert "Signs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.py:Signs", "no file none.py"),
        ("mine.py:Nothing", "has no reader 'Nothing': name a class that extends runners.probe.Reader"),
        ("mine.py:Ridge", "has no reader 'Ridge'"),
        ("mine.py:Half", "it lacks learn, log_proba"),
        ("mine.py:Blind", "sees no state"),
        ("rigde", "ridge"),
    ],
)
def test_what_is_no_reader_is_refused_in_one_sentence(file, tmp_path, monkeypatch, capsys, name, why):
    place = keep(tmp_path / "runs", a_run())
    monkeypatch.chdir(file.parent)
    assert ask(place, name) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert why in line


def test_no_stored_request_makes_a_file_run_that_was_not_allowed(file):
    request = {"readers": [f"{file}:Signs"], "also": [], "rows": 160, "dimension": 0}
    with pytest.raises((ValueError, CorruptRun), match="was not trained or allowed on this machine"):
        MEASURES["probe"].check(a_run(), request)


def test_a_class_is_a_reader_in_python():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    X = rng.normal(size=(400, 3)) + y[:, None]
    mine = type("Mine", (Ridge,), {})
    table = probe(X, y, sequences=np.arange(400), readers=["ridge", mine])
    first, second = (table[table["reader"] == name]["accuracy"].to_numpy() for name in ("ridge", "Mine"))
    assert np.array_equal(first, second)
