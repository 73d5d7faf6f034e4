"""The report says what the tables say, stands alone, and claims no more than its intervals allow."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import io
import pkgutil
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from synthetic import CACHED, MEMORIES, TASKS, synthetic

from runners import figures as package
from runners.analysis.comparison import (
    bounds_lines,
    compare_memories,
    comparison_table,
    means_over_seeds,
    missing_runs,
    names,
    pair_differences,
)
from runners.analysis.extrapolation import floor
from runners.figures import FIGURES as ALL_FIGURES
from runners.figures import Figure, save, styles_of
from runners.figures.figure import by_panel
from runners.figures.saving import legend_samples, panel_elements, svg_file, svg_text
from runners.figures.style import INK, PANEL, Styles, begin
from runners.formatting import accuracy, fraction, p_value, signed_number, span, word_list
from runners.report import SECTIONS, probes, report, sections, tables, write_report
from runners.report.context import caution, checks_words, findings, findings_at_longest, rates_words, seeds_words
from runners.report.sections import TableSection, in_order
from runners.report.tables import floors_table, score_table
from runners.results.tables import FLOORS, TABLES, Results

WRITTEN, SHOWN = ("mqar", "copying"), ("attention", "gru", "<b>x</b>")
"""Tasks and memories of the report that is written once for most tests, of seeds enough to show a difference."""
WITHOUT_LEGEND = ("heat", "forgetting", "holding", "probes_shapes")
"""A map shows one memory, and theory none."""
VOID = {"meta", "link", "br", "input", "img"}


class Page(HTMLParser):
    """Every tag with its attributes, the text, and the tags left open or closed in the wrong order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, words: str) -> None:
        if words.strip():
            self.text.append((self.open[-1], words.strip()))

    def said_in(self, tag: str) -> list[str]:
        return [words for where, words in self.text if where == tag]


OF_AXES = ("axes", "axis_maps")
"""Figures of studies with axes, which `test_axes.py` draws."""
FIGURES = {name: figure for name, figure in ALL_FIGURES.items() if name not in OF_AXES}


@pytest.fixture(scope="module")
def results() -> Results:
    return synthetic(seeds=5)


@pytest.fixture(scope="module")
def pairs(results: Results) -> pd.DataFrame:
    return pair_differences(results)


@pytest.fixture(scope="module")
def numbers(results: Results, pairs: pd.DataFrame) -> pd.DataFrame:
    return compare_memories(results, pairs)


@pytest.fixture(scope="module")
def small() -> Results:
    return synthetic(["attention", "linear"], 1, ["needle"])


@pytest.fixture(scope="module")
def published() -> Results:
    return synthetic(SHOWN, 5, WRITTEN)


@pytest.fixture(scope="module")
def drawn(published: Results) -> dict[str, pd.DataFrame]:
    return {name: figure.table(published) for name, figure in FIGURES.items()}


@pytest.fixture(scope="module")
def folder(published: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(published, folder)
    return folder


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_what_a_record_may_lack_is_left_blank(tmp_path: Path) -> None:
    given = synthetic([*CACHED, "linear"], 2, ["needle"])
    lacking = {
        name: given.tables[name].assign(**{c.name: np.nan for c in table.columns if c.missing})
        for name, table in TABLES.items()
        if len(given.tables[name])
    }
    html = write_report(Results(given.study, lacking), tmp_path).read_text(encoding="utf-8")
    assert not re.findall(r">[^<>]*\bnan\b[^<>]*<", html)


def test_the_page_fetches_nothing(page: Page, html: str) -> None:
    fetched = [v for _, a in page.tags for k, v in a.items() if k in ("src", "href", "xlink:href", "srcset")]
    assert not [v for v in fetched if re.match(r"\s*(https?:|//)", v)]
    assert not [a for tag, a in page.tags if tag in ("img", "iframe", "object") or (tag == "script" and "src" in a)]
    assert not re.search(r"@import|url\((?!#)|fetch\(|http", html)
    assert page.open == []


def test_the_page_is_well_formed_and_its_ids_are_unique(page: Page) -> None:
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    used = {a["href"][1:] for tag, a in page.tags if tag == "use"}
    assert used
    assert used <= set(ids)


def test_every_figure_is_there_with_its_files(drawn: dict[str, pd.DataFrame], page: Page, folder: Path) -> None:
    plots = [a["aria-label"] for tag, a in page.tags if tag == "svg" and a.get("class") == "plot"]
    counts = {name: len(by_panel(table)) for name, table in drawn.items()}
    assert sorted(plots) == sorted(f"{name}-{i}" for name, count in counts.items() for i in range(count))
    assert [counts.pop(name) for name in ("heat", "forgetting")] == [len(WRITTEN) * len(SHOWN)] * 2
    assert counts.pop("holding") == 2 * len(WRITTEN) * len(set(SHOWN) & set(CACHED))
    assert counts.pop("probes_shapes") == 4
    assert set(counts.values()) == {len(WRITTEN)}
    linked = {a["href"] for tag, a in page.tags if tag == "a" and a["href"].startswith("figures/")}
    assert linked == {f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    assert all((folder / one).stat().st_size > 1000 for one in linked)


def test_tables_round_trip(published: Results, folder: Path) -> None:
    for name in (name for name in TABLES if len(getattr(published, name))):
        again = pd.read_csv(folder / "tables" / f"{name}.csv")
        pd.testing.assert_frame_equal(again, getattr(published, name), check_dtype=False)


def test_what_is_drawn_round_trips_from_the_page_itself(
    drawn: dict[str, pd.DataFrame], page: Page, folder: Path
) -> None:
    inside = {a["download"]: a["href"] for tag, a in page.tags if "download" in a}
    for name, table in drawn.items():
        csv = base64.b64decode(inside[f"{name}.csv"].split(",")[1])
        assert csv == (folder / "figures" / f"{name}.csv").read_bytes()
        table = table.reset_index(drop=True)
        pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(csv)), table, check_dtype=False, rtol=1e-5)


def test_every_figure_that_a_module_defines_is_listed() -> None:
    modules = [importlib.import_module(f"runners.figures.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    defined = {one.name: one for module in modules for one in vars(module).values() if isinstance(one, Figure)}
    assert defined == ALL_FIGURES


def test_every_table_section_that_a_module_defines_is_listed() -> None:
    defined = [one for module in (probes, tables) for one in vars(module).values() if isinstance(one, TableSection)]
    assert {one.name for one in defined} == {one.name for one in SECTIONS}


def toy(**fields: Any) -> Figure:
    def draw(table: pd.DataFrame, styles: Styles, ax: Axes) -> None:
        ax.plot(table["state_bytes"], table["accuracy"])

    return Figure(**{"name": "toy", "title": "A toy", "reading": "None.", "draw": draw, "table": scored} | fields)


def scored(results: Results) -> pd.DataFrame:
    return results.scores


@pytest.mark.parametrize(
    ("measure", "command"),
    [
        ("", "recall compare --preset demo"),
        ("capacity", "recall compare --preset demo"),
        ("extrapolation", "recall extrapolate …/demo &amp; more"),
    ],
)
def test_a_figure_needs_one_line_to_be_on_disk_and_on_the_page_with_its_command(
    small: Results, measure: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "FIGURES", {"toy": toy(measure=measure)})
    monkeypatch.setattr(report, "FIGURES", {"toy": toy(measure=measure)})
    monkeypatch.setattr(report, "SECTIONS", (tables.COMPARISON,))
    study = small.study | {"measures": ["capacity"]}
    page = write_report(dataclasses.replace(small, study=study), tmp_path).read_text(encoding="utf-8")
    section = page[page.index('<section id="toy">') :].partition("</section>")[0]
    assert f"made by <code>{command}</code>" in section
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"toy.png", "toy.svg", "toy.csv"}


def test_a_table_section_stands_after_the_one_it_follows() -> None:
    first, second = (
        TableSection(name=name, follows=follows, title=name, reading="", table=scored)
        for name, follows in (("first", "length"), ("second", "first"))
    )
    order = [one.name for one in in_order((first, second))]
    assert order[order.index("length") :][:3] == ["length", "first", "second"]
    assert order[0] == next(iter(ALL_FIGURES))
    assert in_order(SECTIONS)[0].name == "comparison"
    with pytest.raises(ValueError, match="section second follows 'first', which is not on the page"):
        in_order((second,))


def test_a_measure_without_figure_or_section_shows_its_tables_plainly(
    small: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = dataclasses.replace(small, **dict.fromkeys(("curves", "probes", "interventions", "routing"), pd.DataFrame()))
    without = {name: figure for name, figure in FIGURES.items() if figure.measure != "capacity"}
    for module in (sections, report):
        monkeypatch.setattr(module, "FIGURES", without)
    page = Page(write_report(few, tmp_path).read_text(encoding="utf-8"))
    shown = [a["id"] for tag, a in page.tags if tag == "section"]
    assert shown[-3:] == ["capacity", "capacity_sequences", "provenance"]
    assert "state_bytes" in page.said_in("th")
    assert any(words.startswith("50 of ") for words in page.said_in("p"))


def test_names_are_text_not_markup(page: Page, html: str) -> None:
    assert "<b>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>x</b>" in page.said_in("th")
    assert "demo & more" in page.said_in("h1")
    assert any("<one> core" in words for words in page.said_in("li"))


@pytest.mark.slow
def test_two_reports_of_the_same_results_are_the_same_bytes(small: Results, tmp_path: Path) -> None:
    few = dataclasses.replace(small, curves=pd.DataFrame())
    first, second = (write_report(few, tmp_path / name).parent for name in ("first", "second"))
    files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file())
    assert [f for f in files if (first / f).read_bytes() != (second / f).read_bytes()] == []


def test_every_floor_stands_in_the_table_and_in_the_terminal(results: Results, numbers: pd.DataFrame) -> None:
    page = Page(floors_table(results, numbers))
    heads = ["chance", "memoryless floor", "bag floor", "position floor", "recency floor"]
    assert page.said_in("th")[:10] == ["task", "length", "load", "payload", *heads, "ceiling"]
    cells = np.array(page.said_in("td")).reshape(len(TASKS), 9)
    for task, said, line in zip(TASKS, cells, bounds_lines(results), strict=True):
        questions, values = TASKS[task]
        low = (1 / values, 1 / values, 1 / questions, 1 if task == "copying" else 1 / values + 0.01, 1 / values + 0.02)
        assert list(said[3:8]) == [fraction(x) for x in low]
        assert ", ".join(f"{name} {fraction(x)}" for name, x in zip(FLOORS, low, strict=True)) in line


def test_floors_that_an_old_run_lacks_are_not_made_up(results: Results) -> None:
    old = results.scores.assign(memoryless=np.nan, recency=np.nan)
    lacking = dataclasses.replace(results, scores=old)
    cells = Page(floors_table(lacking, compare_memories(lacking))).said_in("td")
    assert cells.count("not measured") == 2 * len(TASKS)
    assert not [line for line in bounds_lines(lacking) if "memoryless" in line or "nan" in line]
    one_new = old.assign(recency=old["recency"].where(old["memory"] != "gru", 0.03))
    mixed = dataclasses.replace(results, scores=one_new)
    cells = Page(floors_table(mixed, compare_memories(mixed))).said_in("td")
    assert (cells.count("not measured"), cells.count(".030")) == (len(TASKS), len(TASKS))


@pytest.mark.parametrize(
    ("floors", "highest"),
    [
        ((0.1, 0.2, 0.3, 0.4, 0.5), 0.5),
        ((0.1, 0.6, 0.3, 0.4, 0.5), 0.6),
        ((0.1, 0.2, 1.0, 1.0, 0.15), 0.2),
        ((0.1, 1.0, 1.0, 1.0, 1.0), 0.1),
        ((0.1, np.nan, 0.3, 1.0, np.nan), 0.3),
    ],
)
def test_the_floor_drawn_is_the_highest_that_is_one(floors: tuple[float, ...], highest: float) -> None:
    assert list(floor(pd.DataFrame([floors], columns=FLOORS))) == [highest]


def test_what_did_not_converge_is_said(results: Results, page: Page) -> None:
    assert page.said_in("small").count("not converged (budget 2,000 updates)") == 2 * len(WRITTEN)
    lead = next(words for words in page.said_in("p") if words.startswith("Most"))
    assert "Not converged: gru and <b>x</b> on every task." in lead
    assert (
        comparison_table(results).loc["gru", "mqar"].endswith("bits; rate 0.01; not converged (budget 2,000 updates)")
    )


def test_bold_is_only_what_stands_out(numbers: pd.DataFrame, page: Page) -> None:
    assert page.said_in("strong") == ["1.00"] * len(WRITTEN)
    assert set(numbers["memory"][numbers["best"]]) == {"attention"}
    assert list(numbers.groupby("task")["best"].sum()) == [1] * len(TASKS)


def test_nobody_stands_out_where_intervals_overlap(results: Results) -> None:
    """A twin of the best memory: the same rows under another name."""
    tables = {}
    for name in TABLES:
        table = getattr(results, name)
        twin = table[table["memory"] == "attention"].assign(memory="twin") if len(table) else table
        tables[name] = pd.concat([table, twin.assign(run=twin["run"] + "-twin")]) if len(table) else table
    twins = Results(tables=tables)
    assert not compare_memories(twins)["best"].any()
    said = findings(compare_memories(twins), pair_differences(twins))
    assert (
        said[0] == "No memory stands out on mqar, needle and copying: attention and twin do not differ significantly."
    )
    assert "<strong>" not in score_table(twins, compare_memories(twins))


def test_one_memory_alone_is_not_best() -> None:
    alone = synthetic(["linear"])
    numbers = compare_memories(alone)
    assert not numbers["best"].any()
    assert pair_differences(alone).empty
    assert findings(numbers, pair_differences(alone))[0].startswith("On mqar, linear reaches .")


def test_the_first_screen_says_how_many_runs_the_clock_kept_away(results: Results) -> None:
    tests = results.scores.assign(stopped="seconds")
    poor = Results({"unfinished": 3}, {"scores": tests})
    assert missing_runs(results) == []
    assert [line[:19] for line in missing_runs(poor)] == ["Not finished: 3 of ", "Cut by the clock: 6"]
    assert "Not finished: 3 of the study" in report.opening(poor, compare_memories(results))


def test_the_number_of_seeds_is_weighed(numbers: pd.DataFrame) -> None:
    assert caution(numbers.assign(seeds=3)).startswith("3 seeds cannot ")
    assert caution(numbers.assign(seeds=1)).startswith("1 seed cannot ")
    assert caution(numbers.assign(seeds=5)) == ""


def test_seeds_that_failed_are_counted(results: Results) -> None:
    scores = results.scores.copy()
    failed = (scores["memory"] == "linear") & (scores["task"] == "mqar") & (scores["seed"] == 1)
    scores.loc[failed, ["solved", "stopped", "updates", "updates_to_solve"]] = [False, "diverged", 31, np.nan]
    numbers = compare_memories(dataclasses.replace(results, scores=scores))
    said = findings(numbers, pair_differences(results))
    assert said[-1].endswith("linear on mqar (1 of 5 seeds); gru and <b>x</b> on every task.")
    words = comparison_table(dataclasses.replace(results, scores=scores)).loc["linear", "mqar"]
    assert "; 1 of 5 not converged (diverged at update 31)" in words


def test_accuracy_of_the_table_is_the_mean_over_seeds(results: Results, numbers: pd.DataFrame) -> None:
    tests = results.scores[results.scores["kind"] == "test"]
    means = tests.groupby(["task", "memory"])["accuracy"].mean()
    numbers = numbers.set_index(["task", "memory"])
    pd.testing.assert_series_equal(numbers["mean"].sort_index(), means.sort_index(), check_names=False)
    assert ((numbers["low"] <= numbers["mean"]) & (numbers["mean"] <= numbers["high"])).all()
    assert names(results, "memory") == list(MEMORIES)


def test_tables_without_rows_leave_their_sections_out(small: Results, tmp_path: Path) -> None:
    empty = ("probes", "interventions", "routing", "curves", "distances", "breakdown", "rates", "capacity")
    nothing = dict.fromkeys(empty, pd.DataFrame())
    few = dataclasses.replace(small, **nothing, study={})
    page = Page(write_report(few, tmp_path).read_text(encoding="utf-8"))
    sections = [a["id"] for tag, a in page.tags if tag == "section"]
    assert sections == ["comparison", "frontier", "paired", "length", "effective_context_lengths", "provenance"]


def test_no_ladder_no_figure_of_length(results: Results) -> None:
    tested = results.scores[results.scores["kind"] == "test"]
    assert FIGURES["length"].table(dataclasses.replace(results, scores=tested)).empty


def test_one_length_alone_is_drawn(results: Results) -> None:
    drawn = FIGURES["length"].table(results)
    first = drawn[drawn["length"] == drawn["train_length"]]
    ax = FIGURES["length"].panel(first[first["task"] == first["task"].iloc[0]])
    assert ax.get_title(loc="left") == first["task"].iloc[0]


def test_nothing_finished_is_said(tmp_path: Path) -> None:
    nothing = Results(**{name: pd.DataFrame() for name in TABLES})
    assert "No run has finished yet." in write_report(nothing, tmp_path).read_text(encoding="utf-8")
    assert comparison_table(nothing).empty


def test_a_svg_is_xml_in_the_colours_around_it(results: Results, folder: Path) -> None:
    alone = (folder / "figures" / "length.svg").read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in alone
    assert "currentColor" in alone
    drawn = alone.replace(alone[alone.index("<style>") : alone.index("</style>")], "")
    assert INK not in drawn
    assert "date" not in drawn.lower()
    words = ["".join(t.itertext()) for t in ET.fromstring(alone).iter("{http://www.w3.org/2000/svg}text")]
    assert {"mqar", "accuracy", "<b>x</b>", "training length"} <= set(words)
    values = [t.text for t in ET.fromstring(alone).iter("{http://www.w3.org/2000/svg}title")]
    assert len(values) == len(WRITTEN) * len(SHOWN) * 5
    assert values[0] == "attention, 128 tokens: 1.00 [.962–1.00]"
    assert "<a " not in alone


def test_a_panel_of_a_page_is_a_part_of_the_file(results: Results) -> None:
    table = FIGURES["length"].table(results)
    figure = FIGURES["length"].plot(table, columns=2)
    found = panel_elements(svg_text(figure), figure, "name")
    assert len(found) == len(TASKS)
    for panel, task in zip(found, TASKS, strict=True):
        assert panel.startswith('<svg class="plot"')
        assert "<style" not in panel
        assert "xmlns" not in panel
        words = ["".join(t.itertext()) for t in ET.fromstring(panel).iter("text")]
        assert [word for word in words if word in TASKS] == [task]
    boxes = [[float(x) for x in ET.fromstring(panel).attrib["viewBox"].split()] for panel in found]
    assert boxes == [[72 * x for x in (*place, *PANEL)] for place in ((0, 0), (PANEL[0], 0), (0, PANEL[1]))]


def test_every_text_of_a_panel_lies_within_it(drawn: dict[str, pd.DataFrame]) -> None:
    """Margins are the same for all, whatever stands in them."""
    for name, figure in FIGURES.items():
        ax = figure.panel(by_panel(drawn[name])[0].assign(panel="a task with a long name, a memory of one's own"))
        box = ax.figure.get_figure(root=True).bbox
        inside = ax.get_tightbbox()
        assert inside is not None
        assert (inside.x0 >= box.x0, inside.y0 >= box.y0) == (True, True), name
        assert (inside.x1 <= box.x1, inside.y1 <= box.y1) == (True, True), name


def test_samples_look_like_their_lines() -> None:
    ax = begin(None, "", "")
    lines = [*ax.plot([0, 1], color="#0173b2", marker="s"), *ax.plot([0, 1], color=INK, linestyle="--")]
    first, second = legend_samples(lines, "key")
    assert ("#0173b2" in first, "stroke-dasharray" in first) == (True, False)
    assert ("currentColor" in second, "stroke-dasharray" in second) == (True, True)


def test_a_report_says_what_it_rests_on(results: Results, page: Page) -> None:
    said = " ".join(page.said_in("dd"))
    assert "5 of each memory on each task: enough to carry a claim on 2 tasks (5 or more)." in said
    assert (
        "by the validation of its other seeds, of 0.003, 0.01 and 0.03; by all seeds together: 0.01 for every" in said
    )
    assert f"Passed by {2 * 5 * len(SHOWN)} of {2 * 5 * len(SHOWN)} runs: untrained, none scores more" in said
    tables = {a["href"] for tag, a in page.tags if tag == "a" and a["href"].startswith("tables/")}
    filled = [name for name in TABLES if len(getattr(results, name))]
    assert {f"tables/{name}.csv" for name in (*filled, "comparison", "paired")} <= tables
    few = synthetic(seeds=3)
    assert seeds_words(compare_memories(few)) == (
        "3 of each memory on each task: too few to carry a claim on 3 tasks, which takes 5 or more."
    )
    old = results.scores.assign(initial=None, cut_off=None)
    assert checks_words(old) == "Not known: the runs are older than the checks."
    half = results.scores.assign(initial=results.scores["initial"].where(results.scores["seed"] > 0))
    assert checks_words(half).endswith("12 are older than the checks.")


def test_rates_that_differ_are_said_for_each_memory(results: Results) -> None:
    rates = results.rates.copy()
    moved = (rates["memory"] == "linear") & (rates["task"] == "mqar")
    rates.loc[moved, "validation"] = 0.5 + 0.1 * (rates["learning_rate"] == 0.03)
    apart = dataclasses.replace(results, rates=rates)
    assert "; linear 0.03 (mqar) and 0.01 (needle and copying); gru 0.01; " in rates_words(
        apart, compare_memories(apart)
    )
    alone = dataclasses.replace(results, rates=rates[rates["learning_rate"] == 0.01].assign(chosen=True))
    assert rates_words(alone, compare_memories(alone)).startswith("0.01; no other was tried")


def test_figures_leave_the_session_as_it_was(results: Results, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    table = FIGURES["length"].table(results)
    save(FIGURES["length"].plot(table), tmp_path, "one", table)
    assert dict(matplotlib.rcParams) == before
    from matplotlib import pyplot as plt

    assert plt.get_fignums() == []


def test_a_figure_draws_where_it_is_told(drawn: dict[str, pd.DataFrame]) -> None:
    mine = begin(None, "", "")
    for name, figure in FIGURES.items():
        assert figure.panel(by_panel(drawn[name])[0], ax=mine) is mine
    assert svg_file(mine.figure.get_figure(root=True)).startswith("<svg")


def test_a_memory_looks_the_same_in_every_figure(drawn: dict[str, pd.DataFrame]) -> None:
    styles = styles_of(["elsewhere", *SHOWN])
    assert len({(o.colour, o.marker) for o in styles_of([str(i) for i in range(110)]).values()}) == 110
    for name in [name for name in FIGURES if name not in WITHOUT_LEGEND]:
        ax = FIGURES[name].panel(by_panel(drawn[name])[0], styles)
        lines = {line.get_label(): line for line in ax.lines}
        for memory in SHOWN:
            assert (lines[memory].get_color(), lines[memory].get_marker()) == styles[memory][:2]


def test_the_frontier_never_passes_its_ceiling(results: Results) -> None:
    drawn = FIGURES["frontier"].table(results)
    assert (drawn["recalled_bits"] <= drawn["ceiling_bits"]).all()
    assert (drawn["ceiling_bits"] == np.minimum(drawn["payload_bits"], 8 * drawn["state_bytes"])).all()


@pytest.mark.slow
def test_odd_names_do_no_harm(tmp_path: Path) -> None:
    """Dollars (mathematics to matplotlib), braces (to str.format), an underscore (hidden from legends)."""
    results = synthetic(["linear"], 1, ["needle"])
    odd = "_a$b$ {0} & \"c'"
    tables = {name: getattr(results, name).assign(memory=odd) for name in TABLES}
    page = Page(write_report(Results(tables=tables), tmp_path).read_text(encoding="utf-8"))
    assert odd in page.said_in("th")
    without = sum(name in WITHOUT_LEGEND or not len(FIGURES[name].table(results)) for name in FIGURES)
    assert page.said_in("span").count(odd) == len(FIGURES) - without
    drawn = ET.parse(tmp_path / "figures" / "length.svg").iter("{http://www.w3.org/2000/svg}text")
    assert odd in ["".join(words.itertext()) for words in drawn]


@pytest.mark.parametrize(
    ("value", "said"), [(1, "1.00"), (0.9999, ".999"), (0.974, ".974"), (0.0001, ".001"), (0, ".000")]
)
def test_only_a_perfect_score_reads_as_one(value: float, said: str) -> None:
    assert fraction(value) == said


def test_words() -> None:
    assert [signed_number(x) for x in (0.0254, -0.0036, 0.0004, -0.0004, 1, -1)] == [
        "+.025", "−.004", ".000", ".000", "+1.00", "−1.00"
    ]  # fmt: skip
    assert [p_value(p) for p in (0.0004, 0.0238, 0.3, 1)] == ["p < .001", "p = .024", "p = .300", "p = 1.00"]
    assert span([4096, 4096]) == "4,096"
    assert span([9, 4096, 10]) == "9–4,096"
    assert [word_list(w) for w in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_the_longest_rows_have_a_sentence_of_their_own(results: Results) -> None:
    means = means_over_seeds(results.sequences)
    said = findings_at_longest(means, pair_differences(results, kind="extrapolation"))
    assert len(said) == len(TASKS)
    far = means[(means["kind"] == "extrapolation") & (means["task"] == "mqar")]
    far = far[far["length"] == far["length"].max()]
    best = far.loc[far["mean"].idxmax()]
    (sentence,) = [words for words in said if words.startswith("On mqar")]
    assert f"{best['memory']} ({accuracy(best)}) leads." in sentence
    beaten = far[far["high"] < best["low"]]
    assert len(beaten)
    assert not any(f"{memory} (" in sentence for memory in beaten["memory"])
