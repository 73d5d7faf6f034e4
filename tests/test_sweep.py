"""A sweep executes what is missing, says what it would do before, and never repeats or hides anything."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import gone
from rich.console import Console

from runners import storage
from runners.cli.compare import execute_and_show
from runners.cli.main import main
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.execution import plan
from runners.execution.engines import Event
from runners.execution.job import execute_here
from runners.execution.progress import Board, follow
from runners.execution.sweep import carry_out
from runners.studies.study import Study
from runners.studies.study_file import load_study

ROOT = Path(__file__).parent.parent
TASK = {"name": "mqar", "length": 12, "fields": {"num_pairs": 2, "num_keys": 4, "num_values": 4}}
TINY = {"updates": 5, "tokens": 128, "solve_at": 1.0}

BROKEN = """
from models.memories.linear import LinearAttention


class Broken(LinearAttention):
    def forward(self, *inputs):
        if self.training:
            raise ArithmeticError("it never worked")
        return super().forward(*inputs)
"""


def sweep(*words):
    return main(["sweep", *map(str, words)])


@pytest.fixture
def written(tmp_path):
    """Writes a study of two small memories, or of those given, and says where."""

    def write(models=("linear", "gru"), **rest):
        content = {"tasks": [TASK], "models": [{"memory": m, "width": 8} for m in models], "training": TINY, "seeds": 1}
        path = tmp_path / "tiny.json"
        path.write_text(json.dumps(content | rest))
        return path

    return write


MISTAKES = {
    "no such study": (["smok"], "smoke"),
    "no such task": (["smoke", "--tasks", "copy"], "has no task 'copy'"),
    "no such engine": (["smoke", "--engine", "slurm"], "choose one of local, ray"),
    "no runs": (["smoke", "--limit", "0"], "at least 1"),
    "no workers": (["smoke", "--workers", "0"], "at least 1"),
    "no time": (["smoke", "--time-limit", "0"], "more than 0 seconds"),
    "GPUs here": (["smoke", "--gpus", "0.5"], "--engine ray"),
    "an address here": (["smoke", "--address", "auto"], "--engine ray"),
    "no such sink": (["smoke", "--track", "nowhere"], "nowhere"),
    "no such flag": (["smoke", "--dryrun"], "--dry-run"),
}


@pytest.mark.parametrize(("words", "mend"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line_and_leaves_nothing(words, mend, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sweep(*words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert mend in said
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_tells_each_run_and_leaves_no_file(written, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plan, "LONGEST", 0.01)
    study, folder = written(), tmp_path / "runs"
    assert sweep(study, "--dry-run", "--out", folder, "--workers", 2) == 0
    shown = capsys.readouterr()
    said, beside = shown.out.splitlines(), shown.err.splitlines()
    assert beside[0].startswith("reading study")
    assert all(line.startswith("timing updates of ") for line in beside[1:])
    runs = load_study(str(study)).runs
    assert [line.split()[0] for line in said[:2]] == [run.name for run in runs]
    assert all("to train, at most" in line and "5 updates of" in line and "timed now" in line for line in said[:2])
    assert "2 to train" in said[2]
    assert "on 2 workers" in said[3]
    assert not folder.exists()


def test_a_dry_run_says_what_failed_and_why_and_counts_it_to_do_where_it_is_tried_again(
    written, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(plan, "LONGEST", 0.01)
    study = written()
    run = load_study(str(study)).runs[0]
    storage.write_failure(tmp_path, run, "took 612 MB", "memory", "", 1.0)
    before = sorted(tmp_path.iterdir())
    assert sweep(study, "--dry-run", "--out", tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{run.name}  failed: took 612 MB (--retry tries it again)"
    assert "1 failed, 1 to train" in said[2]
    assert sweep(study, "--dry-run", "--retry", "--out", tmp_path) == 0
    assert "2 to train" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == before


def test_every_line_of_a_limited_plan_says_that_it_is_for_testing_only(written, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plan, "LONGEST", 0.01)
    assert sweep(written(), "--dry-run", "--limit", 1, "--out", tmp_path / "runs") == 0
    said = capsys.readouterr().out.splitlines()
    assert all(line.endswith("(testing only: 1 of 2 runs)") for line in said)
    assert "left out" in said[1]


def test_an_update_is_as_long_as_at_the_stage_where_it_is_longest():
    curve = [
        {"stage": stage, "update": update, "seconds": seconds}
        for stage, update, seconds in [(1, 10, 1.0), (1, 20, 2.0), (2, 30, 9.0), (2, 40, 12.0), (2, 50, 14.0)]
    ]
    assert plan.slowest_stage(curve, {"seconds": 20.0, "updates": 50}) == pytest.approx(
        0.25
    )  # 5 s in 20 updates; what lies between stages is neither's
    assert plan.slowest_stage([], {"seconds": 3.0, "updates": 6}) == 0.5


def test_a_plan_takes_as_long_as_its_share_of_a_worker_and_at_least_as_its_longest_run():
    task, model = TaskSetting(**TASK), ModelSetting("linear", width=8)
    runs = [Run(task, model, Training(updates=updates)) for updates in (10, 20, 500)]
    seconds = [plan.Forecast(run.training, plan.UpdateTime(0.1, "")).seconds for run in runs]
    assert seconds == [1.0, 2.0, 50.0]
    assert plan.seconds_in_all(seconds, 1) == 53.0
    assert plan.seconds_in_all(seconds, 2) == 50.0
    assert plan.seconds_in_all([], 2) == 0


@pytest.fixture
def many():
    task, model = TaskSetting(**TASK), ModelSetting("linear", width=8)
    return Study("many", tuple(Run(task, model, seed=seed) for seed in range(60)))


def test_a_table_of_many_runs_is_no_taller_than_the_terminal(many):
    board = Board(many, 0, 60)
    for run in many.runs[:50]:
        board.take(Event(run.name, "started"))
    console = Console(width=100, height=20, force_terminal=True, color_system=None)
    with console.capture() as shown:
        console.print(board)
    lines = shown.get().splitlines()
    assert 10 < len(lines) < 20
    assert "and 35 more" in shown.get()


def test_a_board_counts_each_run_once_and_says_how_many_failed(many):
    board, names = Board(many, 10, 2), [run.name for run in many.runs]
    board.take(Event(names[0], "failed", "it failed before"))  # left alone: it never started
    for kind in ("started", "finished", "started", "finished"):  # trained, then asked more
        board.take(Event(names[1], kind))
    assert (board.finished, len(board.failed)) == (11, 1)
    assert board.line().startswith("11 of 60 runs finished, 1 failed, ")


def test_a_pipe_gets_a_line_for_each_run_that_ends_and_nothing_else(many):
    console = Console(width=100, force_terminal=False)
    events = [Event(run.name, kind) for run in many.runs[:3] for kind in ("started", "progress", "finished")]
    events.append(Event(many.runs[3].name, "failed", "no"))
    with console.capture() as shown:
        follow(events, Board(many, 0, 1, "  (testing only)"), console)
    lines = shown.get().splitlines()
    assert ["finished" in line for line in lines] == [True] * 4
    assert "failed: no" in lines[3]
    assert all(line.endswith("(testing only)") for line in lines)


@pytest.mark.slow
def test_a_sweep_finishes_what_is_missing_and_repeats_nothing(written, tmp_path, capsys):
    study, folder = written(), tmp_path / "runs"
    assert sweep(study, "--out", folder, "--limit", 1, "--workers", 1) == 0
    said = capsys.readouterr().out.splitlines()
    assert all(line.endswith("(testing only: 1 of 2 runs)") for line in said)
    assert "1 of 2 runs finished, 0 failed, 1 left" in said[-1]
    (first,) = folder.glob("*/run.json")
    before = first.stat().st_mtime_ns
    assert sweep(study, "--out", folder) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 of 2 runs finished, 0 failed: `recall report ")
    assert sweep(folder) == 0  # the folder names its study
    (line,) = capsys.readouterr().out.splitlines()
    assert line == f"2 of 2 runs finished, 0 failed: `recall report {folder}` shows them"
    assert first.stat().st_mtime_ns == before


def test_a_clock_set_back_spoils_no_folder(written, tmp_path, monkeypatch, capsys):
    clock = itertools.count(2e9, -7200.0)
    monkeypatch.setattr(time, "time", lambda: next(clock))
    study = load_study(str(written(["linear"])))
    list(carry_out(study, tmp_path / "runs", execute_here, "recall sweep"))
    assert storage.load_study(tmp_path / "runs")["seconds"] >= 0


def test_a_run_that_its_guard_stops_goes_on_by_the_same_command_and_the_first_screen_says_so(
    written, tmp_path, monkeypatch, capsys
):
    study = load_study(str(written(training=TINY | {"updates": 2, "seconds": 1e-9})))
    monkeypatch.setattr("runners.cli.compare.execute", lambda jobs, workers: execute_here(jobs))
    assert [execute_and_show(study, tmp_path / "runs", "recall compare") for _ in range(2)] == [1, 0]
    said = capsys.readouterr().out
    assert said.count("2 of 2 runs stopped by a limit of time: the same command goes on") == 1


@pytest.mark.slow
def test_a_failed_run_is_kept_with_its_reason_and_tried_again_on_request(written, tmp_path, capsys):
    (tmp_path / "broken.py").write_text(BROKEN)
    study, folder = written([f"{tmp_path}/broken.py:Broken", "linear"]), tmp_path / "runs"
    for words, attempts in (((), 1), ((), 1), (("--retry",), 2)):
        assert sweep(study, "--out", folder, "--workers", 1, *words) == 1
        said = capsys.readouterr().out
        assert "it never worked" in said
        assert "1 of 2 runs finished, 1 failed" in said
        assert f"recall sweep {study}" in said.splitlines()[-1]
        assert "--retry" in said.splitlines()[-1]
        (failure,) = folder.glob("*.failed.json")
        kept = storage.read_record(failure)
        assert (kept["kind"], kept["attempts"]) == ("error", attempts)
        assert "Traceback" in kept["log"]


@pytest.mark.slow
def test_a_projection_is_right_within_a_factor(written, tmp_path, capsys):
    study = written(["linear"], training=TINY | {"updates": 150, "tokens": 1024}, tasks=[TASK | {"length": 64}])
    plans = plan.plan_runs(load_study(str(study)), tmp_path / "runs")
    ((planned, forecast),) = plan.forecasts(plans, tmp_path / "runs")
    assert forecast
    assert sweep(study, "--out", tmp_path / "runs", "--workers", 1) == 0
    run = planned.run
    took = storage.load_result(tmp_path / "runs" / run.name)["outcome"]["seconds"]
    assert took / 3 < forecast.seconds < 3 * took
    ((_, update),) = plan.measured_times(tmp_path / "runs", [run])
    assert took / 2 < 150 * update.seconds < 2 * took
    assert update.source == "measured in 1 finished run"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_an_interrupted_sweep_says_how_to_go_on_and_leaves_no_process(written, tmp_path):
    never = {"updates": 10**6, "seconds": 100.0, "learning_rate": 1e-9}  # solved, so that both are interrupted
    study = written(training=TINY | never)
    words = [sys.executable, "-m", "runners", "sweep", str(study), "--out", str(tmp_path / "runs")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
    for _ in range(300):
        if len(list(tmp_path.glob("runs/.*.lock"))) == 2:
            break
        time.sleep(0.1)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    parent.send_signal(signal.SIGINT)
    said, _ = parent.communicate(timeout=30)
    assert parent.returncode == 130
    assert f"recall sweep {study}" in said
    assert len(children) >= 2
    assert gone(children)
