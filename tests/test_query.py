"""SQL over all runs: every number is where it is looked for, and nothing else can be reached."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from untrained import ROWS, a_run, keep

from runners import storage
from runners.cli import main
from runners.cli import query as asking
from runners.results import query as asked
from runners.results import tables
from runners.results.query import EXAMPLES, WrongQuery, answer, arrow_table, open_database, query
from runners.results.tables import RUN_TABLES, Columns
from runners.storage.schema import KEYS, Table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two studies; one run was asked at twice its length, one has an option."""
    folder = tmp_path_factory.mktemp("studies")
    keep(folder / "one", a_run(seed=0), ladder=(1, 2))
    keep(folder / "one", a_run(seed=1))
    keep(folder / "deep" / "two", a_run("window", window=3, pairs=3))
    return folder


def recall(capsys, *words):
    """Status, what was printed, what was complained of."""
    try:
        status = asking.run([str(word) for word in words])
    except main.Mistake as mistake:
        return 2, "", " ".join(str(mistake).split())
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_every_run_at_any_depth_is_one_row_of_runs(folder):
    runs = query("select * from runs order by task_num_pairs, seed", [folder])
    assert list(runs["seed"]) == [0, 1, 0]
    assert list(runs["task_num_pairs"]) == [2, 2, 3]
    assert list(runs["task_num_fillers"]) == [0, 0, 0]  # a default, written out
    assert list(runs["option_window"].fillna(-1)) == [-1, -1, 3]
    assert set(runs["folder"]) == {str(folder / "one"), str(folder / "deep" / "two")}
    assert runs["checksum"].nunique() == 2


def test_tables_join_by_folder_and_run(folder):
    joined = query("select training_updates, kind, length from scores join runs using (folder, run)", [folder])
    assert sorted(zip(joined["kind"], joined["length"], strict=True)) == [
        ("extrapolation", 16), ("extrapolation", 32), ("test", 16), ("test", 16), ("test", 16),
    ]  # fmt: skip
    assert query("select count(*) as n from sequences", [folder])["n"][0] == 5 * ROWS


def test_a_folder_named_twice_counts_once(folder):
    assert query("select count(*) as n from runs", [folder, folder / "one"])["n"][0] == 3


def test_the_tables_are_those_of_results(folder):
    collected = tables.collect([folder / "one"])
    for table in ("scores", "sequences", "distances", "curves"):
        mine, theirs = query(f"select * from {table}", [folder / "one"]), getattr(collected, table)
        both = [name for name in theirs if name in mine]
        assert {"run", "task", "memory", "seed"} <= set(both)
        order = [name for name in ("run", "kind", "length", "sequence", "distance_low", "update") if name in both]
        one, other = (t[both].sort_values(order, ignore_index=True) for t in (mine, theirs))
        pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_the_examples_can_be_asked(folder):
    for example in EXAMPLES:
        assert len(query(example, [folder]))


@pytest.mark.parametrize(
    "sql",
    [
        "copy scores to 'stolen.csv'",
        "copy (select 1) to 'stolen.parquet'",
        "export database 'stolen'",
        "attach 'stolen.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "pragma enable_external_access",
        "create table stolen as select 1",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from '/etc/passwd'",
        "select * from 'https://example.org/x.parquet'",
        "with stolen as (from read_text('/etc/passwd')) select * from stolen",
        "select getenv('HOME')",
        "select * from secret",
        "select 1; copy scores to 'stolen.csv'",
        "insert into scores select * from scores",
        "",
    ],
)
def test_a_query_reads_the_tables_and_nothing_else(folder, tmp_path, monkeypatch, sql):
    secret = pd.DataFrame({"a": [1]})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongQuery) as refused:
        query(sql, [folder])
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200
    assert list(tmp_path.iterdir()) == []
    assert len(secret) == 1


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select accurcy from scores", "did you mean accuracy"),
        ("select s.accurcy from scores s", "did you mean accuracy"),
        ("select * from score", "did you mean scores"),
        ("select training_clip from scores", "is in runs: join using"),
        ("select memory, accuracy from scores group by memory", "must appear in the GROUP BY"),
        ("selec 1 from scores", "syntax error"),
    ],
)
def test_a_mistake_in_sql_is_one_line_with_what_may_have_been_meant(folder, sql, said):
    with pytest.raises(WrongQuery, match=said) as refused:
        query(sql, [folder])
    assert "\n" not in str(refused.value)


def test_a_damaged_run_is_told_and_hides_no_other(tmp_path, capsys):
    places = [keep(tmp_path, a_run(seed=seed), ladder=(1,)) for seed in range(3)]
    (places[0] / "result.json").write_text((places[0] / "result.json").read_text()[:-9])
    (places[1] / "extrapolation.json").write_text("{}")
    (places[2] / "run.json").unlink()
    with pytest.warns(UserWarning, match="delete|restore|damaged") as warned:
        answer = query("select run, kind from scores", [tmp_path])
    assert len(warned) == 3
    assert answer.values.tolist() == [[places[1].name, "test"]]
    status, out, err = recall(capsys, "select run, kind from failures order by run", tmp_path)
    assert status == 1
    assert out.count("damaged") == 3
    assert len(err.splitlines()) == 3
    assert all(place.name in err for place in places)


@pytest.mark.parametrize("name", ["result.json", "extrapolation.json"])
@pytest.mark.parametrize("content", [[], {}, {"outcome": {}}, {"scores": 3}, {"scores": [3]}, {"cells": {"a": 1}}])
def test_a_sealed_record_of_another_form_is_told_and_nothing_of_it_is_read(tmp_path, capsys, name, content):
    place = keep(tmp_path, a_run(), ladder=(2,))
    record = storage.read_record(place / name)
    storage.write_record(place / name, record | content if content else content)
    kept = keep(tmp_path, a_run(seed=1))
    status, out, err = recall(capsys, "select run, kind, count(*) as n from scores group by all order by all", tmp_path)
    if name == "result.json":
        assert out.split() == ["run", "kind", "n", kept.name, "test", "1"]
    else:
        assert [line.split()[1:] for line in out.splitlines()[1:] if place.name in line][-1] == ["test", "1"]
    harmless = name == "extrapolation.json" and content == {"outcome": {}}  # more than it may hold
    assert status == (0 if harmless else 1)
    assert len(err.splitlines()) == (0 if harmless else 1)


def test_why_a_run_failed_is_a_row(tmp_path):
    keep(tmp_path, a_run(seed=1))
    storage.write_failure(tmp_path, a_run(), "it took more than 9 MB", "memory", "", 2.5)
    failure = query("select * from failures", [tmp_path]).iloc[0]
    assert (failure["run"], failure["kind"], failure["attempts"]) == (a_run().name, "memory", 1)


def test_files_hold_the_answer_and_whole_numbers_stay_whole(folder, tmp_path, capsys):
    sql = """select run, any_value(case when seed = 1 then 7 end) as w, sum(updates) as u, max(validation) as v
             from runs group by all order by w"""
    for ending in ("csv", "parquet", "json"):
        assert recall(capsys, sql, folder, "--out", tmp_path / f"a.{ending}")[0] == 0
    rows = json.loads((tmp_path / "a.json").read_text())
    assert [(row["w"], row["u"]) for row in rows] == [(7, 0), (None, 0), (None, 0)]
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[:3] == ["run,w,u,v", f"{rows[0]['run']},7,0,0.25", f"{rows[1]['run']},,0,0.25"]
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows


def test_without_sql_every_table_is_told_or_exported(folder, tmp_path, capsys):
    status, out, _ = recall(capsys, folder)
    assert status == 0
    assert "scores  5 rows" in out
    assert all(example in out for example in EXAMPLES)
    assert recall(capsys, folder, "--out", tmp_path / "all")[0] == 0
    assert {path.stem for path in (tmp_path / "all").iterdir()} == set(RUN_TABLES)
    assert len(pq.read_table(tmp_path / "all" / "scores.parquet")) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["select 1", "--out", "x.txt"], "--out ends in one of .csv, .parquet, .json, not 'x.txt'"),
        (["--out", "x.csv"], "a query belongs to 'x.csv'"),
        (["--format", "csv"], "--format is for --out DIRECTORY"),
        (["select 1", "select 2"], "one query at a time"),
        (["nowhere"], "no directory nowhere"),
        (["--colour", "red"], "unknown option --colour"),
    ],
)
def test_wrong_words_are_refused_in_a_line(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = recall(capsys, *words)
    assert status == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_left_as_it_was(folder, tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("before")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    status, _, err = recall(capsys, "select 1 as a", folder, "--out", path)
    assert status == 2
    assert "no room" in err.lower() or "no space" in err.lower()
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_text() == "before"


def test_a_wide_answer_is_a_line_for_each_value(folder, capsys):
    _, out, _ = recall(capsys, "select * from runs where seed = 1", folder)
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if len(line.split()) > 1)
    assert lines["task_num_pairs"].strip() == "2"
    assert max(map(len, out.splitlines())) <= 160


VALUES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=4)
TABLE = st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4), max_size=6)


@settings(max_examples=25, deadline=None)
@given(TABLE, TABLE)
def test_what_is_put_in_a_table_comes_out_or_comes_out_as_words(first, second):
    columns = Columns(Table("t", "", ()), KEYS)
    for rows, run in ((first, "x"), (second, "y")):
        columns.extend(rows, {"run": run})
    read = arrow_table(columns).to_pylist()
    assert [row["run"] for row in read] == ["x"] * len(first) + ["y"] * len(second)
    for given_row, row in zip([*first, *second], read, strict=True):
        for name in "abcd":
            value = given_row.get(name)
            assert row.get(name) == value or row[name] == str(value)


def test_a_query_that_takes_for_ever_can_be_stopped():
    code = (
        "import _thread, signal, threading\n"
        "from runners.results.query import answer, open_database\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in what a shell runs behind itself
        "threading.Timer(1.0, _thread.interrupt_main).start()\n"
        "with open_database({}) as connection:\n"
        "    try:\n"
        "        answer(connection, 'select sum(a.range + b.range) from range(9999999) a, range(9999999) b')\n"
        "    except KeyboardInterrupt:\n"
        "        print('stopped')\n"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "stopped\n"


@pytest.mark.slow
def test_a_query_that_takes_too_much_is_one_line():
    with open_database({}) as connection, pytest.raises(WrongQuery, match="2000 MB, which this one passes"):
        answer(connection, "select list(range) from range(1000000000) group by range % 2")


def test_an_answer_counts_toward_the_memory_of_its_query(monkeypatch):
    monkeypatch.setattr(asked, "MEMORY_MB", 32)
    with open_database({}) as connection:
        assert answer(connection, "select * from range(3000000)").num_rows == 3_000_000
        for sql in ("select * from range(1000000000000)", "select repeat('x', 30000) from range(1000000000)"):
            with pytest.raises(
                WrongQuery, match=r"an answer has 32 MB, which [\d,]+ rows of this one pass: add a limit"
            ):
                answer(connection, sql)
        with pytest.raises(WrongQuery, match="at row 50000"):
            answer(connection, "select if(range = 50000, error('at row 50000'), range) from range(90000)")
