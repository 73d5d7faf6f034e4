"""A task of one's own, from its file: checked, trained on, reported; its code is part of what a run is."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import gymnasium
import pytest

from recall_tasks import TASKS
from recall_tasks.environments import register_task
from runners import storage
from runners.cli.main import main
from runners.compare import compare
from runners.config import custom_code
from runners.config.custom_tasks import adopt_task, is_task, task_kind
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.results.tables import collect

FIRST = Path(__file__).with_name("custom_task.py").read_text()
TINY = ["--length", "8", "--width", "8", "--updates", "3", "--tokens", "64"]


@pytest.fixture
def file(jobs_here, nothing_allowed, tmp_path):
    path = tmp_path / "code" / "mytask.py"
    path.parent.mkdir()
    path.write_text(FIRST)
    return path


def a_run(file):
    return Run(
        TaskSetting(f"{file}:First", 8), ModelSetting("linear", width=8, layers=1), Training(updates=3, tokens=64)
    )


def test_a_task_is_told_from_a_memory_without_importing_its_file(file):
    file.write_text(FIRST + "\nraise SystemExit\nclass Net(torch.nn.Module): ...\n")
    found = {name: is_task(f"{file}:{name}") for name in ("First", "Second", "Abstract", "Mine", "Net", "Nothing")}
    assert [name for name, task in found.items() if task] == ["First", "Second", "Abstract"]
    assert all(map(is_task, TASKS))
    assert not is_task("linear")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("First.py:First", "no file First.py"),
        ("mytask.py:Nothing", "has no task 'Nothing': name a class that extends recall_tasks.Task"),
        ("mytask.py:Mine", "has no task 'Mine'"),
        ("mytask.py:Abstract", "it lacks answers, check_fields, draw"),
        ("mytask.py:mqar", "mqar is a registered task: give mqar a name of its own"),
        ("mpar", "did you mean mqar"),
    ],
)
def test_what_is_no_task_is_refused_in_one_sentence(file, monkeypatch, name, why, capsys):
    monkeypatch.chdir(file.parent)
    with pytest.raises(ValueError, match=why):
        task_kind(name)
    assert main(["show", name]) == 2
    assert why in capsys.readouterr().err


def test_other_code_is_another_run_and_defaults_are_recorded(file):
    run = a_run(file)
    assert run.to_json()["task"] == {"name": f"{file}:First", "length": 8, "fields": {"num_values": 3}}
    assert Run.from_json(run.to_json()).identity == run.identity
    file.write_text(FIRST + "# another line\n")
    assert a_run(file).identity != run.identity
    assert a_run(file).name.startswith("First-8-linear-s0-")


def test_check_says_what_holds_and_what_fails(file, capsys):
    assert main(["check", f"{file}:First", "mqar:num_pairs=4", "--length", "16"]) == 0
    assert main(["check", f"{file}:Second"]) == 1
    said = capsys.readouterr().out
    assert "FAILS" in said
    assert "let read() answer what draw() asks" in said


def test_a_task_that_breaks_its_contract_is_refused_before_training(file, tmp_path, capsys):
    assert main(["train", f"{file}:Second", "linear", *TINY, "--out", str(tmp_path / "runs")]) == 1
    assert "the oracle scores" in capsys.readouterr().out
    assert not list((tmp_path / "runs").glob("*/run.json"))


@pytest.mark.slow
def test_from_its_first_run_to_its_report(file, tmp_path, capsys):
    folder = str(tmp_path / "runs")
    words = [f"{file}:First", "linear", *TINY, "--num-values", "2,3", "--seeds", "1", "--out", folder]
    assert main(["compare", *words]) == 0
    (one, two) = sorted(place.parent for place in (tmp_path / "runs").glob("*/run.json"))
    assert main(["extrapolate", folder, "--ladder", "1,2", "--sequences", "8"]) == 0
    assert main(["probe", str(one), "--sequences", "160"]) == 0
    assert main(["verify", folder]) == 0
    assert main(["diff", str(one), str(two)]) == 0
    assert main(["report", folder]) == 0
    capsys.readouterr()
    assert main(["query", "select distinct task from scores order by 1", folder]) == 0
    assert "First, num values 2" in capsys.readouterr().out
    assert set(collect([tmp_path / "runs"]).scores["axis_num_values"]) == {2, 3}


def test_no_record_makes_a_file_run_that_was_not_trained_or_allowed_here(file, tmp_path, capsys, monkeypatch):
    assert main(["train", f"{file}:First", "linear", *TINY, "--out", str(tmp_path / "runs")]) == 0
    (place,) = [path.parent for path in (tmp_path / "runs").glob("*/run.json")]
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setenv(custom_code.ALLOWED, "")
    with pytest.raises(storage.CorruptRun, match=r"mytask\.py, which was not trained or allowed on this machine"):
        storage.load_run(place)
    assert main(["allow", str(file)]) == 0
    assert storage.load_run(place).task.task.num_values == 3
    file.write_text(FIRST + "# another line\n")
    with pytest.raises(storage.CorruptRun, match="trained with other code"):
        storage.load_run(place)


def test_a_task_of_a_script_is_found_again_by_its_file(file, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(file.parent))
    import mytask

    try:
        training = Training(updates=3, tokens=64)
        model = {"one": "linear"}
        compare([mytask.First()], model, 8, 1, tmp_path / "runs", training=training, ladder=(1,))
        (place,) = [path.parent for path in (tmp_path / "runs").glob("*/run.json")]
        assert storage.load_run(place).task.name == f"{file}:First"
        made = type("Made", (mytask.First,), {})
        compared = compare([made()], model, 8, 1, tmp_path / "other", training=training, ladder=(1,))
        assert set(compared.results.scores["task"]) == {"Made"}
        (place,) = [path.parent for path in (tmp_path / "other").glob("*/run.json")]
        assert storage.load_run(place).task.name.startswith("<session-")
        monkeypatch.setattr("runners.config.custom_code.ADOPTED", {})
        monkeypatch.setattr("runners.config.session_code.HANDED_OVER", set())
        with pytest.raises(storage.CorruptRun, match="Made was handed over in a session"):
            storage.load_run(place)
    finally:
        del sys.modules["mytask"]


def test_a_registered_class_is_an_environment(file):
    kind = task_kind(f"{file}:First")
    assert register_task(kind) == register_task(kind) == "recall/First-v0"
    env = gymnasium.make("recall/First-v0", length=8, num_values=2)
    env.reset(seed=0)
    rewards = [env.step(0)[1] for _ in range(8)]
    assert env.unwrapped.setting.task == kind(num_values=2)
    assert sum(rewards) in (0.0, 1.0)
    assert gymnasium.make_vec("recall/First-v0", num_envs=2, vectorization_mode="vector_entry_point").num_envs == 2
    with pytest.raises(ValueError, match="takes the class of a task"):
        register_task(kind())


def test_what_counts_of_a_class_passed_to_compare_is_the_code_that_was_imported(file, monkeypatch):
    monkeypatch.syspath_prepend(str(file.parent))
    monkeypatch.setattr("runners.config.custom_code.ADOPTED", {})
    import mytask

    try:
        assert adopt_task(mytask.First) == f"{file}:First"
        before = a_run(file).identity
        file.write_text(FIRST + "# edited, and not imported again\n")
        assert a_run(file).identity == before
        assert adopt_task(mytask.First) == f"{file}:First"
        assert a_run(file).identity == before
    finally:
        del sys.modules["mytask"]
