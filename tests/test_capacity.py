"""Capacity: what is asked of a finished run, what is not asked twice, and the tables and figures made of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from recall_tasks import Stream, bounds, make_task
from runners.analysis.capacity import capacities, interval, slopes
from runners.analysis.summaries import capacity as capacity_summary
from runners.cli.main import main
from runners.config.run import ModelSetting, Run, TaskSetting
from runners.figures import FIGURES
from runners.measures import MEASURES, requests
from runners.measures.capacity import plan
from runners.results.tables import Results
from runners.studies.presets import PRESETS

torch.set_num_threads(1)
CAPACITY = MEASURES["capacity"]
check, measure, merge, remaining = (getattr(CAPACITY, name) for name in ("check", "measure", "merge", "remaining"))
KEYS = {"num_keys": 16, "num_values": 8}
SMALL = TaskSetting("mqar", 24, {"num_pairs": 4, **KEYS})


def run_of(task: TaskSetting = SMALL, memory: str = "linear", **options: Any) -> Run:
    return Run(task, ModelSetting(memory, options, width=16, layers=1))


def asked(run: Run, **wanted: Any) -> dict[str, Any]:
    return measure(run, run.build().eval(), {"rows": 16, **wanted})[0]


def test_every_load_is_asked_at_the_length_of_the_longest() -> None:
    """16 keys allow 16 pairs, which need 48 tokens, more than the 24 of the training."""
    tasks, length = plan(run_of(), {"loads": None})
    assert (list(tasks), length) == ([1, 2, 4, 8, 16], 48)
    assert plan(run_of(), {"loads": [2, 4]})[1] == 24  # that of the training
    assert list(plan(run_of(), {"length": 30})[0]) == [1, 2, 4, 8]


def test_a_load_that_nobody_named_takes_no_endless_rows() -> None:
    """Copying has no alphabet to run out of: rows grow to 16 times the training length and no further."""
    tasks, length = plan(run_of(TaskSetting("copy", 16, {"num_tokens": 8})), {})
    assert (max(tasks), length) == (128, 256)


def test_a_run_trained_on_a_blend_is_asked_the_task_itself() -> None:
    blend = TaskSetting("mixture", 24, {"of": "mqar:num_keys=16,num_values=8", "max_load": 8})
    tasks, _ = plan(run_of(blend), {"loads": [1, 16]})
    assert {task.name for task in tasks.values()} == {"mqar"}
    assert tasks[16] == make_task("mqar", None, num_pairs=16, **KEYS)


@pytest.mark.parametrize("name", ["parity", "induction", "permutation"])
def test_a_task_that_stores_as_much_at_any_load_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} asks to store .* whatever its num_.*: it has no capacity"):
        check(run_of(TaskSetting(name, 24)), {})


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"loads": [32]}, "32 pairs need as many keys, not 16"),
        ({"loads": [8], "length": 12}, "a load of 8 needs 24 tokens, not 12"),
        ({"loads": [0]}, "at least 1"),
        ({"loads": [True]}, "at least 1"),
        ({"loads": []}, "a list of integers"),
        ({"rows": 0}, "at least 1"),
        ({"length": 2}, "no load fits into 2 tokens"),
        ({"load": [1]}, "capacity takes loads, length, rows, not 'load'"),
    ],
)
def test_what_cannot_be_asked_is_said_before_any_work(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(run_of(), wanted)


def test_a_load_is_scored_as_the_stream_of_its_task_is() -> None:
    run = run_of()
    model = run.build().eval()
    record, kept = measure(run, model, {"loads": [2, 8], "rows": 16})
    task = make_task("mqar", None, num_pairs=8, **KEYS)
    batch = Stream(task, 24, "test").rows(0, 16)
    np.testing.assert_array_equal(kept["24/8/answers"].numpy(), batch.answers)
    right = (kept["24/8/predicted"].numpy() == batch.answers).sum(1)
    assert [r["num_correct"] for r in record["capacity_sequences"] if r["load"] == 8] == list(right)
    row = record["capacity"][1]
    assert (row["load"], row["length"], row["num_questions"], row["num_sequences"]) == (8, 24, 8, 16)
    assert row["accuracy"] == right.sum() / 128
    assert row["payload_bits"] == 8 * 3
    assert row["state_bytes"] == 4 * row["state_floats"] == 4 * model.state_floats(24)
    assert row["bits_per_state_bit"] == bounds.recalled_bits(row["accuracy"], task, 24) / (8 * row["state_bytes"])
    assert row["low"] <= row["accuracy"] <= row["high"]


def test_no_load_is_asked_twice() -> None:
    run = run_of()
    first = asked(run, loads=[1, 4], length=48)
    assert remaining(None, {}) is not None
    assert remaining(first, {"loads": [1, 4], "length": 48, "rows": 16}) is None
    assert remaining(first, {"loads": [1, 4], "length": 48, "rows": 17}) is not None
    left = remaining(first, {"loads": None, "length": 48, "rows": 16})
    assert left is not None
    more = asked(run, **left)
    assert [d[:2] for d in more["done"]] == [[48, 2], [48, 8], [48, 16]]
    both = merge(first, more)
    assert [row["load"] for row in both["capacity"]] == [1, 2, 4, 8, 16]
    assert remaining(both, {"length": 48, "rows": 16}) is None
    whole = asked(run, loads=None, length=48)
    assert [both[table] for table in ("capacity", "capacity_sequences")] == [
        whole[table] for table in ("capacity", "capacity_sequences")
    ]


def test_more_rows_replace_fewer() -> None:
    run = run_of()
    first, second = asked(run, loads=[2, 4]), asked(run, loads=[4], rows=32)
    both = merge(first, second)
    assert both["done"] == [[24, 2, 16], [24, 4, 32]]
    assert len(both["capacity_sequences"]) == 48
    assert asked(run, loads=[4], rows=32, done=first["done"])["done"] == [[24, 4, 32]]
    assert asked(run, loads=[4], rows=32, done=second["done"])["done"] == []


def invented(sizes: tuple[int, ...] = (8, 16, 32), loads: tuple[int, ...] = (1, 2, 4, 8, 16, 32), seeds: int = 3,
             task: str = "mqar") -> Results:  # fmt: skip
    """Memories of one family that hold as many pairs as a tenth of their bytes, one that holds all, one nothing."""
    rng = np.random.default_rng(0)
    state = {f"linear {d}": (d * 8, d * 0.8) for d in sizes} | {"attention": (8192, 1e9), "none": (64, 0.01)}
    tables: dict[str, list[dict[str, Any]]] = {"capacity": [], "capacity_sequences": []}
    for seed in range(seeds):
        for memory, (bytes_, half) in state.items():
            key = {"run": f"{memory}-{seed}", "task": task, "memory": memory, "seed": seed, "length": 96}
            for load in loads:
                right = rng.binomial(load, 1 / (1 + (load / half) ** 2), 64)
                share = right.sum() / (64 * load)
                tables["capacity"].append(
                    key | {"load": load, "family": memory.split()[0], "accuracy": share, "chance": 1 / 64, "bag": 0.02,
                           "ceiling": 1.0, "state_bytes": bytes_, "state_floats": bytes_ // 4,
                           "recalled_bits": 6 * load * share, "bits_per_state_bit": 6 * load * share / (8 * bytes_)}
                )  # fmt: skip
                tables["capacity_sequences"] += [
                    key | {"load": load, "sequence": i, "num_correct": int(r), "num_questions": load}
                    for i, r in enumerate(right)
                ]
    fields = {"num_pairs": 32, "num_keys": 64, "num_values": 64} if task == "mqar" else {}
    study = {"runs": [{"task": {"name": task, "length": 96, "fields": fields}}]}
    empty = {name: pd.DataFrame() for name in ("scores", "sequences", "distances", "curves", "probes")}
    return Results(**empty, **{name: pd.DataFrame(rows) for name, rows in tables.items()}, study=study)


@pytest.fixture(scope="module")
def results() -> Results:
    return invented()


def test_capacities_of_known_curves_are_found(results: Results) -> None:
    found = capacities(results).set_index(["memory", "threshold"])
    assert len(found) == 2 * 5
    for size in (8, 16, 32):
        half, most = found.loc[(f"linear {size}", 0.5)], found.loc[(f"linear {size}", 0.9)]
        assert half["capacity"] == pytest.approx(0.8 * size, rel=0.1)
        assert most["capacity"] == pytest.approx(0.8 * size / 3, rel=0.15)
        assert half["low"] <= half["capacity"] <= half["high"]
        assert most["information"] < half["information"] == pytest.approx(64 * size / 2.0, rel=0.02)
    assert interval(found.loc[("attention", 0.5)]) == ">= 32"
    assert interval(found.loc[("none", 0.9)]) == "< 1"


def test_slopes_are_those_of_a_family(results: Results) -> None:
    found = slopes(results)
    assert list(found["family"]) == ["linear", "linear"]
    assert found["slope"].to_numpy() == pytest.approx(1, abs=0.1)
    assert set(found["used"]) == set(found["of"]) == {3}


def test_loads_that_one_seed_lacks_are_left_out(results: Results) -> None:
    tables = {name: getattr(results, name) for name in ("capacity", "capacity_sequences")}
    kept = {name: table[(table["load"] < 32) | (table["seed"] > 0)] for name, table in tables.items()}
    found = capacities(dataclasses.replace(results, **kept))
    assert set(found["largest"]) == {16}


def test_a_threshold_at_chance_is_left_out(results: Results) -> None:
    coin = dataclasses.replace(results, capacity=results.capacity.assign(chance=0.5))
    assert set(capacities(coin)["threshold"]) == {0.9}


def test_without_the_study_there_are_no_laws(results: Results) -> None:
    assert capacities(dataclasses.replace(results, study={}))[["information", "hebbian"]].isna().all(axis=None)
    found = capacities(invented(task="in_context"))
    assert found[["information", "hebbian"]].isna().all(axis=None)
    assert found["capacity"].notna().all()


def test_the_command_says_what_was_found_in_words(results: Results) -> None:
    table, *lines = capacity_summary(results, {})
    assert isinstance(table, pd.DataFrame)
    assert list(table["memory"]) == ["linear 8", "linear 16", "linear 32", "attention", "none"]
    assert table.set_index("memory").loc["attention", "holds at 0.5"] == ">= 32"
    assert [str(line).split(":")[0] for line in lines] == [
        "linear on mqar, 96 tokens, at 0.5", "linear on mqar, 96 tokens, at 0.9"
    ]  # fmt: skip
    assert str(lines[0]).endswith("over 3 of 3 states")
    few = dataclasses.replace(results, capacity=results.capacity[results.capacity["load"] < 4])
    assert "no slope, as 0 of 3 states" in str(capacity_summary(few, {})[1])


@pytest.mark.parametrize("name", ["capacity", "laws", "bits"])
def test_figures_show_every_memory_and_what_it_is_held_against(results: Results, name: str) -> None:
    figure = FIGURES[name]
    drawn = figure.table(results)
    assert set(drawn["panel"]) == {"mqar"}
    ax = figure.panel(drawn)
    labels = {str(line.get_label()) for line in ax.lines}
    assert set(results.capacity["memory"]) <= labels
    lines = {"capacity": {"bag floor", "chance"}, "laws": {"Hebbian law", "information ceiling", "inverse law"}}
    assert lines.get(name, {"information ceiling"}) <= labels
    figure.plot(drawn).savefig("/dev/null", format="png")
    nothing = dataclasses.replace(results, capacity=pd.DataFrame(), capacity_sequences=pd.DataFrame())
    assert figure.table(nothing).empty


def test_the_load_of_training_is_marked_for_every_memory(results: Results) -> None:
    tests = results.capacity.drop_duplicates("run").assign(kind="test", load=7)
    drawn = FIGURES["capacity"].table(dataclasses.replace(results, scores=tests))
    assert (drawn["train_load"] == 7).all()


def test_lengths_have_panels_of_their_own(results: Results) -> None:
    tables = {name: getattr(results, name) for name in ("capacity", "capacity_sequences")}
    twice = {name: pd.concat([table, table.assign(length=192)]) for name, table in tables.items()}
    drawn = FIGURES["capacity"].table(dataclasses.replace(results, **twice))
    assert set(drawn["panel"]) == {"mqar, 96 tokens", "mqar, 192 tokens"}


def test_the_preset_asks_what_its_runs_can_answer() -> None:
    study = PRESETS["capacity"]()
    assert len({run.seed for run in study.runs}) >= 5
    for run in study.runs[:13]:
        assert list(study.request(run)) == ["capacity"]
        requests.check(run, study.request(run))


@pytest.mark.slow
def test_asking_again_adds_loads_to_finished_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = str(tmp_path / "runs")
    fields = ["--length", "24", "--num-pairs", "8", "--num-keys", "16", "--num-values", "8"]
    assert main(["train", "mqar", "linear", *fields, "--updates", "5", "--tokens", "256", "--out", runs]) == 0
    (record,) = (place / "capacity.json" for place in (tmp_path / "runs").iterdir() if place.is_dir())
    ask = ["capacity", runs, "--workers", "1", "--rows", "16", "--length", "48", "--loads"]
    assert main([*ask, "1", "2"]) == 0
    first = record.read_bytes()
    assert main([*ask, "2,1"]) == 0
    assert record.read_bytes() == first
    assert main([*ask, "1", "16"]) == 0
    kept = json.loads(record.read_text())["content"]
    assert [row["load"] for row in kept["capacity"]] == [1, 2, 16]
    assert len(kept["outputs"]) == 2
    assert "holds at 0.9" in capsys.readouterr().out
    assert main([*ask, "17"]) == 2
    assert "17 pairs need as many keys, not 16" in capsys.readouterr().err
    assert main(["report", runs]) == 0
    assert {"capacities.csv", "capacity.csv"} <= {path.name for path in tmp_path.rglob("tables/*.csv")}
