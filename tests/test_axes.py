"""Axes are crossed or zipped into runs that stand alone, and results say from which value on a task is solved."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from untrained import a_run, keep

from recall_tasks import MQAR, TaskGrid, make_task
from runners.analysis import axes
from runners.analysis.axes import threshold_table, thresholds
from runners.cli.main import main
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.figures import FIGURES
from runners.results.query import query
from runners.results.tables import TABLES, Results, collect
from runners.statistics import wilson
from runners.studies.question import ModelEntry, Question, TaskEntry
from runners.studies.study_file import load_study

torch.set_num_threads(1)

LINEAR = (ModelEntry("linear"),)


def names(question: Question) -> set[str]:
    return {run.name for run in question.study().runs}


def of(fields: dict[str, Any], **more: Any) -> Question:
    return Question("q", (TaskEntry("mqar"),), LINEAR, seeds=2, **more).with_fields(fields)


def test_crossed_axes_are_the_union_of_their_single_runs() -> None:
    together = of({"length": [32, 64], "num_pairs": [2, 4], "width": [8, 16], "learning_rate": [0.01, 0.03]})
    alone = {
        Run(TaskSetting("mqar", n, {"num_pairs": k}), ModelSetting("linear", {}, w), Training(learning_rate=r), s).name
        for n, k, w, r, s in itertools.product([32, 64], [2, 4], [8, 16], [0.01, 0.03], [0, 1])
    }
    assert names(together) == alone
    assert together.size == len(alone)


def test_zipped_axes_take_their_values_one_by_one() -> None:
    pairs = [(32, 2), (48, 3), (64, 4)]
    given = {"length": [n for n, _ in pairs], "num_pairs": [k for _, k in pairs]}
    single = [names(of({"length": n, "num_pairs": k})) for n, k in pairs]
    assert names(of(given, zip=(("length", "num_pairs"),))) == set().union(*single)


def test_an_axis_belongs_to_the_entry_that_has_it() -> None:
    tasks = TaskEntry("mqar:num_pairs=2", 32), TaskEntry("copy", [16, 32], {"num_tokens": 4})
    models = ModelEntry("gru"), ModelEntry("grm", {"segment": [8, 16]})
    runs = Question("q", tasks, models, seeds=1).study().runs
    assert len(runs) == 3 * 3
    swept = Question("q", tasks, models, seeds=1).with_fields({"num_pairs": [4, 8], "segment": 8}).study().runs
    assert len(swept) == 3 * 2  # what stands in the word stays
    assert {run.task.task.num_pairs for run in swept if run.task.name == "mqar"} == {2}  # type: ignore[attr-defined]


def test_a_file_says_axes_in_the_same_words(tmp_path: Path) -> None:
    content = {
        "tasks": [{"name": "mqar", "length": [32, 64], "fields": {"num_pairs": [2, 4]}}], "models": ["linear"],
        "training": {"learning_rate": [0.003, 0.01]}, "seeds": 2, "zip": [["length", "num_pairs"]],
    }  # fmt: skip
    (tmp_path / "q.json").write_text(json.dumps(content))
    given = {"length": [32, 64], "num_pairs": [2, 4], "learning_rate": [0.003, 0.01]}
    assert load_study(str(tmp_path / "q.json")) == of(given, zip=(("length", "num_pairs"),)).study()


def test_a_task_with_lists_for_values_is_a_grid_of_tasks() -> None:
    grid: Any = MQAR(num_pairs=[4, 8], num_keys=16)  # type: ignore[arg-type]
    assert isinstance(grid, TaskGrid)
    assert list(grid) == [MQAR(num_pairs=n, num_keys=16) for n in (4, 8)]
    with pytest.raises(ValueError, match="num_pairs takes a whole number, not"):
        make_task("mqar", num_pairs=[4, 8])


REFUSED = {
    "mqar linear --length 64,128 --num-pairs 4,64 --num-keys 64": "length 64, num_pairs 64 (",
    "mqar linear --length 0": "need at least 24 tokens, not 0",
    "mqar linear --length 12 --num-pairs 4,8": "not 12): leave such cells out",
    "mqar linear --length 64,128 --num-pairs 4,6,8 --zip length,num_pairs": "length has 2 and num_pairs has 3",
    "mqar linear --num-pairs 4,8 --zip length,num_pairs": "length has 1 and num_pairs has 2",
    "mqar linear --num-pairs 4,8 --zip num_pears,width": "nothing to zip in num_pears,width",
    "mqar linear --num-pairs 4,4": "each value of num_pairs once",
    "mqar linear --num-pairs 1,2,3,4,5 --seeds 2000": "10,000 runs, more than 1,000: add --yes",
    "mqar linear --segment 8,16": "unknown option --segment",
    "mqra": "did you mean mqar?",
}


@pytest.mark.parametrize("words", REFUSED)
@pytest.mark.parametrize("command", ["compare", "sweep"])
def test_what_cannot_be_crossed_is_one_sentence(
    command: str, words: str, capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, *words.split()]) == 2
    said = capsys.readouterr().err
    assert REFUSED[words] in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_cells_that_cannot_be_are_left_out_where_that_is_asked_for() -> None:
    given = {"length": [32, 64], "num_pairs": [4, 16]}
    assert names(of(given, feasible=True)) == names(of({"length": 32, "num_pairs": 4})) | names(
        of({"length": 64, "num_pairs": [4, 16]})
    )


def test_train_trains_one_run(capsys: Any) -> None:
    assert main(["train", "mqar", "linear", "--length", "32,64"]) == 2
    assert "trains one run, not 2" in capsys.readouterr().err


@pytest.fixture(scope="module")
def results(tmp_path_factory: Any) -> Results:
    folder = tmp_path_factory.mktemp("axes")
    for pairs, width, seed in itertools.product((1, 2), (8, 16), (0, 1)):
        run = a_run(pairs=pairs, seed=seed)
        model = ModelSetting("linear", run.model.options, width, run.model.layers)
        keep(folder, Run(run.task, model, run.training, seed), (1, 2))
    found = collect([folder])
    assert set(query("select distinct axis_width, axis_num_pairs from scores", [folder])["axis_width"]) == {8, 16}
    return found


def test_every_table_has_the_axes_as_columns(results: Results) -> None:
    for name in TABLES:
        if len(table := results.tables[name]):
            assert {"axis_task", "axis_memory", "axis_num_pairs", "axis_width"} <= set(table), name
    assert set(results.scores["task"]) == {"mqar, num pairs 1", "mqar, num pairs 2"}
    assert set(results.scores["memory"]) == {"linear, width 8", "linear, width 16"}


@pytest.mark.parametrize("name", ["axes", "axis_maps"])
def test_axes_are_drawn(results: Results, name: str) -> None:
    table = FIGURES[name].table(results)
    assert FIGURES[name].plot(table).axes
    assert len(threshold_table(results)) == 4


@pytest.mark.parametrize("seeds", [1, 3, 4, 6])
def test_a_threshold_is_what_counting_says(seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, values, nothing = np.random.default_rng(seeds), [1, 2, 4, 8], Results()
    for _ in range(8):
        solved = rng.integers(0, seeds + 1, len(values))
        points = pd.DataFrame({"value": values, "solved": solved, "seeds": seeds})
        points[["task", "memory", "axis", "at"]] = "t", "m", "a", ""
        monkeypatch.setattr(axes, "axis_points", lambda _, points=points: points)
        found = thresholds(nothing).iloc[0]
        bounds = [[float(end) for end in wilson(k, seeds)] for k in solved]
        for column, reached in (
            ("smallest", [k / seeds >= 0.5 for k in solved]),
            ("low", [high >= 0.5 for _, high in bounds]),
            ("high", [low >= 0.5 for low, _ in bounds]),
        ):
            want = next((value for value, yes in zip(values, reached, strict=True) if yes), None)
            assert (None if pd.isna(found[column]) else found[column]) == want
        assert ("cannot show it" in found["verdict"]) <= (seeds < 4)
        assert ("not within the axis" in found["verdict"]) == (not any(k / seeds >= 0.5 for k in solved))
