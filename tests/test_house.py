"""The house stands as drawn: imports point one way, the README's lines run."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import glossary
import pytest
import versions
from house_rules import RULES, circles, name_faults, opening_faults, report

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "recall_tasks": {"recall_tasks"},
    "models": {"models"},
    "runners": {"recall_tasks", "models", "runners"},
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package):
    ours = set(MAY_IMPORT)
    for path in (ROOT / package).rglob("*.py"):
        assert imported(path) & ours <= MAY_IMPORT[package], path


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_of_the_house_hold(rule):
    broken = RULES[rule]()
    assert not broken, "\n".join(["", *broken])


def test_a_circle_is_found_however_long():
    arrows = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set()}
    assert circles(arrows) == [["a", "b", "c"]]
    assert not circles(arrows | {"c": set()})


@pytest.mark.parametrize("name", ["told", "Kept", "by", "asked_rows", "StateShelf", "num_data", "n_steps", "narrowed"])
def test_a_retired_or_bare_name_is_refused(name):
    assert name_faults(name)


@pytest.mark.parametrize("name", ["state_store", "Sequence", "seed", "merge", "selected_rate", "UpdatedGate"])
def test_a_plain_name_is_none(name):
    assert not name_faults(name)


def test_a_docstring_opens_with_its_subject_in_few_words():
    assert not opening_faults("Log-probability of the true label. " + "And so on, for long. " * 9)
    for opening in (None, " ", "What was so.", "Of each: its name.", "Where\nit is.", "a " * 26):
        assert opening_faults(opening), opening


def test_contributing_prints_the_glossary():
    _, _, rest = glossary.PAGE.read_text().partition(glossary.START)
    assert rest.partition(glossary.END)[0] == glossary.page(), "run python -m tests.glossary"


def test_the_library_does_not_wait_for_torch():
    code = "import sys, recall_tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_help_does_not_wait_for_torch():
    code = (
        "import sys, runners.cli.main as c; c.main(['--help']); sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0


def test_every_dependency_is_tried_at_a_lower_bound():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    words = [*project["dependencies"], *(w for some in project["optional-dependencies"].values() for w in some)]
    assert {re.split(r"[^a-z0-9-]", word)[0] for word in words} - {"recall-tasks"} == set(versions.lowest())


MISTYPED = (
    "train mqr linear", "train mqar linaer", "train mqar linear --updats 5", "train mqar elastic --num-sampels 5",
    "train mqar linear --num-pairs 0", "train mqar linear --length 8", "train mqar linear --updates 0",
    "train mqar linear --seed -1", "train mqar mine.py:Mine", "compare --preset dmeo", "compare --memories linaer",
    "compare --tasks mqr", "compare --updates 0", "compare --learning-rates 0.1,-1", "sweep dmeo",
    "sweep smoke --policy fast", "extrapolate nowhere", "extrapolate tests", "probe nowhere", "capacity nowhere",
    "swap linaer tests", "swap grm --segmnt 3 tests", "diff nowhere tests", "diff tests tests", "verify nowhere",
    "verify tests", "report nowhere", "query nowhere",
)  # fmt: skip


def test_a_mistake_does_not_wait_for_torch():
    code = (
        "import sys; from runners.cli.main import main\n"
        f"for words in {MISTYPED}: assert main(words.split()) == 2 and 'torch' not in sys.modules, words"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL).returncode == 0


PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))


def test_the_readme_is_short_and_says_the_minutes_of_the_demo_once():
    from runners.studies.presets import MINUTES  # here, as this file is a script too, outside of any path to runners

    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 200
    assert re.findall(r"about (\d+) minutes on two cores", text) == [str(MINUTES["demo"])]
    for page in (ROOT / "Makefile", *PAGES):
        said = re.findall(r"demo\b.*?(\w+) minutes?\b", page.read_text())
        assert set(said) <= {str(MINUTES["demo"])}, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_pages_name_are_there(page):
    for path in re.findall(
        r"`((?:recall_tasks|models|runners|tests|benchmarks|docs)/[\w/]*(?:\.\w+)?)`", page.read_text()
    ):
        assert (ROOT / path).exists() or path.endswith("/mine.py"), path


@pytest.mark.slow
def test_the_readme_example_runs(tmp_path):
    blocks = [block for page in PAGES for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.S)]
    assert len(blocks) >= 5
    lacking = [
        name for name in ("transformers", "x_transformers") if find_spec(name) is None
    ]  # of the extra `adapters`
    for number, block in enumerate(b for b in blocks if not any(f"from {name} " in b for name in lacking)):
        script = tmp_path / f"example{number}.py"
        script.write_text(block)
        ran = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr


if __name__ == "__main__":
    print(report(sys.argv[1:]))
