"""Maps of length and depth say what their cells rest on; length_summaries are those of the curves they come from."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from synthetic import MEMORIES, TASKS, synthetic

from runners.analysis.extrapolation import curves_over_length, length_summaries, length_summary_table
from runners.figures import FIGURES, depth_map, extrapolation
from runners.figures.figure import by_panel
from runners.results.tables import Results
from runners.statistics import effective_length

HEAT = FIGURES["heat"]


@pytest.fixture(scope="module")
def results() -> Results:
    return synthetic()


@pytest.fixture(scope="module")
def cells(results: Results) -> pd.DataFrame:
    return HEAT.table(results)


def test_every_cell_prints_its_accuracy_its_interval_and_its_questions(cells: pd.DataFrame) -> None:
    one = cells[cells["panel"] == "needle, linear"]
    said = [text.get_text() for text in HEAT.panel(one).texts]
    assert len(said) == 3 * len(one)
    for _, cell in one.iterrows():
        bounds = f"{depth_map.two_digits(cell['low'])}–{depth_map.two_digits(cell['high'])}"
        assert {depth_map.two_digits(cell["mean"]), bounds, "n 180"} <= set(said)


def test_a_map_for_each_task_and_memory(cells: pd.DataFrame) -> None:
    assert len(by_panel(cells)) == len(TASKS) * len(MEMORIES)
    figure = HEAT.plot(cells)
    assert len(figure.axes) == len(TASKS) * len(MEMORIES)


def test_no_text_of_a_map_takes_the_colour_of_the_page(cells: pd.DataFrame) -> None:
    """What stands on a cell must be read on that cell, in the dark too."""
    ax = HEAT.panel(cells[cells["panel"] == "needle, linear"])
    assert {text.get_color() for text in ax.texts} <= {depth_map.DARK, depth_map.LIGHT}


def cell(accuracies: list[float], half: float) -> pd.DataFrame:
    rows = [
        {"accuracy": a, "low": max(0.0, a - half), "high": min(1.0, a + half), "num_questions": 10} for a in accuracies
    ]
    return pd.DataFrame(rows)


def test_a_cell_over_seeds_is_never_surer_than_its_rows() -> None:
    one, alike, apart = (depth_map.over_seeds(cell(a, 0.1)) for a in ([0.5], [0.5] * 5, [0.3, 0.5, 0.7]))
    assert (one["low"], one["high"]) == pytest.approx((0.4, 0.6))
    assert alike["high"] - alike["low"] == pytest.approx(0.2, abs=0.01)
    assert apart["high"] - apart["low"] > 0.4
    assert (alike["seeds"], alike["num_questions"]) == (5, 50)
    perfect = depth_map.over_seeds(cell([1.0, 1.0], 0.1))
    assert (perfect["mean"], perfect["low"], perfect["high"]) == (1, 0.9, 1)


def test_two_lengths_alone_and_one_memory_alone_are_drawn() -> None:
    few = synthetic(["linear"], 1, ["needle"])
    short = few.breakdown[few.breakdown["length"] <= 256]
    drawn = HEAT.table(dataclasses.replace(few, breakdown=short))
    assert sorted(drawn["length"].unique()) == [128, 256]
    assert len(HEAT.plot(drawn).axes) == 1


def test_without_longer_rows_there_is_no_map(results: Results) -> None:
    assert HEAT.table(
        dataclasses.replace(results, breakdown=results.breakdown[results.breakdown["kind"] == "test"])
    ).empty
    assert HEAT.table(dataclasses.replace(results, breakdown=pd.DataFrame())).empty
    assert FIGURES["position"].table(dataclasses.replace(results, breakdown=pd.DataFrame())).empty


def test_positions_have_a_line_for_each_memory(results: Results) -> None:
    drawn = FIGURES["position"].table(results)
    ax = FIGURES["position"].panel(drawn[drawn["task"] == "mqar"])
    assert {*MEMORIES} <= {line.get_label() for line in ax.lines}


def with_modes(results: Results) -> Results:
    """The ladder once more, as if the load had grown with the length as far as to twice."""
    tables = {}
    for name in ("scores", "sequences", "distances", "breakdown"):
        table = getattr(results, name).assign(mode="fixed load")
        again = table[table["kind"] == "extrapolation"].assign(mode="growing load")
        if name == "scores":
            again["load"] *= np.minimum(again["length"] // again["train_length"], 2)
        tables[name] = pd.concat([table, again])
    return dataclasses.replace(results, **tables)


def test_each_mode_has_a_panel_of_its_own(results: Results) -> None:
    drawn = FIGURES["length"].table(with_modes(results))
    assert list(drawn["panel"].unique())[:2] == ["mqar", "mqar, growing load"]
    grown = drawn[drawn["panel"] == "mqar, growing load"]
    assert set(grown["length"][~grown["capped"]]) == {128, 256}
    assert "256 tokens, 16 items" in extrapolation.length_words(grown[grown["length"] == 256].iloc[0])


def test_horizons_are_those_of_the_curve(results: Results) -> None:
    numbers = length_summaries(results).set_index(["task", "memory"])
    curve = curves_over_length(results)
    for (task, memory), row in numbers.iterrows():
        mine = curve[(curve["task"] == task) & (curve["memory"] == memory)].drop_duplicates("length")
        assert row["effective_length"] == effective_length(list(mine["length"]), mine["low"], 0.9)
    assert numbers.loc[("mqar", "attention"), "effective_length"] == 2048
    assert numbers.loc[("mqar", "gru"), "effective_length"] == 0
    assert length_summaries(results, 0.5).set_index(["task", "memory"]).loc[("mqar", "gru"), "effective_length"] >= 128


def test_lengths_at_which_the_load_could_not_grow_count_for_nothing(results: Results) -> None:
    numbers = length_summaries(with_modes(results))
    assert set(numbers["longest"][numbers["mode"] == "growing load"]) == {256}
    assert set(numbers["longest"][numbers["mode"] == "fixed load"]) == {2048}


def test_horizons_are_said_in_words(results: Results) -> None:
    said = length_summary_table(length_summaries(results)).set_index(["task", "memory"])
    assert said.loc[("mqar", "attention"), "holds above .900"] == "2,048+"
    assert said.loc[("mqar", "gru"), "holds above .900"] == "none"
    assert said.loc[("mqar", "attention"), "half-life"] == ">2,048"
    one = length_summary_table(length_summaries(synthetic(["gru"], 1, ["mqar"])))
    assert "[" not in one["area"].iloc[0]
