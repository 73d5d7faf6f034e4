"""What a person sees of a row is what the row is."""

import re

import numpy as np
import pytest

from recall_tasks import MQAR, TASKS, Needle, Stream, make_task
from recall_tasks.show import LABELS, render

STREAM = Stream(MQAR(num_pairs=3), 40, seed=1)


def blocks(text: str) -> list[list[str]]:
    """The five cells of every column, read off the aligned text by place."""
    columns = []
    for block in text.split("\n\n")[1:-1]:
        lines = block.split("\n")
        assert [line[:10].strip() for line in lines] == list(LABELS)
        ends = [m.end() for m in re.finditer(r"\S+", lines[1][10:])]
        for start, end in zip([0, *ends], ends, strict=False):
            columns.append([line[10:][start:end].strip() for line in lines])
    return columns


@pytest.mark.parametrize("name", TASKS)
def test_every_token_answer_and_distance_is_there(name):
    task = TASKS[name]()
    stream = Stream(task, 48, seed=2)
    batch = stream.rows(3, 1)
    columns = blocks(render(stream, 3, elide=48))
    assert [int(c[0]) for c in columns] == list(range(48))
    assert [c[1] for c in columns] == [task.spell(t) for t in batch.tokens[0]]
    asked = [c for c in columns if c[3]]
    assert [int(c[0]) for c in asked] == batch.asked[0].tolist()
    assert [c[2] for c in asked] == [task.spell(t) for t in batch.answers[0]]
    assert [int(c[3]) for c in asked] == batch.distances[0].tolist()
    assert [int(c[4]) for c in asked] == batch.origins[0].tolist()


def test_the_head_says_what_is_asked_and_the_foot_which_rows():
    lines = render(STREAM).split("\n")
    assert lines[0] == "mqar  3 pairs, 40 tokens, vocabulary 65   payload 15.0 bits"
    assert re.fullmatch(r"chance 3\.1 %   bag floor 36\.4 %   position floor 3\d\.\d %", lines[1])
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
    assert "...(13)" in render(STREAM, elide=12)
    assert "..." not in render(STREAM, elide=13)


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


def test_rows_differ_and_wrong_ones_are_refused():
    assert render(STREAM, 0) != render(STREAM, 1)
    with pytest.raises(ValueError, match="counted from 0"):
        render(STREAM, -1)


def test_showing_draws_from_no_global_generator():
    state = str(np.random.get_state())  # noqa: NPY002
    render(STREAM)
    assert str(np.random.get_state()) == state  # noqa: NPY002
