"""A sink shows what happened, and whatever becomes of it, nothing happens to a run."""

import importlib.util
import sys
from types import ModuleType

import pytest
from untrained import a_run, keep

from runners import trackers
from runners.execution.engines import Event
from runners.trackers import SINKS, open_sinks
from runners.training.loop import Progress

RUNS = [a_run(seed=seed) for seed in range(3)]
POINTS = [Progress(update, 160 * update, update / 10, 1, 1, 16, 2, 2 / update, update / 100) for update in (10, 20)]


def play(trackers, folder):
    """Two runs side by side; the first finishes, the second fails; the third was finished before."""
    for run in (RUNS[0], RUNS[2]):
        keep(folder, run, ladder=(1, 2))
    events = [Event(run.name, "started") for run in RUNS[:2]]
    events += [Event(run.name, "progress", point) for point in POINTS for run in RUNS[:2]]
    events += [Event(RUNS[0].name, "progress", "testing longer rows"), Event(RUNS[0].name, "finished", RUNS[0].name)]
    events += [Event(RUNS[1].name, "failed", "it died"), Event(RUNS[2].name, "finished", RUNS[2].name)]
    runs = {run.name: run for run in RUNS}
    for event in events:
        for tracker in trackers:
            tracker.take(event, runs[event.job])


@pytest.fixture
def invented(monkeypatch):
    """A sink that writes down what it is told, and breaks where `breaks` says."""

    class Sink:
        told, breaks = [], ""

        def __init__(self, where, study, folder):
            self.note("opened", where, study)

        def note(self, *words):
            Sink.told.append(words)
            if words[0] == Sink.breaks:
                raise RuntimeError("no\nnetwork")

        def point(self, run, progress):
            self.note("point", run.seed, progress.update)

        def finished(self, run, scores):
            self.note("finished", run.seed, [(score["kind"], score["length"]) for score in scores])

        def failed(self, run, reason):
            self.note("failed", run.seed, reason)

        def close(self):
            self.note("closed")

    Sink.told, Sink.breaks = [], ""
    module = ModuleType("runners.trackers.invented")
    module.Sink = Sink
    monkeypatch.setitem(sys.modules, "runners.trackers.invented", module)
    monkeypatch.setitem(SINKS, "invented", "")
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: module)
    return Sink


def test_a_sink_is_told_of_points_scores_and_failures(tmp_path, invented):
    with open_sinks(["invented:there"], "a study", tmp_path) as opened:
        play(opened, tmp_path)
    lengths = [("test", 16), ("extrapolation", 16), ("extrapolation", 32)]
    assert invented.told == [
        ("opened", "there", "a study"),
        ("point", 0, 10), ("point", 1, 10), ("point", 0, 20), ("point", 1, 20),
        ("finished", 0, lengths), ("failed", 1, "it died"), ("finished", 2, lengths), ("closed",),
    ]  # fmt: skip


@pytest.mark.parametrize("breaks", ["point", "finished", "failed", "closed"])
def test_an_error_of_a_sink_is_told_once_and_stops_nothing(tmp_path, invented, capsys, breaks):
    invented.breaks = breaks
    with open_sinks(["invented"], "s", tmp_path) as opened:
        play(opened, tmp_path)
    assert capsys.readouterr().err == "recall: invented is not updated any more, the runs go on: no network\n"
    assert [words[0] for words in invented.told].count(breaks) == 1
    assert invented.told[-1][0] == breaks


def test_an_interrupted_sweep_closes_its_sinks(tmp_path, invented):
    with pytest.raises(KeyboardInterrupt), open_sinks(["invented"], "s", tmp_path):
        raise KeyboardInterrupt
    assert invented.told[-1] == ("closed",)


def test_what_cannot_be_opened_is_one_line_before_anything_starts(tmp_path, invented, monkeypatch):
    invented.breaks = "opened"
    with (
        pytest.raises(ValueError, match=r"^invented does not start: no network$"),
        open_sinks(["invented"], "s", tmp_path),
    ):
        raise AssertionError("it started")
    with (
        pytest.raises(ValueError, match="unknown sink 'wandbe': did you mean wandb"),
        open_sinks(["wandbe"], "s", tmp_path),
    ):
        raise AssertionError("it started")
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="wandb is not installed: pip install"), open_sinks(["wandb:x"], "s", tmp_path):
        raise AssertionError("it started")


def test_a_sink_that_fails_to_open_closes_those_before_it(tmp_path, invented):
    with pytest.raises(ValueError, match="unknown sink"), open_sinks(["invented", "nothing"], "s", tmp_path):
        raise AssertionError("it started")
    assert invented.told[-1] == ("closed",)


def test_no_sink_is_imported_unless_it_is_named(tmp_path, monkeypatch):
    for name in SINKS:
        monkeypatch.delitem(sys.modules, f"runners.trackers.{name}", raising=False)
    with open_sinks([], "s", tmp_path) as opened:
        assert opened == []
    assert not [name for name in SINKS if f"runners.trackers.{name}" in sys.modules]


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_reads_curves_and_scores_back(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with open_sinks([f"tensorboard:{tmp_path / 'board'}"], "s", tmp_path) as opened:
        play(opened, tmp_path)
    assert {path.name for path in (tmp_path / "board").iterdir()} == {run.name for run in RUNS}
    read = {}
    for run in RUNS:
        read[run.name] = EventAccumulator(str(tmp_path / "board" / run.name)).Reload()
    curve = read[RUNS[1].name].Scalars("train/accuracy")
    assert [(point.step, point.value) for point in curve] == [(10, pytest.approx(0.1)), (20, pytest.approx(0.2))]
    scores = trackers.scores_of(tmp_path / RUNS[0].name)
    ladder = read[RUNS[0].name].Scalars("extrapolation/accuracy")
    assert [(point.step, point.value) for point in ladder] == [
        (score["length"], pytest.approx(score["accuracy"])) for score in scores[1:]
    ]
    assert "failed/text_summary" in read[RUNS[1].name].Tags()["tensors"]


@pytest.mark.skipif(importlib.util.find_spec("trackio") is None, reason="trackio is not installed")
def test_trackio_keeps_curves_and_scores(tmp_path, monkeypatch, capsys):
    import sqlite3

    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "kept"))
    with open_sinks(["trackio:project"], "s", tmp_path) as opened:
        play(opened, tmp_path)
    (database,) = (tmp_path / "kept").glob("project*.db")
    told = sqlite3.connect(database).execute("select run_name, step from metrics").fetchall()
    assert {(run.name, point.update) for run in RUNS[:2] for point in POINTS} <= set(told)
    assert RUNS[2].name in {name for name, _ in told}
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
def test_wandb_keeps_curves_and_scores_offline(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "offline")
    with open_sinks(["wandb:project"], "s", tmp_path) as opened:
        play(opened, tmp_path)
    for run, words in zip(
        RUNS, ([b"train/loss", b"test/16/accuracy"], [b"train/loss", b"it died"], [b"test/16/low"]), strict=True
    ):
        (kept,) = (tmp_path / "wandb").glob(f"offline-run-*-{run.identity}/*.wandb")
        assert all(word in kept.read_bytes() for word in words)
    assert capsys.readouterr() == ("", "")
