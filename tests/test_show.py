"""What a person sees of a row is what the row is."""

import re

import numpy as np
import pytest

from recall_tasks import MQAR, TASKS, Needle, Stream, make_task
from recall_tasks.bounds import floors
from recall_tasks.show import labels, percent, render, render_row

STREAM = Stream(MQAR(num_pairs=3), 40, seed=1)
HEADS = [["t", "tokens", "answer", "distance", last] for last in ("written at", "rests from")]


def blocks(text: str) -> list[list[str]]:
    """The five cells of every column, read off the aligned text by place."""
    columns = []
    for block in text.split("\n\n")[1:-1]:
        lines = block.split("\n")
        heads = [line[:10].strip() for line in lines]
        assert heads in HEADS or heads == HEADS[0][:3], "a block that asks nothing has no distances"
        lines += [""] * (5 - len(lines))
        ends = [m.end() for m in re.finditer(r"\S+", lines[1][10:])]
        for start, end in zip([0, *ends], ends, strict=False):
            columns.append([line[10:][start:end].strip() for line in lines])
    return columns


@pytest.mark.parametrize("name", TASKS)
def test_every_token_answer_and_distance_is_there(name):
    task = TASKS[name]()
    stream = Stream(task, max(48, task.min_length), seed=2)
    batch = stream.rows(3, 1)
    columns = blocks(render(stream, 3, elide=stream.length))
    assert [int(c[0]) for c in columns] == list(range(stream.length))
    assert [c[1] for c in columns] == [task.spell(t) for t in batch.tokens[0]]
    asked = [c for c in columns if c[3]]
    real = batch.asking[0]
    assert real.any()
    assert [int(c[0]) for c in asked] == batch.asked[0][real].tolist()
    assert [c[2] for c in asked] == [task.spell(t) for t in batch.answers[0][real]]
    assert [int(c[3]) for c in asked] == batch.distances[0][real].tolist()
    assert [int(c[4]) for c in asked] == batch.origins[0][real].tolist()
    assert all(c[2] in (".", "") for c in columns if not c[3])


@pytest.mark.parametrize(("i", "name"), list(enumerate(TASKS)))
def test_no_line_of_any_task_is_wider_than_it_may_be(i, name):
    task, width = TASKS[name](), (40, 80)[i % 2]
    shown = render(Stream(task, max(64, task.min_length)), width=width).split("\n")
    assert max(len(line) for line in shown[:-1]) <= width


def test_spare_questions_are_not_shown():
    stream = Stream(make_task("mixture", max_load=8), 64)
    row = int(stream.rows(0, 64).asking.sum(1).argmin())
    batch = stream.rows(row, 1)
    assert not batch.asking.all()
    assert len([c for c in blocks(render(stream, row)) if c[3]]) == batch.asking.sum()


def test_the_head_says_what_is_asked_and_the_foot_which_rows():
    lines = render(STREAM).split("\n")
    assert lines[0] == "mqar  3 pairs, 40 tokens, vocabulary 65   payload 15.0 bits"
    low = floors(STREAM.task, 40)
    said = "  ".join(f"{name} {percent(low[name])}" for name in ("chance", "memoryless", "bag", "position", "recency"))
    assert lines[1] == f"floors  {said}"
    assert lines[1].startswith("floors  chance 3.1 %  memoryless 3.")
    assert "  bag 36 %  position 3" in lines[1]
    assert lines[2] == ""
    assert lines[-1] == f"checksum {STREAM.checksum()}  (first 256 rows; row 0 of split train, seed 1)"


@pytest.mark.parametrize("width", [40, 60, 100, 1000])
def test_lines_keep_the_width(width):
    body = render(STREAM, width=width, elide=40).split("\n\n")[1:-1]
    assert all(len(line) <= width for block in body for line in block.split("\n"))
    assert (len(body) == 1) == (width == 1000)


def test_long_runs_are_left_out_and_counted():
    columns = blocks(render(Stream(Needle(haystack="uniform"), 300, seed=1)))
    left_out = sum(int(c[1][4:-1]) for c in columns if c[1].startswith("..."))
    assert left_out + sum(not c[1].startswith("...") for c in columns) == 300
    assert len(columns) < 40


def test_runs_are_left_out_from_one_more_than_allowed():
    stream = Stream(make_task("copy", num_tokens=4), 21)
    assert "...(13)" in render(stream, elide=12)
    assert "..." not in render(stream, elide=13)


def test_blanks_that_ask_are_never_left_out():
    stream = Stream(make_task("copy", num_tokens=20), 60)
    assert sum(bool(c[3]) for c in blocks(render(stream))) == 20


def test_colour_changes_nothing_but_colour():
    plain, coloured = render(STREAM), render(STREAM, colour=True)
    assert "\033" not in plain
    assert "\033[36m" in coloured
    assert "\033[32m" in coloured
    body = [re.sub("\033\\[\\d+m", "", line).rstrip() for line in coloured.split("\n")]
    assert body == plain.split("\n")


def test_what_is_derived_was_written_nowhere():
    class Derived(MQAR):
        derived = True

    assert labels(MQAR())[-1] == "written at"
    assert labels(Derived())[-1] == "rests from"
    last = render_row(Stream(Derived(num_pairs=3), 24), width=200).split("\n")[-1]
    assert last.startswith("rests from ")


@pytest.mark.parametrize(
    ("letter", "code"), [("k", 36), ("v", 32), (".", 2), ("|", 33), ("=", 33), ("n", 35), ("7", 35)]
)
def test_every_role_has_its_colour(letter, code):
    class Spelled(MQAR):
        def word(self, token):
            return f"{letter}{token}"

    tokens = render_row(Stream(Spelled(num_pairs=1), 4), colour=True).split("\n")[1]
    assert re.findall(r"\033\[(\d+)m *(\S)\d+\033", tokens) == [(str(code), letter)] * 4
    assert tokens.count(f"\033[{code}m") == 4


@pytest.mark.parametrize(
    ("share", "said"),
    [(1, "100 %"), (0.9999, "99 %"), (0.125, "13 %"), (0.0995, "10 %"), (0.0994, "9.9 %"), (1 / 32, "3.1 %"),
     (1 / 4096, "0.024 %"), (0, "0 %")],
)  # fmt: skip
def test_a_share_is_said_in_two_digits_and_only_all_of_it_as_all(share, said):
    assert percent(share) == said


def test_rows_differ_and_wrong_ones_are_refused():
    assert render(STREAM, 0) != render(STREAM, 1)
    with pytest.raises(ValueError, match="counted from 0"):
        render(STREAM, -1)


def test_showing_draws_from_no_global_generator():
    state = str(np.random.get_state())  # noqa: NPY002
    render(STREAM)
    assert str(np.random.get_state()) == state  # noqa: NPY002
