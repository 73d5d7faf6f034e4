"""Learning rates: chosen on validation alone, the same grid for all, and how wide the window is that works."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runners import storage
from runners.analysis.comparison import compare_memories, comparison_table
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.execution.engines import execute
from runners.execution.plan import missing, plan_runs
from runners.execution.sweep import carry_out
from runners.report import write_report
from runners.results.tables import FLOORS, collect
from runners.statistics import across_seeds, paired_difference
from runners.studies.learning_rates import (
    WITHIN,
    choose_rate,
    groups,
    rate_of_each_seed,
    rate_table,
    warnings,
    window,
)
from runners.studies.study import Ask, Study

RATES = (0.001, 0.003, 0.01)
TASK = TaskSetting("mqar", 12, {"num_pairs": 2, "num_keys": 4, "num_values": 4})
SMALL = Training(updates=5, tokens=64)
ASKS = (Ask("extrapolation", {"ladder": [2], "rows": 8}),)


def small_study(seeds: int = 2, rates: tuple[float, ...] = RATES) -> Study:
    return Study.grid("small", [TASK], [ModelSetting("linear", width=8, layers=1)], SMALL, seeds, rates, ASKS)


def trained(*rows: tuple[float, int, float | None], updates: float | None = None) -> pd.DataFrame:
    columns = ["learning_rate", "seed", "validation"]
    return pd.DataFrame(list(rows), columns=columns).assign(solved=False, updates_to_solve=updates)


def finish(folder: Path, run: Run, validation: float | None, test: float) -> None:
    """A finished run with these accuracies, whatever it would have learned."""
    outcome = {"stopped": "updates" if validation is not None else "diverged", "solved": False, "updates": 5,
               "tokens": 320, "seconds": 0.1, "updates_to_half": None, "updates_to_solve": None,
               "seconds_to_solve": None, "validation": validation}  # fmt: skip
    scores = [{"length": 12, "accuracy": test} | dict.fromkeys(FLOORS, 0.25)]
    environment = {"versions": {}, "commit": "", "machine": {}}
    result: dict[str, Any] = {"outcome": outcome, "curve": [], "scores": scores, "checksum": "", "sequences": []}
    storage.write_run(folder, run, result | {"environment": environment}, {"w": torch.zeros(1)})


means = st.lists(st.sampled_from([i / 100 for i in range(101)]), min_size=2, max_size=7)


@settings(max_examples=30, deadline=None)
@given(means, st.randoms())
def test_no_rate_is_better_on_validation_than_the_one_chosen(accuracies: list[float], order: Any) -> None:
    rows = [(10.0**-i, seed, a) for i, a in enumerate(accuracies) for seed in range(2)]
    order.shuffle(rows)
    best = choose_rate(trained(*rows))
    assert accuracies[round(-math.log10(best))] == max(accuracies)


def test_a_mean_over_seeds_decides_and_not_the_luckiest_one() -> None:
    assert choose_rate(trained((0.1, 0, 1.0), (0.1, 1, 0.1), (0.2, 0, 0.6), (0.2, 1, 0.6))) == 0.2


def test_a_run_that_diverged_counts_as_nothing_learned() -> None:
    assert choose_rate(trained((0.1, 0, 0.9), (0.1, 1, None), (0.2, 0, 0.5), (0.2, 1, 0.5))) == 0.2
    assert choose_rate(trained((0.1, 0, None), (0.2, 0, None))) == 0.1


def test_of_equals_the_faster_is_chosen_then_the_lower() -> None:
    equal = trained((0.3, 0, 1.0), (0.1, 0, 1.0), (0.2, 0, 1.0))
    assert choose_rate(equal) == 0.1
    assert choose_rate(equal.assign(updates_to_solve=[100, 300, 200])) == 0.3
    assert choose_rate(equal.assign(updates_to_solve=[100, None, 90])) == 0.2


def test_a_rate_that_lacks_a_seed_does_not_compete() -> None:
    assert choose_rate(trained((0.1, 0, 1.0), (0.2, 0, 0.5), (0.2, 1, 0.5))) == 0.2
    assert choose_rate(trained((0.1, 0, 1.0), (0.2, 1, 0.5))) == 0.1


def test_a_seed_is_reported_at_the_rate_that_the_others_choose() -> None:
    lucky = trained((0.1, 0, 1.0), (0.1, 1, 0.2), (0.1, 2, 0.2), (0.2, 0, 0.4), (0.2, 1, 0.4), (0.2, 2, 0.4))
    assert choose_rate(lucky) == 0.1
    assert rate_of_each_seed(lucky) == {0: 0.2, 1: 0.1, 2: 0.1}
    assert rate_of_each_seed(lucky[lucky["seed"] == 0]) == {0: 0.1}, "a single seed has no others"
    assert rate_of_each_seed(trained((0.1, 0, 1.0), (0.2, 1, 0.5))) == {0: 0.1}, "nor has one at rates of its own"
    missing = lucky[(lucky["seed"] > 0) | (lucky["learning_rate"] > 0.1)]
    assert rate_of_each_seed(missing) == {0: 0.2, 1: 0.2, 2: 0.2}


def test_the_choice_among_equal_rates_lifts_nothing() -> None:
    """Three equal rates, seeds that solve with .8: what is shown is as one rate alone shows, and as often covered."""
    rng, S, times, truth = np.random.default_rng(0), 5, 150, 0.8 * 0.995 + 0.2 * 0.1
    shown, held, wrong = np.zeros(3), np.zeros(3), 0
    every = np.array([(rate, seed) for rate in RATES for seed in range(S)])
    for _ in range(times):
        solved = rng.random((3, S)) < 0.8
        skill = np.where(solved, 0.995, 0.1)
        table = trained(*zip(*every.T, rng.binomial(1024, skill.ravel()) / 1024, strict=True))
        each = [rate for _, rate in sorted(rate_of_each_seed(table).items())]
        for i, rates in enumerate((each, [RATES[0]] * S, [choose_rate(table)] * S)):
            right = rng.binomial(256, skill[[RATES.index(rate) for rate in rates], range(S)])[:, None]
            mean, low, high = across_seeds(right, np.full_like(right, 256))
            shown[i], held[i] = shown[i] + mean / times, held[i] + (low <= truth <= high) / times
        alike = np.where(rng.random((2, S, 1)) < 0.8, 8, 1) + np.zeros((2, S, 32))
        alike[0] = np.where(skill[[RATES.index(rate) for rate in each], range(S)] > 0.9, 8, 1)[:, None]
        wrong += paired_difference(*alike, np.full(32, 8)).p < 0.05
    assert abs(shown[0] - truth) < 0.04
    assert shown[2] > truth + 0.08, "a choice on the seeds that are reported"
    assert held[0] >= held[1] - 0.05
    assert wrong <= 0.06 * times


def measured(study: Study, folder: Path) -> set[str]:
    """Runs that are measured beyond their training, as the plan has it."""
    return {plan.run.name for plan in plan_runs(study, folder) if plan.request}


def test_rates_are_chosen_among_runs_that_differ_in_nothing_else() -> None:
    study = Study.grid("two", [TASK], [ModelSetting("linear"), ModelSetting("gru")], SMALL, 2, RATES)
    found = groups(study.runs)
    assert [len(runs) for runs in found] == [6, 6]
    assert all(len({run.label for run in runs}) == 1 for runs in found)
    longer = Study.grid("two", [TASK], [ModelSetting("linear")], Training(updates=6, tokens=64), 2, RATES)
    assert len(groups((*study.runs, *longer.runs))) == 3


@pytest.mark.parametrize("poisoned", RATES)
def test_test_rows_have_no_part_in_the_choice(tmp_path: Path, poisoned: float) -> None:
    study = small_study()
    for run in study.runs:
        rate = run.training.learning_rate
        validation = {0.001: 0.3, 0.003: 0.8, 0.01: 0.5}[rate]
        finish(tmp_path, run, validation, test=1.0 if rate == poisoned else 0.0)
    best = {run.name for run in study.runs if run.training.learning_rate == 0.003}
    assert measured(study, tmp_path) == best
    results = collect([tmp_path], [run.name for run in study.runs])
    assert set(results.rates.loc[results.rates["chosen"], "run"]) == best
    assert set(results.scores["run"]) == best
    assert len(results.rates) == len(study.runs)


def test_nothing_is_asked_before_every_rate_has_been_tried(tmp_path: Path) -> None:
    study = small_study()
    for run in study.runs[:-1]:
        finish(tmp_path, run, 1.0 if run.training.learning_rate == 0.01 else 0.5, 0.5)
    assert measured(study, tmp_path) == set()
    assert missing(study, tmp_path) == [study.runs[-1]]
    finish(tmp_path, study.runs[-1], 1.0, 0.5)
    assert {run.training.learning_rate for run in missing(study, tmp_path)} == {0.01}


def test_a_run_that_failed_takes_its_rate_out_and_holds_up_nobody(tmp_path: Path) -> None:
    study = small_study()
    *others, last = study.runs
    for run in others:
        finish(tmp_path, run, 1.0 if run.training.learning_rate == last.training.learning_rate else 0.5, 0.5)
    storage.write_failure(tmp_path, last, "out of memory", "memory", "", 1.0)
    assert measured(study, tmp_path) == {run.name for run in study.runs if run.training.learning_rate == 0.001}


def test_one_rate_is_no_choice(tmp_path: Path) -> None:
    study = small_study(rates=())
    assert measured(study, tmp_path) == {run.name for run in study.runs}
    assert window(trained((0.1, 0, 1.0)).assign(task="mqar", memory="linear", chosen=True)).empty


def rates_table(accuracies: list[float | None], memory: str = "linear", seeds: int = 1) -> pd.DataFrame:
    """The table `rates` of one memory: rates 0.001, 0.003, 0.009, ..."""
    table = trained(*[(0.001 * 3**i, seed, a) for i, a in enumerate(accuracies) for seed in range(seeds)])
    return table.assign(task="mqar", memory=memory, chosen=table["learning_rate"] == choose_rate(table))


@settings(max_examples=30, deadline=None)
@given(means)
def test_a_window_is_the_longest_span_around_the_chosen_rate_that_works(accuracies: list[float]) -> None:
    row = window(rates_table([*accuracies])).iloc[0]
    rates = [0.001 * 3**i for i in range(len(accuracies))]
    works = [a >= max(accuracies) - WITHIN for a in accuracies]
    first, last, best = rates.index(row["low"]), rates.index(row["high"]), rates.index(row["chosen"])
    assert first <= best <= last
    assert all(works[first : last + 1])
    assert first == 0 or not works[first - 1]
    assert last == len(rates) - 1 or not works[last + 1]
    assert row["steps"] == last - first + 1
    assert math.isclose(row["factor"], 3.0 ** (last - first))
    assert (row["open_low"], row["open_high"]) == (first == 0, last == len(rates) - 1)


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ([0.1, 0.9, 0.92, 0.2], "x3, 0.003 to 0.009"),
        ([0.9, 0.91, 0.92, 0.2], "at least x9, 0.001 to 0.009: the grid ends there"),
        ([0.9, 0.91], "at least x3, 0.001 to 0.003: the grid ends on both sides"),
        ([0.1, 0.9, 0.1], "0.003 alone"),
        ([0.1, 0.9], "0.003 alone: the grid ends there"),
        ([0.9, 0.1, 0.91, 0.1], "0.009 alone"),  # a gap ends a window
    ],
)
def test_a_window_in_words(accuracies: list[float | None], said: str) -> None:
    assert window(rates_table(accuracies)).iloc[0]["width"] == said


def test_where_nothing_was_learned_there_is_no_window() -> None:
    table = rates_table([0.10, 0.12, 0.11])
    assert window(table, {"mqar": 0.05}).iloc[0]["steps"] == 3
    row = window(table, {"mqar": 0.1}).iloc[0]
    assert (row["steps"], row["width"], row["extend"]) == (0, "no rate rises above the floor", "")
    assert math.isnan(row["factor"])


def test_a_choice_at_the_end_of_the_grid_is_warned_of() -> None:
    tables = [
        rates_table([0.9, 0.1, 0.1], "low"),
        rates_table([0.1, 0.1, 0.9], "high"),
        rates_table([0.1, 0.1, 0.9], "too"),
        rates_table([0.89, 0.9, 0.89], "middle"),
    ]
    windows = window(pd.concat(tables))
    assert windows["extend"].tolist() == ["lower", "higher", "higher", ""]
    low, high = warnings(windows)
    assert "the lowest rate of the grid, 0.001, was the best for low:" in low
    assert "the highest rate of the grid, 0.009, was the best for high and too:" in high


def test_rates_that_diverged_are_listed() -> None:
    rows = rates_table([0.5, 0.9, 0.9, 0.9], seeds=3)
    fell = (rows["learning_rate"] > 0.02) | ((rows["learning_rate"] > 0.008) & (rows["seed"] == 1))
    rows["validation"] = rows["validation"].mask(fell)
    assert window(rows).iloc[0]["diverged"] == "0.009 (1 of 3 seeds), 0.027 (3 of 3 seeds)"
    assert rate_table(rows)["mean"].round(2).tolist() == [0.5, 0.9, 0.6, 0.0]


def test_no_rate_is_chosen_while_a_limit_of_time_keeps_a_run_from_its_end(tmp_path: Path) -> None:
    study = small_study()
    for run in study.runs[1:]:
        finish(tmp_path, run, 0.5, 0.5)
    for kind, chosen in (("time", False), ("memory", True)):
        storage.write_failure(tmp_path, study.runs[0], "it was stopped", kind, "", 1.0)
        assert bool(measured(study, tmp_path)) == chosen


@pytest.mark.slow
def test_a_grid_is_trained_whole_and_asked_at_the_chosen_rate(tmp_path: Path) -> None:
    study = small_study()
    events = list(carry_out(study, tmp_path, lambda jobs: execute(jobs, workers=0), command="recall compare"))
    assert not [event for event in events if event.kind == "failed"]
    assert missing(study, tmp_path) == []
    results = collect([tmp_path])
    chosen = rate_of_each_seed(results.rates)
    asked = {place.parent.name for place in tmp_path.glob("*/extrapolation.json")}
    assert asked == {run.name for run in study.runs if run.training.learning_rate == chosen[run.seed]}
    assert asked == set(results.rates.loc[results.rates["chosen"], "run"])
    assert len(compare_memories(results)) == 1
    assert "rate" in comparison_table(results).to_string()
    page = write_report(results, tmp_path).read_text(encoding="utf-8")
    assert 'id="rates"' in page
    assert 'id="windows"' in page
    published = pd.read_csv(tmp_path / "tables" / "rates.csv")
    assert sorted(published["run"]) == sorted(run.name for run in study.runs)
    assert pd.read_csv(tmp_path / "tables" / "windows.csv")["chosen"].tolist() == [choose_rate(results.rates)]
    assert json.loads((tmp_path / "study.json").read_text())["content"]["study"]["name"] == "small"
    assert not list(carry_out(study, tmp_path, lambda jobs: execute(jobs, workers=0)))
