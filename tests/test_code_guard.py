"""Nobody's code runs on the word of a record but the user's own, as it was when he trained or allowed it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from models.memories.linear import LinearAttention
from runners import storage
from runners.cli.main import main
from runners.config import brought_files, custom_code, installed_modules
from runners.config.custom_code import adopt, allow, load_memory, source_digest
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.measures.swap import swapped_run
from runners.storage import CorruptRun
from runners.storage.records import read_record, write_record
from runners.studies.study import Study
from runners.studies.study_file import load_study

CODE = """
from pathlib import Path
from models.memories.linear import Additive
from models.recurrent import Recurrent
Path(__file__).with_name("imported").touch()
class Mine(Recurrent):
    kind = Additive
Other = type("Other", (Mine,), {})
if True:
    def made():
        class Local(Mine):
            pass
        return Local
exec("class Hidden(Mine): pass")
if __name__ == "__main__":
    print("a script")
"""
Place = tuple[Path, Path]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A run of a memory in a file, on a machine that never saw either: the run's directory and the file."""
    monkeypatch.setattr(custom_code, "ADOPTED", {})
    monkeypatch.setenv("RECALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(custom_code.ALLOWED, raising=False)
    file = tmp_path / "code" / "mine.py"
    file.parent.mkdir()
    file.write_text(CODE)
    run = Run(TaskSetting("mqar", 12, {"num_pairs": 2}), ModelSetting(f"{file}:Mine", width=8))
    place = storage.write_run(tmp_path / "runs", run, {}, dict(run.build().state_dict()))
    brought_files._module.cache_clear()
    file.with_name("imported").unlink()
    return place, file


def is_imported(file: Path) -> bool:
    return file.with_name("imported").exists()


def change(record: Path, **content: Any) -> None:
    write_record(record, read_record(record) | content)


def test_code_named_by_a_record_is_imported_once_it_is_allowed(trained: Place, capsys: pytest.CaptureFixture) -> None:
    place, file = trained
    with pytest.raises(CorruptRun, match=rf"not trained or allowed .* `recall allow {file}`"):
        storage.load_run(place)
    assert not is_imported(file)
    assert main(["allow", str(file)]) == 0
    storage.load_run(place)
    assert is_imported(file)
    assert main(["allow", str(place)]) == 2


@pytest.mark.parametrize(("answer", "works"), [("y", True), ("", False)])
def test_at_a_terminal_the_user_is_asked(
    trained: Place, monkeypatch: pytest.MonkeyPatch, answer: str, works: bool
) -> None:
    place, file = trained
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    if works:
        storage.load_run(place)
    else:
        with pytest.raises(CorruptRun, match="recall allow"):
            storage.load_run(place)
    assert is_imported(file) is works


def test_a_file_that_changed_is_refused_before_it_is_imported(trained: Place) -> None:
    place, file = trained
    file.write_text(CODE + "\n# more\n")
    allow(f"{file}:Mine")
    with pytest.raises(CorruptRun, match="trained with other code"):
        storage.load_run(place)
    assert not is_imported(file)


def test_what_a_script_does_when_it_is_run_is_no_part_of_a_memory(trained: Place) -> None:
    place, file = trained
    allow(f"{file}:Mine")
    before = source_digest(f"{file}:Mine")
    file.write_text(CODE.replace("a script", "another script\\n"))
    assert source_digest(f"{file}:Mine") == before
    storage.load_run(place)
    file.write_text(CODE + "else:\n    Mine = None\n")
    assert source_digest(f"{file}:Mine") != before


def test_a_record_that_names_a_relative_file_is_refused(trained: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place, file = trained
    allow(f"{file}:Mine")
    monkeypatch.chdir(file.parent)
    model = read_record(place / "run.json")["model"]
    change(place / "run.json", model=model | {"memory": "mine.py:Mine"})
    with pytest.raises(CorruptRun, match=r"names a memory in mine\.py"):
        storage.load_run(place)
    assert not is_imported(file)


def test_a_study_and_a_swap_import_no_code_that_is_not_allowed(trained: Place) -> None:
    place, file = trained
    run = Run(TaskSetting("mqar", 12, {"num_pairs": 2}), ModelSetting("linear"))
    content = Study("mine", (run,)).to_json()
    content["runs"][0]["model"]["memory"] = f"{file}:Mine"
    storage.write_record(place.parent / "study.json", {"study": content})
    with pytest.raises(CorruptRun, match="recall allow"):
        load_study(str(place.parent))
    with pytest.raises(ValueError, match="recall allow"):
        swapped_run(run, {"swapped": "mine", "other_memory": f"{file}:Mine", "other_options": "{}"})
    assert not is_imported(file)


def imported(file: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file as a module of this process, as a script or a notebook has it."""
    spec = importlib.util.spec_from_file_location("mine", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mine", module)
    spec.loader.exec_module(module)
    return module


def test_a_class_has_one_digest_from_python_and_from_its_file(trained: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _, file = trained
    module = imported(file, monkeypatch)
    by_file = source_digest(f"{file}:Mine")
    name = adopt(module.Mine)
    assert (name, source_digest(name), load_memory(name)) == (f"{file}:Mine", by_file, module.Mine)
    file.write_text("# other code")
    assert source_digest(adopt(module.Mine)) == by_file  # what was imported, not what lies there now
    assert adopt(LinearAttention) == "linear"


def test_a_class_that_no_file_holds_is_one_of_the_session(trained: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    module = imported(trained[1], monkeypatch)
    for kind in (module.made(), module.Other, module.Hidden, type("Mine", (module.Mine,), {})):
        name = adopt(kind)
        assert name.startswith("<session-")
        assert load_memory(name) is kind


def test_every_file_of_a_stack_is_guarded(trained: Place, tmp_path: Path) -> None:
    _, mine = trained
    other = mine.with_name("other.py")
    other.write_text(CODE + "# another\n")
    word = f"linear+{mine}:Mine|{other}:Mine"
    run = Run(TaskSetting("mqar", 12, {"num_pairs": 2}), ModelSetting(word, width=8))
    place = storage.write_run(tmp_path / "stacks", run, {}, dict(run.build().state_dict()))
    brought_files._module.cache_clear()
    for file in (mine, other):
        mine.with_name("imported").unlink(missing_ok=True)
        with pytest.raises(CorruptRun, match=rf"its memory is in {file}, which was not trained or allowed"):
            storage.load_run(place)
        assert not is_imported(mine)
        allow(f"{file}:Mine")
    assert storage.load_run(place).identity == run.identity
    other.write_text(CODE + "# more\n")
    allow(f"{other}:Mine")
    with pytest.raises(CorruptRun, match="trained with other code"):
        storage.load_run(place)


BESIDE = "from helper import Mixed\nclass Mine(Mixed):\n    pass\n"
HELPER = """
from deep.inner import WIDER
from models.memories.linear import LinearAttention
class Mixed(LinearAttention):
    wider = WIDER
"""


@pytest.fixture
def beside(trained: Place) -> Path:
    """A file whose class is that of a neighbour, which imports from a package beside it."""
    file = trained[1].with_name("other.py")
    file.write_text(BESIDE)
    file.with_name("helper.py").write_text(HELPER)
    file.with_name("unrelated.py").write_text("raise RuntimeError")
    (file.parent / "deep").mkdir()
    (file.parent / "deep" / "__init__.py").write_text("")
    (file.parent / "deep" / "inner.py").write_text("WIDER = 1")
    return file


def test_a_file_imports_its_neighbours_whose_code_counts(beside: Path) -> None:
    name, path = f"{beside}:Mine", list(sys.path)
    before = source_digest(name)
    assert load_memory(name).wider == 1
    assert sys.path == path
    beside.with_name("unrelated.py").write_text("raise ValueError")
    assert source_digest(name) == before
    (beside.parent / "deep" / "inner.py").write_text("WIDER = 2")
    assert source_digest(name) != before
    assert load_memory(name).wider == 2
    assert "helper" in str(load_memory(name).__mro__)


def test_neighbours_of_two_folders_may_have_one_name(beside: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "other.py").write_text(BESIDE)
    (there / "helper.py").write_text(HELPER.replace("from deep.inner import WIDER", "WIDER = 3"))
    assert [load_memory(f"{file}:Mine").wider for file in (beside, there / "other.py", beside)] == [1, 3, 1]


def test_a_neighbour_that_no_statement_names_is_refused(beside: Path) -> None:
    beside.write_text("import importlib\nMine = importlib.import_module('helper').Mixed\n")
    with pytest.raises(ValueError, match=r"imports (helper|deep).* unseen"):
        load_memory(f"{beside}:Mine")


def test_an_installed_class_named_by_a_record_is_allowed_as_a_file_is(trained: Place, tmp_path: Path) -> None:
    run = Run(TaskSetting("mqar", 12, {"num_pairs": 2}), ModelSetting("torch.nn:GRU", width=8))
    place = storage.write_run(tmp_path / "runs", run, {}, dict(run.build().state_dict()))
    with pytest.raises(CorruptRun, match=r"its memory is in torch\.nn:GRU, .* `recall allow torch\.nn:GRU`"):
        storage.load_run(place)
    assert main(["allow", "torch.nn:GRU"]) == 0
    assert storage.load_run(place).identity == run.identity
    assert main(["allow", "torch.nn.nowhere:GRU"]) == 2


def test_code_of_an_installed_class_is_where_it_is_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed_modules.defining_file("torch.nn", "GRU").name == "rnn.py"
    before = source_digest("torch.nn:GRU")
    monkeypatch.setattr(installed_modules, "distribution_of", lambda module: ("torch", "0.1"))
    assert source_digest("torch.nn:GRU") != before
