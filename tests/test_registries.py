"""Adding is one file and one line: a toy measure, figure and reader appear everywhere; a line forgotten is found."""

import importlib
import inspect
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runners import figures, measures
from runners.analysis.summaries import SUMMARIES
from runners.figures import FIGURES, Figure
from runners.measures import MEASURES, Measure
from runners.probe import readers
from runners.probe.readers import READERS, Reader
from runners.report.report import SECTIONS

ROOT = Path(__file__).parent.parent

MEASURE = '''
"""Norms of weights: a toy measure."""

from ..storage.schema import Column, Table
from .measure import Flag, Measure, only_keys


class Norms(Measure):
    """Euclidean norm of every weight."""

    name = "norms"
    command = "norms"
    meaning = "measure the norms of the weights of finished runs"
    tables = (
        Table("norms", "One record for each weight.", (
            Column("weight", str, "its name in the model"),
            Column("norm", float, "Euclidean norm"),
        )),
    )
    flags = (Flag("power", int, "of the norm", 2, least=1),)

    def check(self, run, request):
        only_keys(self, request, ("power",))

    def remaining(self, record, request):
        return None if record and request["power"] in record["done"] else request

    def measure(self, run, model, request, watch=print):
        weights = model.named_parameters()
        norms = [{"weight": name, "norm": float(w.detach().norm(request["power"]))} for name, w in weights]
        return {"done": [request["power"]], "norms": norms}, {}

    def merge(self, old, new):
        return new
'''
FIGURE = '''
"""Norms of weights: a toy figure."""

from .figure import Figure


def draw(table, styles, ax):
    for memory, part in table.groupby("memory", sort=False):
        ax.plot(range(len(part)), part["norm"], label=memory, color=styles[memory].colour)


NORMS = Figure(
    name="norms", title="Norms of weights", reading="Each point is a weight.", measure="norms",
    table=lambda results: results.norms, draw=draw, x="weight", y="norm",
)
'''
READER = '''
"""A toy reader: the prior, though it sees the state."""

from .reader import Prior


class Toy(Prior):
    """Frequencies of the values, whatever the state."""

    meaning = "a toy that looks at no state"
    sees_state = True
'''
LINES = (
    ("measures/norms.py", MEASURE, "measures/__init__.py", "from .probe import Probe\n", "from .norms import Norms\n",
     "        Extrapolation(),\n", "        Norms(),\n"),
    ("figures/norms.py", FIGURE, "figures/__init__.py", "from .figure import Figure\n", "from . import norms\n",
     "        frontier.FRONTIER,\n", "        norms.NORMS,\n"),
    ("probe/readers/toy.py", READER, "probe/readers/__init__.py", "from .reader import Prior, Reader\n",
     "from .toy import Toy\n", '    "prior": Prior,\n', '    "toy": Toy,\n'),
)  # fmt: skip
SCRIPT = """
import contextlib, io, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from untrained import a_run, keep
from runners.cli import measure as command
from runners.cli.main import main
from runners.execution.engines import execute
from runners.execution.run_job import measure_run
from runners.results.query import query
from runners.results.tables import collect

command.execute = lambda jobs, workers=None: execute(jobs, workers=0)
folder = Path(sys.argv[1])
places = [keep(folder, a_run(memory)) for memory in ("linear", "gru")]

def printed(*words):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([str(word) for word in words]) == 0, words
    return out.getvalue()

assert "norms" in printed("--help")
assert "measure the norms" in printed("ls", "measures")
assert "Norms of weights" in printed("ls", "figures")
assert "a toy that looks at no state" in printed("ls", "readers")
assert "read_out" in printed("norms", folder) or "embed" in printed("norms", folder)
measure_run(str(places[0]), {"norms": {"power": 1}}, print)  # as a study asks for it
printed("probe", folder, "--readers", "toy", "--also")
results = collect([folder])
assert set(results.norms["memory"]) == {"linear", "gru"}
assert (results.norms["norm"] > 0).all()
assert query("select count(*) as n from norms where norm > 0", [folder])["n"][0] == len(results.norms)
assert set(results.probes["reader"]) >= {"toy"}
printed("report", folder)
page = (folder / "report.html").read_text()
assert "Norms of weights" in page and "Each point is a weight." in page and "recall norms" in page
assert "tables/norms.csv" in page
for ending in ("png", "svg", "csv"):
    assert (folder / "figures" / f"norms.{ending}").stat().st_size > 100
assert "norm" in (folder / "tables" / "norms.csv").read_text().splitlines()[0]
"""


@pytest.fixture
def copy(tmp_path):
    """A copy of the checkout in which a file can be added."""
    for package in ("runners", "models", "recall_tasks"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(copy, *words):
    paths = {"PYTHONPATH": f"{copy}:{ROOT / 'tests'}", "PATH": "/usr/bin:/bin", "HOME": str(copy)}
    return subprocess.run([sys.executable, *words], cwd=copy, env=paths, capture_output=True, text=True)


@pytest.mark.slow
def test_a_toy_measure_figure_and_reader_are_a_file_and_a_line_each(copy):
    for file, content, registry, imports, added, lines, line in LINES:
        (copy / "runners" / file).write_text(content.lstrip())
        path = copy / "runners" / registry
        text = path.read_text()
        assert imports in text, registry
        assert lines in text, registry
        path.write_text(text.replace(imports, imports + added, 1).replace(lines, lines + line, 1))
    done = run(copy, "-c", SCRIPT, str(copy / "runs"))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_a_line_that_is_forgotten_fails_loudly(copy, number):
    file, content, *_ = LINES[number]
    (copy / "runners" / file).write_text(content.lstrip())
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_registries as t; sys.exit(str(t.forgotten()))"
    done = run(copy, "-c", code, str(ROOT / "tests"))
    assert done.returncode == 1
    assert Path(file).stem in done.stderr


def members(package):
    """Every module of a package, with what it defines."""
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        yield module, [thing for thing in vars(module).values() if getattr(thing, "__module__", "") == module.__name__]


def forgotten() -> list[str]:
    """Measures, figures and readers that are defined in the folder of their registry but not listed there."""
    lost = []
    known = {type(measure) for measure in MEASURES.values()}
    for module, defined in members(measures):
        kinds = [one for one in defined if inspect.isclass(one) and issubclass(one, Measure)]
        lost += [f"{module.__name__}: MEASURES lacks {k.__name__}" for k in kinds if k not in {Measure, *known}]
    for module, _ in members(figures):
        made = [one for one in vars(module).values() if isinstance(one, Figure)]
        lost += [f"{module.__name__}: FIGURES lacks {one.name}" for one in made if one not in FIGURES.values()]
    for module, defined in members(readers):
        kinds = [one for one in defined if inspect.isclass(one) and issubclass(one, Reader) and hasattr(one, "meaning")]
        lost += [f"{module.__name__}: READERS lacks {k.__name__}" for k in kinds if k not in READERS.values()]
    return lost


def test_whatever_is_defined_in_a_registrys_folder_is_listed():
    assert forgotten() == []


def test_what_speaks_of_a_measure_speaks_of_one_that_is_there():
    named = {*SUMMARIES, *(f.measure for f in FIGURES.values()), *(s.measure for s in SECTIONS)} - {""}
    assert named <= set(MEASURES)


def test_names_of_tables_are_no_names_of_others():
    tables = [table.name for measure in MEASURES.values() for table in measure.tables if not table.tested]
    assert len(set(tables)) == len(tables)
