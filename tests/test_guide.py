"""docs/tasks.md is what the registry says, and Markdown that reads as it was meant."""

import dataclasses
import re
import shlex
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from recall_tasks import MQAR, TASKS, Preset, bounds, guide
from recall_tasks.markdown import docstring, first_sentence, linked, prose, table
from runners.cli.main import main

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def text():
    return guide.page()


@pytest.fixture(scope="module")
def sections(text):
    opening, *sections = re.split(r"^## ", text, flags=re.M)
    return {section.partition("\n")[0]: section for section in sections} | {"": opening}


def rows(section, first):
    """The cells of the table whose first head is this one."""
    (found,) = re.findall(rf"^\| {first} \|.*\n\| -.*\n((?:\|.*\n)+)", section, re.M)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in found.splitlines()]


def test_the_page_is_what_the_registry_says(text):
    said = (ROOT / guide.PAGE).read_text(encoding="utf-8").splitlines()
    other = [line for line in text.splitlines() if line not in said]
    assert said == text.splitlines(), f"docs/tasks.md lacks {other[:2]}: run `make docs`"


def test_every_task_has_its_line_and_its_section(text, sections):
    assert list(sections)[:-1] == list(TASKS)
    lines = rows(sections[""], "task")
    assert [line[0] for line in lines] == [f"[{name}](#{name})" for name in TASKS]
    assert [line[1] for line in lines] == [prose(first_sentence(kind)) for kind in TASKS.values()]


@pytest.mark.parametrize("name", TASKS)
def test_a_section_holds_every_field_every_setting_and_the_source(name, sections):
    task, section = TASKS[name](), sections[name]
    said = [(line[0], line[3]) for line in rows(section, "field")]
    fields = dataclasses.fields(task)
    assert said == [(f"`--{f.name.replace('_', '-')}`", f.metadata["moves"]) for f in fields]
    settings = rows(section, "preset") if task.presets else []
    assert [line[0] for line in settings] == [f"`{preset}`" for preset in task.presets]
    assert [line[1] for line in settings] == [f"{preset.length:,}" for preset in task.presets.values()]
    assert section.count("```") == 2
    (source,) = re.findall(r"^Source: .*Code: \[(.*)\]\(\.\./(.*)\), version (\d+)\.$", section, re.M)
    assert source[0] == source[1]
    assert (ROOT / source[0]).read_text().count(f"class {type(task).__name__}(") == 1
    assert source[2] == str(task.version)


@pytest.mark.parametrize("name", TASKS)
def test_a_row_is_what_its_command_prints(name, sections, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    (block,) = re.findall(r"```text\n(.*?)\n```", sections[name], re.S)
    command, _, row = block.partition("\n\n")
    assert command.startswith(f"$ recall show {name} --length ")
    assert main(shlex.split(command)[2:]) == 0
    assert f"\n\n{row}\n\nchecksum " in capsys.readouterr().out
    assert row


def test_numbers_are_those_of_the_bounds(sections):
    low = bounds.floors(MQAR(), 64)
    (line,) = rows(sections["mqar"], "chance")
    said = [float(cell.removesuffix("\N{NO-BREAK SPACE}%")) / 100 for cell in line]
    assert said[:5] == [pytest.approx(floor, abs=0.005) for floor in low.values()]
    assert said[5:] == [pytest.approx(bounds.ceiling(bits, MQAR(), 64), abs=0.005) for bits in (10, 20, 40)]
    assert (
        "8 pairs, 8 questions, 32 answers to choose from. The payload is 40 bits (8 × log2 32), as in 256"
        in (sections["mqar"])
    )


def test_a_payload_that_grows_and_items_held_by_and_by_are_said():
    class Growing(MQAR):
        derived = True

        def payload_bits(self, length):
            return length / 2

        def bottlenecks(self, length):
            return [(0.5, self.shares[:1]), (0.5, self.shares[:3])]

    said = guide.demands(Growing())
    assert "worked out of several tokens. The payload is 32 bits, and 128 bits in 256 tokens." in said
    assert said.endswith("Questions are put with 1 to 3 items held.")


def test_the_page_is_markdown_that_github_takes(text):
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    tables = sum(token.type == "table_open" for token in tokens)
    assert tables == 1 + sum(2 + bool(kind.presets) for kind in TASKS.values())
    assert not [t for t in tokens if t.type in ("html_block", "bullet_list_open", "ordered_list_open", "hr")]
    assert not [t for t in tokens if t.type == "heading_open" and t.tag not in ("h1", "h2")]
    inline = [child for token in tokens for child in token.children or ()]
    assert not [child for child in inline if child.type in ("html_inline", "image")]
    emphasised = [inline[i + 1].content for i, child in enumerate(inline) if child.type == "em_open"]
    assert emphasised == ["Chance", "Memoryless", "Bag", "Position", "Recency"]
    links = [child.attrs["href"] for child in inline if child.type == "link_open"]
    assert all(
        re.match(r"https://arxiv\.org/abs/\d{4}\.\d{4,5}$|https://|#|\.\./recall_tasks/", link) for link in links
    )
    assert {link[1:] for link in links if link[0] == "#"} == set(TASKS)
    words = "".join(child.content for child in inline if child.type == "text")
    assert "](" not in words
    assert "arXiv" not in re.sub(r"arXiv \d{4}\.\d{4,5}", "", words)


def test_every_row_of_a_table_has_as_many_cells_as_its_head(text):
    for found in re.findall(r"(?:^\|.*\n)+", text, re.M):
        widths = {len(re.split(r"(?<!\\)\|", line)) for line in found.splitlines()}
        assert len(widths) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("- 1 of them", "\\- 1 of them"),
        ("1. a place", "1\\. a place"),
        ("# of keys, k_1 and num_keys", "\\# of keys, k_1 and num_keys"),
        ("S <- a * S, _ is blank, `a_ * <b>` stays", "S \\<- a \\* S, \\_ is blank, `a_ * <b>` stays"),
        ("plain - words, 1.5 of 2", "plain - words, 1.5 of 2"),
    ],
)
def test_prose_stays_prose(line, said):
    assert prose(line) == said
    tokens = MarkdownIt("commonmark").parseInline(said.replace("`", ""))[0].children
    assert "".join(token.content for token in tokens) == line.replace("`", "")


def test_papers_and_repositories_become_links():
    assert linked("(arXiv 2312.04927)") == "([arXiv 2312.04927](https://arxiv.org/abs/2312.04927))"
    assert linked("arXiv 1410.5401, 1610.06258.") == (
        "[arXiv 1410.5401](https://arxiv.org/abs/1410.5401), [arXiv 1610.06258](https://arxiv.org/abs/1610.06258)."
    )
    assert linked("(github.com/a/b_c)") == "([github.com/a/b_c](https://github.com/a/b_c))"


def test_docstrings_keep_their_drawings_and_say_first_what_is_first():
    class Drawn:
        """Say a * b. Then more,
        and more.

            tokens  * _ <
        """

    assert docstring(Drawn) == "Say a \\* b. Then more,\nand more.\n\n    tokens  * _ <"
    assert first_sentence(Drawn) == "Say a * b."


def test_a_bar_in_a_cell_is_not_its_end():
    assert table(("a", "b"), [("x|y", "1")], "lr") == "| a | b |\n| --- | ---: |\n| x\\|y | 1 |"


def test_a_task_without_settings_has_no_table_of_them_and_one_with_has(monkeypatch):
    monkeypatch.setattr(MQAR, "presets", {})
    assert "Published settings" not in guide.section(MQAR())
    monkeypatch.setattr(
        MQAR, "presets", {"mine": Preset({"num_pairs": 4, "placement": "uniform"}, 4096, "as published")}
    )
    assert "| `mine` | 4,096 | num_pairs 4, placement uniform | as published |" in guide.section(MQAR())
