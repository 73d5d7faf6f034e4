"""A wheel has one name at its top and does all that a checkout does; what is written for one runs in the other."""

import importlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from house_rules import modules, source

from hatch_build import in_package
from runners.cli import extra
from runners.cli.main import main
from runners.execution import provenance

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SOURCE = '''"""é from models import it"""
from models import MEMORIES; from models.memory import Memory
from ..models import near
from modelsx import far
import torch, runners.compare as compare
def later():
    from runners.probe import (
        probe,
    )
    return "from models import MEMORIES"
'''


def test_an_import_moves_at_its_place_and_nothing_else_does():
    moved = SOURCE.replace(
        "from models import MEMORIES; from models.",
        "from recall_tasks.models import MEMORIES; from recall_tasks.models.",
    )
    moved = moved.replace(" runners.", " recall_tasks.runners.")
    assert in_package(SOURCE.encode()).decode() == moved
    assert in_package(moved.encode()).decode() == moved
    for unmoved in (b"import models.memory\n", b"import runners\n", b"from  models import x\n"):
        with pytest.raises(ValueError, match="f:1: "):
            in_package(unmoved, "f")


def test_no_string_names_a_module_that_has_another_name_in_a_wheel():
    for module in modules():
        assert not re.search(r"""["'](models|runners)\.[\w.]+["']""", source(module)), module


@pytest.mark.parametrize("name", ["models", "models.memories.linear", "runners", "runners.cli.main"])
def test_either_name_of_a_module_is_one_module(name):
    module = importlib.import_module(name)
    assert importlib.import_module(f"recall_tasks.{name}") is module
    assert module.__name__ == module.__spec__.name == name
    with pytest.raises(ModuleNotFoundError, match=rf"recall_tasks\.{name}\.nothing"):
        importlib.import_module(f"recall_tasks.{name}.nothing")


def test_the_checkout_runs_the_modules_by_their_names_in_a_wheel():
    words = [sys.executable, "-W", "error", "-m", "recall_tasks.runners", "--version"]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.startswith("recall_tasks")


def test_an_editable_install_tells_type_checkers_of_the_second_names(tmp_path):
    build = "import sys, hatchling.build as b; b.build_editable(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as content:
        assert content.read("recall_tasks-stubs/models/memory.pyi") == b"from models.memory import *\n"
        assert content.read("recall_tasks-stubs/runners/probe/__init__.pyi") == b"from runners.probe import *\n"
        assert not [name for name in content.namelist() if name.startswith("recall_tasks/")]


def test_the_extra_is_what_the_project_says():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["lab"]
    names = {re.split(r"[^a-z-]", word)[0] for word in wanted} - {"recall-tasks"}
    assert set(extra.LAB) == {name.replace("scikit-learn", "sklearn") for name in names}


def test_a_command_without_its_extra_says_in_one_line_what_installs_it(monkeypatch, capsys):
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "seaborn" else name)
    for words in ("compare --preset demo", "probe runs", "ls figures"):
        assert main(words.split()) == 2
        assert capsys.readouterr().err.strip().endswith('pip install "recall-tasks[lab]" (not installed: seaborn)')
    assert main(["ls"]) == 0
    listed = capsys.readouterr()
    assert "mqar" in listed.out
    assert "grm" in listed.out
    assert listed.err == 'presets, readers, figures are listed after pip install "recall-tasks[lab]"\n'


def test_a_run_from_a_wheel_names_no_commit(monkeypatch):
    monkeypatch.setattr(provenance, "CHECKOUT", None)
    assert provenance.commit() == ""


@pytest.mark.wheel
def test_a_wheel_in_an_empty_environment_does_what_the_checkout_does(tmp_path):
    def call(*words: str | Path, status: int = 0) -> str:
        ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert ran.returncode == status, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    build = (sys.executable, "-m", "build", "--no-isolation", ROOT, "--outdir")
    call(*build, tmp_path)
    call(*build, tmp_path / "direct", "--wheel")
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.read_bytes() == (tmp_path / "direct" / wheel.name).read_bytes(), "the sdist lacks something"
    with zipfile.ZipFile(wheel) as content:
        tops = {name.partition("/")[0] for name in content.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"recall_tasks"}

    (tmp_path / "models.py").write_text("RATE = 0.9")  # of another project
    call(sys.executable, "-m", "venv", tmp_path / "empty")
    python, recall = (tmp_path / "empty" / "bin" / name for name in ("python", "recall"))
    install = (python, "-m", "pip", "install", "--no-compile", "-c", ROOT / "constraints.txt")
    call(*install, wheel)
    assert call(recall, "show", "mqar", "--length", "32").count("checksum") == 1
    assert "gated_delta" in call(recall, "ls", "memories")
    call(recall, "export", "mqar", "--out", "rows.npz", "--rows", "4")
    play = "import gymnasium as g; e = g.make('recall_tasks:recall/MQAR-v0', length=32); print(e.reset(seed=1)[1]['t'])"
    assert call(python, "-c", play).strip() == "0"
    assert 'pip install "recall-tasks[lab]"' in call(recall, "compare", "--preset", "smoke", status=2)

    call(*install, f"{wheel}[lab]")
    call(recall, "compare", "--preset", "smoke")
    assert "linear" in (tmp_path / "runs" / "smoke" / "report.html").read_text()
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "class Fade" in block)
    example = example.replace("updates=120", "updates=2").replace("0.9 * M.S", "RATE * M.S")
    (tmp_path / "fading.py").write_text(f"from models import RATE\n{example}")
    assert "fading" in call(python, "fading.py")
    call(recall, "train", "mqar", "fading.py:Fading", "--length", "32", "--updates", "2", "--out", "runs/fading")
    assert "3 runs verified" in call(recall, "verify", "runs/fading")
    assert "usage" in call(python, "-m", "recall_tasks.runners.examples.actor_critic", "--help")
