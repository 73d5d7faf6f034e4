"""docs/memories.md is what the registry and its tables say, and tables say what finished studies measured."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt

from models import MEMORIES, Memory, memory_options
from models.hippo import legendre
from recall_tasks.markdown import first_sentence, prose
from runners.analysis.comparison import pair_differences
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.execution.engines import execute
from runners.execution.sweep import carry_out
from runners.memory_guide import __main__ as guide
from runners.memory_guide import experiments, page, tables
from runners.statistics import seeds_to_show
from runners.studies.presets import CACHED, PRESETS, SMALL_OWN, longer, size_of_equal_bytes
from runners.studies.study import Study

ROOT = Path(__file__).parent.parent
torch.set_num_threads(1)
TASK = TaskSetting("mqar", 16, {"num_pairs": 2, "num_keys": 8, "num_values": 8})
COPY = TaskSetting("copy", 16, {"num_tokens": 4, "feedback": True})
FIVE = Training(updates=5, tokens=128)


class Seen(NamedTuple):
    runs: Path
    folder: Path
    studies: list[Study]
    page: str


@pytest.fixture(scope="module")
def text() -> str:
    return page.page(folder=ROOT / tables.FOLDER)


@pytest.fixture(scope="module")
def sections(text: str) -> dict[str, str]:
    return {part.partition("\n")[0]: part for part in re.split(r"^#{1,3} ", text, flags=re.M)[1:]}


def elastic(N: int, sampling: str, bank: str = "legendre") -> ModelSetting:
    options = {"num_coefficients": N, "sampling": sampling, "bank": bank, "num_samples": 4, "block": 4}
    return ModelSetting("elastic", options, width=8, layers=1, label=f"{bank} {N}, {sampling}")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Three small studies, their tables and figures, and the page of these."""
    runs, folder = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("docs") / "memories"
    sizes = {"width": 8, "layers": 1}
    plain = [ModelSetting("linear", **sizes), ModelSetting("gru", **sizes)]
    cached = [
        ModelSetting("linear", **sizes),
        ModelSetting("grm", {"segment": 4}, **sizes),
        ModelSetting("linear", {"size": 10}, **sizes, label="linear, equal bytes"),
    ]
    banks = [elastic(4, "uniform"), elastic(6, "uniform"), elastic(6, "uniform", "means"), elastic(4, "exponential")]
    studies = [
        Study.grid("memories", [TASK, COPY], plain, FIVE, seeds=2, asks=[longer([1], rows=16)]),
        Study.grid("caching", [TASK], cached, FIVE, seeds=2, asks=[longer([1, 2], rows=16)]),
        Study.grid("elastic", [TASK], banks, FIVE, seeds=2, asks=[longer([1, 2], rows=16)]),
    ]
    here = partial(execute, workers=0)
    for study in studies:
        for event in carry_out(study, runs / study.name, here, f"recall compare --preset {study.name}"):
            assert event.kind != "failed", event.log
    guide.write(studies, runs, folder, swapped=16, probed=(128, 64))
    return Seen(runs, folder, studies, page.page({name: MEMORIES[name] for name in ("linear", "gru")}, folder))


def rows(section: str, head: str) -> list[list[str]]:
    (found,) = re.findall(rf"^\| {head} \|.*\n\| -.*\n((?:\|.*\n?)+)", section, re.M)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in found.splitlines()]


def test_the_page_is_what_the_registry_and_the_tables_say(text: str) -> None:
    said = (ROOT / page.PAGE).read_text(encoding="utf-8").splitlines()
    other = [line for line in text.splitlines() if line not in said]
    assert said == text.splitlines(), f"docs/memories.md lacks {other[:2]}: run `make docs`"


def test_every_memory_has_its_line_and_its_section_under_a_family(text: str, sections: dict[str, str]) -> None:
    lines = rows(sections["Memories"], "memory")
    assert {line[0] for line in lines} == {f"[{name}](#{name})" for name in MEMORIES}
    assert {line[1] for line in lines} == {prose(first_sentence(kind)) for kind in MEMORIES.values()}
    headings = re.findall(r"^## (.*)", text, re.M)
    assert headings == [*page.FAMILIES, "Seen working"]
    order = [name for name in re.findall(r"^### (.*)", text, re.M) if name in MEMORIES]
    assert order == [line[0][1:].partition("]")[0] for line in lines]


@pytest.mark.parametrize("name", MEMORIES)
def test_a_section_says_the_options_the_numbers_and_where_the_code_is(name: str, sections: dict[str, str]) -> None:
    kind, section = MEMORIES[name], sections[name]
    options = memory_options(kind)
    said = rows(section, "option") if options else []
    assert [line[0] for line in said] == [f"`{option}`" for option in options]
    assert all(line[1] for line in said), "an option without a word"
    memory = kind(32)
    parameters = sum(p.numel() for p in memory.parameters())
    assert f"{parameters:,} parameters; a state of up to {memory.fullest_floats(64):,} numbers in 64" in section
    assert re.search(r"\d{4}\.\d{4,5}|see \[|\(.*(?:19|20)\d\d", section), "no source"
    for path in re.findall(r"\]\(\.\./([^)]*)\)", section):
        assert (ROOT / path).is_file()
    assert f"class {kind.__name__}(" in (ROOT / f"{kind.__module__.replace('.', '/')}.py").read_text()


def test_equations_stand_once_for_memories_of_one_module(text: str) -> None:
    modules = {kind.__module__ for kind in MEMORIES.values()}
    assert text.count("Equations and source: see [") == len(MEMORIES) - len(modules)


@pytest.mark.slow
def test_the_page_is_markdown_with_tables_of_even_rows(text: str, small: Seen) -> None:
    for written in (text, small.page):
        tokens = MarkdownIt("commonmark").enable("table").parse(written)
        assert not [t for t in tokens if t.type in ("html_block", "hr")]
        found = re.findall(r"(?:^\|.*\n)+", written, re.M)
        assert sum(token.type == "table_open" for token in tokens) == len(found)
        for each in found:
            assert len({len(re.split(r"(?<!\\)\|", line)) for line in each.splitlines()}) == 1


def test_without_tables_the_page_says_what_makes_them(tmp_path: Path) -> None:
    assert page.page(folder=tmp_path).endswith("Nothing was run yet: `make memories` trains and writes this.\n")


@pytest.mark.slow
def test_tables_hold_every_run_with_its_floors(small: Seen) -> None:
    for study in small.studies:
        table = tables.read(study.name, small.folder)
        lengths = {m * 16 for ask in study.asks for m in ask.wanted["ladder"]}
        labels = list(dict.fromkeys(r.label for r in study.runs))
        assert list(dict.fromkeys(table["memory"])) == labels
        assert set(table["length"]) == lengths
        assert len(table) == len(labels) * len(lengths) * len({r.task.name for r in study.runs})
        assert (table["seeds"] == 2).all()
        assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()
    copies = tables.read("memories", small.folder).query("task == 'copy'")
    assert set(copies["perfect"]) == {"position"}
    assert (copies["floor"] < 1).all()


@pytest.mark.slow
def test_the_page_shows_the_tables_and_names_what_is_not_above_its_floor(small: Seen) -> None:
    _, folder, _, written = small
    measured = tables.read("memories", folder)
    below = measured[measured["low"] <= measured["floor"]]
    assert len(below), "five updates teach nothing"
    assert f"Of 4 intervals, {4 - len(below)} lie wholly above the floor. Not above it: " in written
    for _, row in below.iterrows():
        assert f"`{row['memory']}` on `{row['task']}` (" in written
    assert "position 1.00" in written
    for heading in ("Caches, against what they cost", "Elastic Memory over N", "Elastic Memory read otherwise"):
        assert f"### {heading}\n" in written
    assert "grm − linear, equal bytes" in written
    for name in re.findall(r"\]\(memories/([^)]*)\)", written):
        assert (folder / name).stat().st_size < 150_000


@pytest.mark.slow
def test_what_is_read_as_it_was_trained_is_as_it_was_tested(small: Seen) -> None:
    swapped = tables.read("swapped", small.folder)
    assert len(swapped) == 3 * (2 + 4)
    own = swapped[(swapped["kind"] == "sampling") & (swapped["read"] == swapped["trained"])]
    quiet = swapped[(swapped["kind"] == "corruption") & (swapped["read"] == "0")]
    assert list(own["mean"]) == list(quiet["mean"])
    loud = swapped[(swapped["kind"] == "corruption") & (swapped["read"] == "0.75")]
    assert list(loud["mean"]) != list(quiet["mean"])


@pytest.mark.slow
def test_a_study_that_is_not_finished_is_refused_with_the_command(small: Seen, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no finished run"):
        tables.finished_results(small.studies[0], tmp_path)
    more = Study.grid("memories", [TASK], [ModelSetting("linear", width=8, layers=1)], FIVE, seeds=3)
    with pytest.raises(ValueError, match=r"1 of 3 runs .* recall compare --preset memories"):
        tables.finished_results(more, small.runs / "memories")


def test_the_probe_of_legs_follows_its_analytic_curve() -> None:
    table = experiments.legs_probe(orders=(4, 12), length=32, num_sequences=(4096, 4096))
    assert (table["recovered"] - table["resolution"]).abs().max() < 0.04
    worth = table.groupby("N")["recovered"].sum()
    assert worth[4] == pytest.approx(4, abs=0.2)
    assert worth[12] == pytest.approx(12, abs=0.4)


def test_what_the_probe_reads_are_the_coefficients_of_the_paper() -> None:
    x = np.random.default_rng(0).standard_normal((3, 32))
    np.testing.assert_allclose(experiments.coefficients(6, x), x @ legendre.write_weights(6, 32).T, atol=1e-12)


def test_a_contrast_is_a_claim_at_the_training_length(small: Seen) -> None:
    """Two seeds cannot show anything; longer sequences have differences and no verdict."""
    found = tables.read("contrasts", small.folder)
    assert set(zip(found["one"], found["other"], strict=True)) == {("grm", "linear"), ("grm", "linear, equal bytes")}
    assert list(found["length"]) == [16, 16, 32, 32]
    assert list(found["verdict"]) == ["2 seeds cannot show it"] * 2 + [""] * 2
    assert list(found["p_holm"].notna()) == [True] * 2 + [False] * 2
    assert "| 2 seeds cannot show it, p = " in small.page
    assert (
        "is one claim, about 16 tokens: *shown* where p, corrected for the 2 claims of this study (Holm)" in small.page
    )


def test_contrasts_are_those_of_the_comparison(small: Seen) -> None:
    results = tables.finished_results(small.studies[1], small.runs / "caching")
    pairs = [("grm", "linear"), ("linear, equal bytes", "linear"), ("grm", "gru")]
    found, alone = tables.contrasts(results, pairs), pair_differences(results, "linear")
    for column in ("difference", "low", "high", "p", "p_holm"):
        at_training = found[found["length"] == 16].set_index("one")[column]
        assert at_training.to_dict() == alone.set_index("memory")[column].to_dict()


def test_every_claim_of_a_study_can_be_shown_with_its_seeds() -> None:
    for study, pairs in tables.CONTRASTS.items():
        assert 1 + max(run.seed for run in PRESETS[study]().runs) >= seeds_to_show(len(pairs)), study


def test_the_studies_hold_every_memory_and_what_is_compared() -> None:
    assert list(dict.fromkeys(r.label for r in PRESETS["memories"]().runs)) == list(MEMORIES)
    for study, pairs in tables.CONTRASTS.items():
        assert {name for pair in pairs for name in pair} <= {r.label for r in PRESETS[study]().runs}
    for name, options in SMALL_OWN.items():
        assert set(options) <= set(memory_options(MEMORIES[name]))


def test_equal_bytes_are_as_near_as_a_matrix_comes() -> None:
    task = TaskSetting("mqar", 64, {"num_pairs": 16})
    grm = ModelSetting("grm", CACHED)
    size = size_of_equal_bytes(grm, task)
    held = {
        s: Run(task, ModelSetting("linear", {"size": s})).build().state_floats(64) for s in (size - 1, size, size + 1)
    }
    wanted = Run(task, grm).build().state_floats(64)
    assert min(held, key=lambda s: abs(held[s] - wanted)) == size


def test_a_memory_of_ones_own_gets_a_section_too() -> None:
    class Mine(Memory):
        """Nothing at all."""

    assert page.family("mine", Mine) == page.OTHERS
