"""Benchmarks assert nothing on a clock; these hold them to yielding their tables, at tiny sizes."""

import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from benchmarks import caching, folders, journeys, legs, lengths, prefill, probing, resident, runners
from benchmarks.tables import Columns, end_of, markdown, printed, start_of, write_section
from models import build_memory
from models.memories.linear import LinearAttention
from runners.cli.main import main
from runners.storage import records

pytestmark = pytest.mark.slow


COLUMNS = Columns({"memory": "<8", "ms": ">7.1f", "of one": ">8.0%", "remark": "<9"})
LINES = [COLUMNS, ("linear", 1.25, None, "slow"), ("gru", 12.0, 0.5), "a remark", Columns({"N": ">4,"}), (1000,)]


def test_terminal_and_page_print_the_same_values():
    assert list(printed(LINES)) == [
        "memory       ms  of one  remark",
        "linear      1.2          slow",
        "gru        12.0     50%",
        "a remark",
        "   N",
        "1,000",
    ]
    assert "\n".join(markdown(LINES)).strip().splitlines() == [
        "| memory | ms | of one | remark |",
        "|---|---:|---:|---|",
        "| linear | 1.2 |  | slow |",
        "| gru | 12.0 | 50% |  |",
        "",
        "a remark",
        "",
        "| N |",
        "|---:|",
        "| 1,000 |",
    ]


def test_a_table_takes_the_place_of_its_last_one_and_of_nothing_else(tmp_path):
    page = tmp_path / "speed.md"
    page.write_text(f"# Speed\n{start_of('step')}old\n{end_of('step')}what to see in it\n")
    for _ in range(2):
        write_section(page, "step", LINES, "")
    text = page.read_text()
    assert text.startswith("# Speed\n")
    assert text.endswith("what to see in it\n")
    assert "old" not in text
    assert text.count("| gru | 12.0 | 50% |  |") == 1
    assert f"torch {torch.__version__}" in text
    with pytest.raises(ValueError, match="has no place for loading: write <!-- python -m benchmarks loading"):
        write_section(page, "loading", LINES, "")


def test_the_page_of_speed_has_a_place_for_every_benchmark():
    page = (Path(__file__).parent.parent / "docs" / "speed.md").read_text()
    folder = Path(caching.__file__).parent
    names = [path.stem for path in folder.glob("*.py") if "\ndef table(" in path.read_text()]
    assert {"step", "journeys"} <= set(names)
    for name in names:
        assert page.count(start_of(name)) == page.count(end_of(name)) == 1, name


def test_every_memory_named_has_a_line_for_each_cost():
    heads, *lines, steep, growing = printed(lengths.table(("linear", "attention"), (8, 16, 32)))
    assert [line.split()[0] for line in lines] == ["linear"] * 4 + ["attention"] * 4
    assert "32" in heads
    assert growing.endswith("attention 0.91")  # 2 T D and the three inputs of the convolution
    assert steep.startswith("time grows")


def test_exponent_is_the_slope_of_the_logarithms():
    assert lengths.exponent((1, 2, 4, 8, 16), [9.0, 4.0, 16.0, 64.0, 256.0]) == pytest.approx(2)
    assert lengths.exponent((1, 2, 4, 8), [3.0, 3.0]) == pytest.approx(0)
    assert math.isnan(lengths.exponent((1, 2), [3.0]))


def test_lengths_stop_before_a_point_that_would_be_too_large(monkeypatch):
    monkeypatch.setattr(lengths, "LARGEST", 100.0)
    made = iter([lengths.Cost(0.1, 4.0 * 4**n, 0.1, 1.0) for n in range(9)])
    monkeypatch.setattr(lengths, "cost", lambda memory, length: next(made))
    assert [cost.peak for cost in lengths.costs(LinearAttention(8), range(9))] == [4, 16, 64]


def test_prefill_leaves_out_what_grows_and_stops_what_is_slow(monkeypatch):
    _, linear, attention = printed(prefill.table(("linear", "attention"), length=64, piece=16))
    assert "stopped" not in linear
    assert "left out" in attention
    monkeypatch.setattr(prefill, "LONGEST", 0.0)
    assert "stopped after 16 tokens" in list(printed(prefill.table(("linear",), length=64, piece=16)))[1]


def test_every_way_of_reading_caches_has_a_line_for_each_number_of_caches(monkeypatch):
    monkeypatch.setattr(caching, "REPEATS", 1)
    lines = list(printed(caching.table(("linear",), (1, 3))))[1:]
    assert [line.split()[1] for line in lines] == [name for name in ("grm", "residual", "soup", "ssc") for _ in "13"]


def test_state_made_ready_is_as_large_as_one_that_was_read():
    for name in caching.NAMES:
        memory = build_memory(caching.MEMORIES[name], caching.WIDTH, segment=caching.SEGMENT)
        state = caching.filled_state(memory, 5)
        assert sum(part.shape[1:].numel() for part in memory.contents(state).values()) == memory.state_floats(
            5 * caching.SEGMENT
        )


def test_legs_has_a_line_for_each_size_and_length():
    assert len(list(legs.table((4,), (8, 300)))) == 3


def test_cheap_step_is_the_transition_of_the_paper():
    A = torch.from_numpy(legs.transition(6))
    c = torch.randn(6, 2, dtype=torch.float64)
    torch.testing.assert_close(legs.multiply_transition(A[:, :1], c), A @ c)


@pytest.mark.skipif(math.isnan(resident.resident()), reason="no /proc here")
def test_peak_sees_what_is_freed_again():
    assert resident.peak(lambda: torch.ones(2**23).sum()) > 30
    assert resident.peak(lambda: None) < 5


def test_runners_has_a_line_for_each_cost():
    assert len(list(runners.table(10, 1, 2))) == 13


def test_probing_has_a_line_for_each_size(monkeypatch):
    monkeypatch.setattr(probing, "SIZES", ((2, 16, 200), (1, 300, 150)))
    heads, *lines = printed(probing.table())
    assert "factor" in heads
    assert [line.split()[:3] for line in lines] == [["2", "16", "200"], ["1", "300", "150"]]
    assert all(len(line.split()) == len(heads.split()) for line in lines)


def test_a_journey_enters_files_of_the_project_alone_and_compare_on_none():
    found = journeys.journeys()
    assert list(found) == ["study", "score", "probe", "report"]
    for files in found.values():
        assert files
        assert all((journeys.ROOT / file).is_file() for file in files)
        assert "runners/compare.py" not in files
    assert "runners/execution/sweep.py" in found["study"]


@pytest.mark.parametrize("command", ["query", "plan", "report"])
def test_a_command_parses_every_record_at_most_once(finished_folder, monkeypatch, command):
    parsed = Counter[Path]()
    read = records.read_record
    monkeypatch.setattr(records, "read_record", lambda path: parsed.update([path]) or read(path))
    assert main(folders.commands(finished_folder)[command]) == 0
    assert {path.name for path in parsed} >= {"run.json", "result.json", "extrapolation.json"}
    assert {path: count for path, count in parsed.items() if count > 1} == {}


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory):
    return folders.make_folder(tmp_path_factory.mktemp("many"), 4)
