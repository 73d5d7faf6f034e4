"""Memories are compared on the rows they share, and no more is claimed than that shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from synthetic import synthetic

from runners.analysis.comparison import (
    COLUMNS,
    LEVEL,
    best_memories,
    compare_memories,
    means_over_seeds,
    over_tasks,
    pair_differences,
)
from runners.report.context import caution, findings, findings_at_longest, seeds_words
from runners.report.tables import claim, pairs_table
from runners.results.tables import Results
from runners.statistics import crossed_interval, holm, iqm, paired_difference, seeds_to_show

ROWS, QUESTIONS = 80, 8


def invented(
    accuracies: Mapping[str, float], seeds: int, tasks: int = 1, spread: float = 0.02, luck: int = 0
) -> Results:
    """Tests of memories with these accuracies, on rows that some find harder than others."""
    rng = np.random.default_rng(luck)
    p = np.array(list(accuracies.values()))[:, None, None] + rng.normal(0, spread, (tasks, len(accuracies), seeds, 1))
    right = rng.binomial(QUESTIONS, np.clip(p + rng.normal(0, 0.05, (tasks, 1, 1, ROWS)), 0, 1))
    runs = pd.DataFrame(
        [(f"task{t}", m, s) for t in range(tasks) for m in accuracies for s in range(seeds)],
        columns=["task", "memory", "seed"],
    )
    runs = runs.assign(run=[f"{t}-{m}-{s}" for t, m, s in runs.to_numpy()], kind="test", mode="fixed load", length=64)
    sequences = runs.loc[np.repeat(runs.index, ROWS)].reset_index(drop=True)
    sequences = sequences.assign(
        sequence=np.tile(np.arange(ROWS), len(runs)), num_correct=right.ravel(), num_questions=QUESTIONS
    )
    scores = runs.assign(accuracy=right.mean(-1).ravel() / QUESTIONS, checksum="5ee")
    return Results(scores=scores, sequences=sequences)


@pytest.fixture(scope="module")
def results() -> Results:
    return synthetic(seeds=5)


@pytest.fixture(scope="module")
def pairs(results: Results) -> pd.DataFrame:
    return pair_differences(results)


def first_seeds(results: Results, seeds: int) -> Results:
    return dataclasses.replace(
        results, **{t: getattr(results, t)[getattr(results, t)["seed"] < seeds] for t in ("scores", "sequences")}
    )


def test_the_first_is_held_against_every_other_on_the_same_rows(results: Results, pairs: pd.DataFrame) -> None:
    assert list(pairs.columns) == COLUMNS
    assert set(pairs["memory"]) == {"attention"}
    assert list(pairs.groupby("task").size()) == [3] * 3
    tested = results.sequences[results.sequences["kind"] == "test"]
    for _, row in pairs.iterrows():
        part = tested[tested["task"] == row["task"]].pivot(
            index=["memory", "seed"], columns="sequence", values="num_correct"
        )
        asked = tested[tested["task"] == row["task"]]["num_questions"].iloc[0]
        alone = paired_difference(part.loc["attention"], part.loc[row["against"]], np.full(96, asked))
        for name in ("difference", "low", "high", "p", "effect", "seeds", "num_sequences"):
            assert row[name] == getattr(alone, name)


def test_a_task_makes_one_claim_that_holm_corrects_over_tasks() -> None:
    """Its p is that of the closest rival, so that many rivals far behind do no harm."""
    results = invented({"a": 0.9, "b": 0.87, "c": 0.5, "d": 0.4}, seeds=6, tasks=3, spread=0.01)
    pairs = pair_differences(results)
    largest = pairs.groupby("task")["p"].max()
    assert len(set(largest)) > 1
    corrected = dict(zip(largest.index, holm(largest), strict=True))
    assert list(pairs["p_holm"]) == [corrected[task] for task in pairs["task"]]


def test_against_a_baseline_every_row_is_a_claim(results: Results) -> None:
    against = pair_differences(results, "linear")
    assert set(against["against"]) == {"linear"}
    assert len(against) == 9
    np.testing.assert_allclose(against["p_holm"], holm(against["p"]))
    # Nine claims need more than the 1 in 126 that 5 seeds can show, and it is said so.
    assert set(against["verdict"]) == {"5 seeds cannot show it"}
    few = invented({"a": 0.9, "b": 0.5, "c": 0.3}, seeds=5)
    assert list(pair_differences(few, "b")["verdict"]) == ["above", "below"]


def test_an_unknown_baseline_is_refused(results: Results) -> None:
    with pytest.raises(ValueError, match=r"'lstm' is none of the memories compared: attention, linear, gru"):
        pair_differences(results, "lstm")


@pytest.mark.parametrize(("seeds", "said"), [(1, "1 seed cannot show it"), (3, "3 seeds cannot show it")])
def test_few_seeds_cannot_show_it_however_clear(seeds: int, said: str) -> None:
    results = invented({"good": 0.95, "bad": 0.2}, seeds)
    pairs = pair_differences(results)
    assert list(pairs["verdict"]) == [said]
    assert pairs["low"].iloc[0] > 0.6
    assert best_memories(pairs) == set()
    assert pairs["p_holm"].isna().all() == (seeds == 1)
    assert claim(pairs) == said
    assert said in pairs_table(pairs)


def test_how_many_seeds_it_takes_is_said_and_is_true(results: Results) -> None:
    few, enough = first_seeds(results, 3), results
    said = findings(compare_memories(few), pair_differences(few))
    assert "3 seeds cannot show who recalls more: that takes 5 for each memory on 3 tasks." in said[0]
    assert said[0].startswith("First came attention on mqar (")
    assert findings(compare_memories(enough), pair_differences(enough))[0].startswith(
        "Most is recalled by attention on mqar ("
    )
    assert not compare_memories(few)["best"].any()
    assert compare_memories(enough)["best"].sum() == 3
    far = [
        findings_at_longest(means_over_seeds(r.sequences), pair_differences(r, kind="extrapolation"))[0]
        for r in (few, enough)
    ]
    assert far[0].endswith("comes first.")
    assert far[1].endswith("leads.")


@pytest.mark.parametrize(("tasks", "needed"), [(1, 4), (2, 5), (7, 6)])
def test_every_line_names_the_same_number_of_seeds(tasks: int, needed: int) -> None:
    numbers = pd.DataFrame([{"task": t, "memory": m, "seeds": needed - 1} for t in range(tasks) for m in "ab"])
    assert seeds_to_show(tasks) == needed
    assert f"that takes {needed} " in caution(numbers)
    assert f"which takes {needed} or more" in seeds_words(numbers)
    assert caution(numbers.assign(seeds=needed)) == ""
    assert f"({needed} or more)" in seeds_words(numbers.assign(seeds=needed))


def test_marginal_intervals_do_not_decide() -> None:
    """Rows hard for both make both uncertain, and their difference not."""
    rng = np.random.default_rng(0)
    results = invented({"a": 0.5, "b": 0.5}, seeds=5)
    table = results.sequences
    hard = rng.integers(0, QUESTIONS, ROWS)
    better = (rng.random(ROWS) < 0.15).astype(int)
    right = [
        hard[row] + better[row] * (memory == "a")
        for row, memory in zip(table["sequence"], table["memory"], strict=True)
    ]
    results = dataclasses.replace(results, sequences=table.assign(num_correct=right))
    means = means_over_seeds(results.sequences).set_index("memory")
    assert means.loc["a", "low"] < means.loc["b", "high"]
    assert best_memories(pair_differences(results)) == {("task0", "a")}


def test_only_common_rows_are_paired() -> None:
    results = invented({"a": 0.9, "b": 0.5}, seeds=5)
    table = results.sequences
    shorter = table[(table["memory"] == "a") | (table["sequence"] < 50)]
    row = pair_differences(dataclasses.replace(results, sequences=shorter)).iloc[0]
    again = pair_differences(dataclasses.replace(results, sequences=table[table["sequence"] < 50])).iloc[0]
    assert row["num_sequences"] == 50
    pd.testing.assert_series_equal(row, again)


def test_the_order_of_rows_changes_nothing() -> None:
    results = invented({"a": 0.9, "b": 0.8}, seeds=5)
    shuffled = dataclasses.replace(results, sequences=results.sequences.sample(frac=1, random_state=0))
    columns = ["difference", "low", "high", "p"]
    one, other = (pair_differences(r).set_index("memory").loc["a", columns].astype(float) for r in (results, shuffled))
    pd.testing.assert_series_equal(one, other)
    one, other = (means_over_seeds(r.sequences).set_index("memory").sort_index() for r in (results, shuffled))
    pd.testing.assert_frame_equal(one, other)


def test_other_rows_are_not_paired() -> None:
    """Another checksum, or a sequence of another number of questions: other sequences, whatever their numbers."""
    results = invented({"a": 0.9, "b": 0.5, "c": 0.4}, seeds=5)
    sums = results.scores.assign(checksum=np.where(results.scores["memory"] == "b", "f00", "5ee"))
    table = results.sequences
    asked = table["num_questions"] + ((table["memory"] == "b") & (table["sequence"] == 7))
    for other in ({"scores": sums}, {"sequences": table.assign(num_questions=asked)}):
        changed = dataclasses.replace(results, **other)
        pairs = pair_differences(changed).set_index("against")
        assert pairs["verdict"].to_dict() == {"b": "other sequences", "c": "not shown"}
        assert pairs.loc["b", ["difference", "p"]].isna().all()
        assert not pairs.loc["c", ["difference", "p"]].isna().any()
        assert best_memories(pairs.reset_index()) == set()
        assert "tested on other sequences" in pairs_table(pairs.reset_index())


def test_what_else_grew_with_length_is_not_mixed_in(results: Results) -> None:
    """A ladder at growing load asks other questions at the same lengths, in rows of the same numbers."""
    kept = results.sequences
    harder = kept[kept["kind"] == "extrapolation"].assign(mode="growing load", num_correct=0)
    both = dataclasses.replace(results, sequences=pd.concat([kept, harder]))
    pd.testing.assert_frame_equal(
        pair_differences(both, kind="extrapolation"), pair_differences(results, kind="extrapolation")
    )


def test_of_nothing_there_are_no_pairs() -> None:
    assert pair_differences(Results()).empty
    assert pair_differences(invented({"a": 0.5}, seeds=3)).empty
    assert pair_differences(invented({"a": 0.5, "b": 0.5}, seeds=3), kind="extrapolation").empty


def test_two_runs_of_one_seed_are_two_trainings() -> None:
    results = invented({"a": 0.9}, seeds=2)
    table = results.sequences.assign(seed=0)
    row = means_over_seeds(table).iloc[0]
    right = [part["num_correct"].to_numpy() for _, part in table.groupby("run")]
    assert (row["seeds"], row["mean"], row["low"], row["high"]) == (2, *crossed_interval(right, [np.full(ROWS, 8)] * 2))


def test_over_all_tasks_is_the_iqm_of_memories_that_ran_on_all(results: Results) -> None:
    table = over_tasks(results).set_index("memory")
    assert list(table["tasks"]) == [3] * 4
    tests = results.scores[results.scores["kind"] == "test"]
    assert table.loc["gru", "iqm"] == pytest.approx(float(iqm(tests["accuracy"][tests["memory"] == "gru"])))
    assert ((table["low"] <= table["iqm"]) & (table["iqm"] <= table["high"])).all()
    part = tests[~((tests["memory"] == "gru") & (tests["task"] == "mqar"))]
    assert "gru" not in set(over_tasks(dataclasses.replace(results, scores=part))["memory"])


def test_solved_stands_with_its_interval(results: Results) -> None:
    row = compare_memories(results).iloc[0]
    assert (row["solved"], round(row["solved_low"], 3), row["solved_high"]) == (5, 0.566, 1)


def claims_wrongly(memories: int, trials: int) -> float:
    """How often, on tasks taken one by one, one of equal memories is said to recall more than all others."""
    pairs = pair_differences(invented(dict.fromkeys("abcdefg"[:memories], 0.7), seeds=5, tasks=trials))
    return float((pairs.groupby("task")["p"].max() < LEVEL).mean())


def test_equal_memories_rarely_stand_out() -> None:
    assert claims_wrongly(2, 80) <= 0.125


@pytest.mark.slow
@pytest.mark.parametrize("memories", [2, 3, 6])
def test_looking_who_is_first_does_not_break_the_level(memories: int) -> None:
    assert claims_wrongly(memories, 400) <= 0.075
