"""Runs of other sizes or loads are other memories, and never other seeds of one."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
import torch
from untrained import a_run, keep

from runners import storage
from runners.analysis.comparison import compare_memories
from runners.analysis.extrapolation import length_summaries
from runners.cli.main import main
from runners.config.run import Training
from runners.results.diff import load_folder
from runners.results.loader import load
from runners.results.query import EXAMPLES, query, query_tables
from runners.results.tables import TABLES, collect, guide
from runners.storage import find_runs

torch.set_num_threads(1)


def of_width(width, seed=0):
    run = a_run(seed=seed)
    return dataclasses.replace(run, model=dataclasses.replace(run.model, width=width))


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)])
def test_runs_of_two_sizes_are_two_memories_and_not_two_seeds_of_one(seeds, tmp_path):
    for width, seed in zip((8, 16), seeds, strict=True):
        keep(tmp_path, of_width(width, seed), (1, 2))
    results = collect([tmp_path])
    for table in (compare_memories(results), length_summaries(results)):
        assert table[["memory", "seeds"]].to_numpy().tolist() == [["linear, width 8", 1], ["linear, width 16", 1]]
    assert set(results.rates["memory"]) == {"linear, width 8", "linear, width 16"}


def test_runs_of_two_loads_are_not_two_seeds_of_one_task(tmp_path):
    for pairs in (1, 2):
        keep(tmp_path, a_run(pairs=pairs))
    table = compare_memories(collect([tmp_path]))
    assert table[["seeds", "load"]].to_numpy().tolist() == [[1, 1], [1, 2]]


def test_seeds_of_one_size_keep_the_name_of_their_memory(tmp_path):
    for seed in (0, 1):
        keep(tmp_path, a_run(seed=seed))
    assert compare_memories(collect([tmp_path]))[["memory", "seeds"]].to_numpy().tolist() == [["linear", 2]]


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """Two widths of one memory and one of another, each at two learning rates with two seeds."""
    folder = tmp_path_factory.mktemp("grid")
    for seed in (0, 1):
        for rate in (0.01, 0.03):
            for run in (of_width(8, seed), of_width(16, seed), a_run("window", seed)):
                keep(folder, dataclasses.replace(run, training=Training(learning_rate=rate)), (1, 2))
    for place in folder.iterdir():  # of one memory the higher rate is the better one, of the others the lower
        result = storage.load_record(place / "result.json", {})
        rate = storage.load_record(place / "run.json", {})["training"]["learning_rate"]
        wide = storage.load_record(place / "run.json", {})["model"]["width"] == 16
        better = rate == 0.03 if wide else rate == 0.01
        outcome = result["outcome"] | {"validation": 0.5 + better / 4}
        storage.write_record(place / "result.json", result | {"outcome": outcome})
    return folder


EXPECTED = {("linear, width 8", 0.01), ("linear, width 16", 0.03), ("window", 0.01)}


def test_every_path_to_results_says_the_same_labels_and_chosen_rates(grid, tmp_path, capsys):
    """Python, SQL, exported files, the report's tables, differences and the command line."""
    results = collect([grid])
    sql = "select memory, training_learning_rate from scores join runs using (folder, run, memory) where kind = 'test'"
    by_sql = query(sql, [grid])
    assert {(row["memory"], row["training_learning_rate"]) for row in by_sql.to_dict("records")} == EXPECTED
    chosen = results.rates[results.rates["chosen"]]
    assert {(row["memory"], row["learning_rate"]) for row in chosen.to_dict("records")} == EXPECTED
    assert set(results.scores["run"]) == set(chosen["run"]) == set(query("select run from scores", [grid])["run"])
    assert main(["query", str(grid), "--out", str(tmp_path / "tables"), "--format", "csv"]) == 0
    assert main(["report", str(grid), "--out", str(tmp_path / "page")]) == 0
    for folder in (tmp_path / "tables", tmp_path / "page" / "tables"):
        scores = pd.read_csv(folder / "scores.csv")
        assert set(scores["memory"]) == {memory for memory, _ in EXPECTED}
        assert set(scores["run"]) == set(chosen["run"])
    runs = {run.place.name: run for run in load_folder(find_runs([grid]))}
    assert {name for name, run in runs.items() if run.columns["chosen"]} == set(chosen["run"])
    numbers = compare_memories(results)
    assert dict(zip(numbers["memory"], numbers["seeds"], strict=True)) == dict.fromkeys(dict(EXPECTED), 2)
    capsys.readouterr()


def test_the_readmes_query_over_rates_and_sizes_has_one_record_for_each_memory(grid):
    found = query(EXAMPLES[0], [grid])
    assert list(found["memory"]) == sorted(memory for memory, _ in EXPECTED)
    assert (found["seeds"] == 2).all()


def test_every_table_of_results_is_the_table_of_a_query(grid):
    results = collect([grid])
    for name in TABLES:
        mine, theirs = getattr(results, name), query(f"select * from {name}", [grid])
        assert len(mine) == len(theirs), name
        for column in mine.columns:
            one, other = (sorted(map(str, table[column].astype(object).where(table[column].notna(), None)))
                          for table in (mine, theirs))  # fmt: skip
            assert one == other, (name, column)


def test_runs_at_every_rate_are_labelled_with_their_rate_where_they_are_asked_for(grid):
    found = query_tables([grid], every_rate=True).tables["scores"].to_pandas()
    assert "linear, width 16, learning rate 0.01" in set(found["memory"])
    assert set(found["memory"]) == set(collect([grid], every=True).scores["memory"])


def test_the_page_of_tables_is_what_is_declared():
    assert (Path(__file__).parent.parent / "docs" / "tables.md").read_text(encoding="utf-8") == guide()


def test_records_with_the_old_names_of_columns_are_read_as_those_with_the_new(tmp_path):
    new, old = keep(tmp_path / "new", a_run(), (1, 2)), keep(tmp_path / "old", a_run(), (1, 2))
    names = {"num_sequences": "num_rows", "sequence": "row", "num_correct": "right", "num_questions": "asked"}
    for file in ("result.json", "extrapolation.json"):
        record = storage.read_record(old / file)
        record["cells"] = record.pop("breakdown")
        record["sequences"] = [
            {names.get(key, key): value for key, value in one.items()} for one in record["sequences"]
        ]
        for table in ("scores", "distances", "cells"):
            record[table] = [
                {"num_rows" if key == "num_sequences" else key: value for key, value in one.items()}
                for one in record[table]
            ]
        storage.write_record(old / file, record)
    for table in ("scores", "sequences", "distances", "breakdown"):
        pd.testing.assert_frame_equal(
            getattr(collect([new.parent]), table), getattr(collect([old.parent]), table), obj=table
        )


def test_a_run_that_an_older_version_had_limited_by_the_clock_is_no_second_seed(tmp_path):
    run = a_run()
    older = dataclasses.replace(run, training=Training(seconds=30.0))
    object.__setattr__(older, "identity", older.identity_of(older.to_json()))
    places = [keep(tmp_path, one) for one in (older, run)]
    assert [place.name for place in places] == [older.name, run.name]
    assert [one.place for one in load(places).runs] == [places[1]]
