"""Classes that no file holds: of a notebook's cell, a function or `exec`, compared in the session that has them."""

from __future__ import annotations

import linecache
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from recall_tasks import MQAR
from runners import storage
from runners.cli.main import main
from runners.compare import Comparison, compare
from runners.config import custom_code, session_code
from runners.config.custom_code import adopt, load_memory
from runners.config.custom_tasks import adopt_task
from runners.config.run import Training
from runners.storage import CorruptRun

RULE = """
from models.memories.linear import Additive, Sum
from models.recurrent import Recurrent
FACTOR = 0.9
def faded(S):
    return FACTOR * S
class Fade(Additive):
    def step(self, M, k, v, g):
        return Sum(faded(M.S) + k[..., :, None] * v[..., None, :])
class Fading(Recurrent):
    kind = Fade
"""


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs code as the cells of one notebook, whose `__main__` has no file."""
    main_module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main_module)
    monkeypatch.setattr(custom_code, "ADOPTED", {})
    monkeypatch.setattr(session_code, "HANDED_OVER", set())

    def run(code: str) -> Any:
        name = f"<cell-{len(linecache.cache)}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        exec(compile(code, name, "exec"), vars(main_module))
        return main_module

    return run


def compared(kind: type, folder: Path) -> Comparison:
    tasks, training = [MQAR(num_pairs=2, num_keys=4, num_values=4)], Training(updates=2, tokens=64)
    return compare(tasks, {"mine": kind}, length=12, seeds=1, ladder=[1], training=training, width=8, folder=folder)


def test_a_class_of_a_cell_is_compared_and_only_other_code_is_another_run(cells: Any, tmp_path: Path) -> None:
    first = compared(cells(RULE).Fading, tmp_path)
    (run,) = first.results.scores["run"].unique()
    written = (tmp_path / run / "run.json").stat().st_mtime_ns
    assert first.report().exists()
    compared(cells("# run again\n" + RULE).Fading, tmp_path)
    assert (tmp_path / run / "run.json").stat().st_mtime_ns == written
    assert storage.load_model(tmp_path / run).state_dict().keys()
    assert "Fading" in (tmp_path / run / "run.json").read_text()
    compared(cells("FACTOR = 0.5").Fading, tmp_path)
    assert len(list(tmp_path.glob("*/run.json"))) == 2


def test_another_session_is_told_how_a_class_lasts(
    cells: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = compared(cells(RULE).Fading, tmp_path).results.scores["run"].unique()
    custom_code.ADOPTED.clear()
    session_code.HANDED_OVER.clear()
    with pytest.raises(CorruptRun, match=r"Fading was handed over in a session.*train FILE\.py:Fading, which lasts"):
        storage.load_run(tmp_path / run)
    for words in (["probe"], ["extrapolate", "--ladder", "2"], ["compare"], ["verify"]):
        capsys.readouterr()
        assert main([words[0], str(tmp_path), *words[1:]]) != 0
        said = capsys.readouterr()
        assert "Fading was handed over in a session" in said.out + said.err
    assert main(["report", str(tmp_path)]) == 0
    compared(cells(RULE).Fading, tmp_path)  # in a new session, the same cell
    assert len(list(tmp_path.glob("*/run.json"))) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.9", "0.8"),
        ("FACTOR * S", "FACTOR + S"),
        ("+ k[", "- k["),
        ("kind = Fade", "kind = Additive"),
        ("(Additive):", "(Additive):\n    other = 1"),
        ("def faded(S):", "def faded(S, power=1):"),
    ],
)
def test_all_that_a_class_of_a_cell_uses_is_in_its_digest(cells: Any, old: str, new: str) -> None:
    name = adopt(cells(RULE).Fading)
    head, fade, fading = RULE.partition("class Fade(")[0], *RULE.partition("class Fade(")[2].split("class Fading")
    for part in (head, f"class Fade({fade}", f"class Fading{fading}"):
        other = cells(part)
    assert adopt(other.Fading) == name
    assert adopt(cells(RULE.replace(old, new)).Fading) != name


def made(by: Any) -> type:
    from models.memories.linear import LinearAttention

    class Mine(LinearAttention):
        def factor(self) -> Any:
            return by

    return Mine


def test_what_a_function_gave_to_its_class_is_in_the_digest() -> None:
    other, methods = made(2), (property(lambda self: 1), property(lambda self: 2), MQAR(3).read, MQAR(4).read)
    plain = (1, 1.0, "1", [1], (1,), {1: 2}, OrderedDict({1: 2}), torch.ones(2), torch.zeros(2), b"1", {1, 2})
    arrays = (torch.ones(2, dtype=torch.float64), torch.float64)
    named = (len, [].append, list[int], made, other, Path("a"), MQAR(), MQAR(3), Path("b"))
    kinds = [made(by) for by in (*plain, *arrays, *methods, *named)]
    names = [adopt(kind) for kind in kinds]
    assert len(set(names)) == len(kinds)
    assert [load_memory(name) for name in names] == kinds
    assert adopt(made(Path("b"))) == names[-1]
    with pytest.raises(ValueError, match=r"Mine\.factor\.values\.by is a generator, .*: make it inside the class"):
        adopt(made(i for i in ()))


def test_a_task_of_a_cell_is_a_task_of_the_session(cells: Any) -> None:
    code = "from dataclasses import dataclass\nfrom recall_tasks import MQAR\n"
    code += "@dataclass(frozen=True)\nclass Mine(MQAR):\n    num_pairs: int = 2\n    name = 'mine'\n"
    name = adopt_task(cells(code).Mine)
    assert adopt_task(cells(code).Mine) == name != adopt_task(cells(code.replace("= 2", "= 3")).Mine)
    custom_code.ADOPTED.clear()
