"""What is said of states is what their rows say: bins, totals, verdicts, and a figure for each."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic import AGES, CACHED, LENGTH, SEGMENT, TASKS, synthetic

from runners.analysis.interventions import interventions, patches, routing_errors, verdicts
from runners.analysis.probes import by_age, matching, probe_records, totals
from runners.figures import FIGURES, styles_of
from runners.figures.figure import by_panel
from runners.figures.saving import svg_text
from runners.probe.verdict import MARGIN, Claim, decide, verdict
from runners.report import write_report
from runners.results.tables import Results
from runners.statistics import fraction_over_seeds, number_over_seeds

SHOWN, WRITTEN = ("attention", "linear", "gru"), ("mqar", "needle")
Bounds = tuple[float, float, float]
OF_STATES = ("probe", "forgetting", "recovered", "diagonal", "holding", "causal")
OLD = ["run", "task", "memory", "seed", "content", "layer", "reader", "control", "item", "age", "features", "converged",
       "num_sequences", "accuracy", "low", "high", "chance", "bits"]  # fmt: skip


@pytest.fixture(scope="module")
def results() -> Results:
    return synthetic(SHOWN, 3, WRITTEN)


def old(results: Results) -> Results:
    """As runs were probed before times, views and interventions were."""
    nothing, probes = pd.DataFrame(), results.probes[OLD].reindex(columns=results.probes.columns)
    return dataclasses.replace(results, probes=probes, interventions=nothing, routing=nothing)


def test_records_older_than_the_columns_are_left_out(results: Results) -> None:
    assert all(FIGURES[name].table(old(results)).empty for name in (*OF_STATES, "probes_shapes"))
    tables = (by_age, totals, verdicts, routing_errors, patches)
    assert all(not len(table(old(results))) for table in tables)
    first = results.probes["seed"] == 0
    mixed = pd.concat([results.probes[first][OLD], results.probes[~first]], ignore_index=True)
    both = dataclasses.replace(results, probes=mixed)
    without = dataclasses.replace(results, probes=results.probes[~first])
    for name in ("probe", "forgetting", "recovered", "diagonal", "holding"):
        one, other = (FIGURES[name].table(some) for some in (both, without))
        pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True), check_dtype=False)


def test_one_seed_one_memory_is_drawn() -> None:
    alone = synthetic(["gru"], 1, ["needle"])
    for name in OF_STATES:
        drawn = FIGURES[name].table(alone)
        assert FIGURES[name].plot(drawn).axes


def test_ages_share_at_most_eight_bins_of_one_width(results: Results) -> None:
    many = results.probes.assign(age=results.probes["age"] * 7 + results.probes["seed"] * 30)
    drawn = FIGURES["probe"].table(dataclasses.replace(results, probes=many))
    assert drawn.groupby("task")["age_low"].nunique().max() <= 8
    assert (drawn["age_high"] - drawn["age_low"]).groupby(drawn["task"]).nunique().eq(1).all()
    assert drawn.groupby(["task", "memory", "control"])["items"].sum().eq(8 * 3).all()


def test_what_is_drawn_is_all_layers_together_at_the_end(results: Results) -> None:
    """Rows of a layer alone, of a view, of another time, reader or size would be far off."""
    rows = results.probes
    elsewhere = (rows["layer"] != 0) | (rows["content"] != "state") | ~rows["end"] | (rows["reader"] != "ridge")
    reduced = rows[~elsewhere].assign(reduced=32)
    wrong = pd.concat([rows.assign(bits=rows["bits"].mask(elsewhere, 99.0)), reduced.assign(bits=99.0)])
    for name in ("probe", "recovered"):
        one = FIGURES[name].table(dataclasses.replace(results, probes=wrong))
        pd.testing.assert_frame_equal(one, FIGURES[name].table(results))


def test_bits_of_a_sequence_are_those_of_an_item_times_its_items(results: Results) -> None:
    found = totals(results).set_index(["task", "memory", "seed"])
    rows = matching(
        probe_records(results), {"layer": 0, "content": "state", "reader": "ridge", "control": "none", "end": True}
    )
    for (task, memory, seed), part in rows.groupby(["task", "memory", "seed"]):
        row = found.loc[(task, memory, seed)]
        questions, values = TASKS[str(task)]
        assert row["bits"] == pytest.approx(questions * part["bits"].sum() / len(AGES))
        assert row["payload"] == pytest.approx(questions * np.log2(values))
        assert row["bits_per_state_bit"] == pytest.approx(row["bits"] / (8 * row["state_bytes"]))
    assert (found["ceiling"] == np.minimum(found["payload"], 8 * found["state_bytes"])).all()


def test_a_total_is_never_less_than_nothing(results: Results) -> None:
    worse = dataclasses.replace(results, probes=results.probes.assign(bits=-0.1))
    assert (totals(worse)["bits"] == 0).all()


def test_items_that_tell_of_one_another_have_no_total(results: Results) -> None:
    """A task that stores fewer bits than its items have one by one: what they share would count twice."""
    related = results.scores.assign(payload_bits=np.where(results.scores["task"] == "mqar", 1.0, 1e6))
    assert set(totals(dataclasses.replace(results, scores=related))["task"]) == {"needle"}


def test_a_total_says_how_much_of_it_the_second_half_of_the_rows_found(results: Results) -> None:
    half = results.probes.assign(bits_half=results.probes["bits"] - 0.25)
    found = totals(dataclasses.replace(results, probes=half))
    assert found["rising"].to_numpy() == pytest.approx(0.25 * found["payload"] / results.probes["item_bits"].max())
    assert totals(results)["rising"].isna().all()  # runs of before there was such a column


def test_an_interval_over_seeds_is_students() -> None:
    mean, low, high = number_over_seeds([2, 3, 4], [0] * 3, [9] * 3)
    assert mean == 3
    assert (mean - low, high - mean) == pytest.approx((4.302653 / 3**0.5,) * 2)  # deviation 1
    assert number_over_seeds([2], [0], [9]) == (2, 0, 9)


@pytest.mark.parametrize("accuracies", [(0.9, 0.99, 1.0), (0.0, 0.01, 0.2), (1.0, 1.0, 1.0), (0.5,)])
def test_a_share_and_its_bounds_lie_between_nothing_and_all(accuracies: tuple[float, ...]) -> None:
    a = np.array(accuracies)
    mean, low, high = fraction_over_seeds(a, a - 0.05 * a, a + 0.05 * (1 - a))
    assert 0 <= low <= mean <= high <= 1
    assert mean == pytest.approx(a.mean())


def test_a_seed_that_did_not_guess_has_no_part_in_the_mean() -> None:
    assert fraction_over_seeds([0.5, np.nan, 0.7], [0.4, np.nan, 0.6], [0.6, np.nan, 0.8])[0] == pytest.approx(0.6)


def test_what_is_not_yet_written_is_not_read(results: Results) -> None:
    early = results.probes.iloc[:50].assign(age=-3)
    rows = pd.concat([results.probes, early])
    assert len(probe_records(dataclasses.replace(results, probes=rows))) == len(probe_records(results))


def test_selectivity_is_against_the_same_reader(results: Results) -> None:
    found = by_age(results).set_index("reader")
    ridge, logistic = found.loc["ridge"], found.loc["logistic"]
    assert np.allclose(ridge["selectivity"], ridge["accuracy"] - ridge["control"])
    dealt = matching(probe_records(results), {"layer": 0, "content": "state", "control": "control", "end": True})
    first = matching(ridge, {"task": "mqar", "memory": "linear"}).iloc[0]
    mine = matching(dealt, {"task": "mqar", "memory": "linear"})
    mine = mine[mine["age"].between(first["age_low"], first["age_high"])]
    assert first["control"] == pytest.approx(mine["accuracy"].mean())
    assert logistic["selectivity"].isna().all()
    assert np.allclose(ridge["compression"] * ridge["codelength"], ridge["item_bits"])


def test_a_reader_judged_by_description_length_alone_has_no_accuracy(results: Results) -> None:
    rows = results.probes
    mlp = rows[(rows["reader"] == "logistic")].assign(reader="mlp", accuracy=np.nan, low=np.nan, high=np.nan)
    found = by_age(dataclasses.replace(results, probes=pd.concat([rows, mlp]))).set_index("reader").loc["mlp"]
    assert found["accuracy"].isna().all()
    assert found["codelength"].notna().all()


def test_forgetting_is_blank_before_an_item_is_written(results: Results) -> None:
    drawn = FIGURES["forgetting"].table(results)
    assert (drawn["time"] > drawn["written_low"]).all()
    last = drawn[drawn["end"]]
    assert set(last["time"]) == {LENGTH}
    assert last.groupby("panel").size().eq(len(AGES)).all()
    assert list(dict.fromkeys(drawn["panel"])) == [f"{task}, {memory}" for task in WRITTEN for memory in SHOWN]


def test_times_of_one_seed_alone_are_no_column(results: Results) -> None:
    rows = results.probes
    odd = rows[(rows["time"] == 64) & (rows["seed"] == 0)].assign(time=65)
    drawn = FIGURES["forgetting"].table(dataclasses.replace(results, probes=pd.concat([rows, odd])))
    pd.testing.assert_frame_equal(drawn, FIGURES["forgetting"].table(results))


def test_ends_of_seeds_that_differ_are_one_column(results: Results) -> None:
    rows = results.probes
    moved = rows.assign(time=rows["time"].mask(rows["end"] & (rows["seed"] == 0), LENGTH - 1))
    drawn = FIGURES["forgetting"].table(dataclasses.replace(results, probes=moved))
    pd.testing.assert_frame_equal(drawn, FIGURES["forgetting"].table(results))


def test_every_cell_of_a_map_says_its_value(results: Results) -> None:
    table = FIGURES["forgetting"].table(results)
    figure = FIGURES["forgetting"].plot(table)
    said = re.findall(r"<title>(.*?)</title>", svg_text(figure))
    assert len(said) == len(table)
    assert all(" bits, accuracy " in words for words in said)


def test_the_open_memory_is_the_last_and_the_first_cache_the_oldest(results: Results) -> None:
    drawn = FIGURES["holding"].table(results)
    assert set(drawn["memory"]) == set(SHOWN) & set(CACHED)
    most = drawn[drawn["map"] == "stored"].groupby(["task", "age_low"])["value"].idxmax()
    best = drawn.loc[most]
    right = (LENGTH - 1 - best["age_low"]) // SEGMENT
    near = (LENGTH - 1 - best["age_high"]) // SEGMENT
    assert ((best["segment"] == right) | (best["segment"] == near))[best["value"] > 0.5].all()
    looked = drawn[drawn["map"] == "router weight"]
    assert set(looked["segment"]) == set(range(LENGTH // SEGMENT))
    assert looked["value"].between(0, 1).all()


def test_caches_are_counted_in_integers(results: Results) -> None:
    """Though a column in which some are missing holds floats."""
    routing = results.routing.assign(segment=results.routing["segment"].astype(float))
    figure = FIGURES["holding"]
    table = figure.table(dataclasses.replace(results, routing=routing)).astype({"segment": float})
    words = re.findall(r"<title>(.*?)</title>", svg_text(figure.plot(table)))
    assert words
    assert all(re.search(r", (cache \d+|the open memory): ", text) for text in words)


def test_a_memory_without_router_has_no_map_of_where_it_looks(results: Results) -> None:
    drawn = FIGURES["holding"].table(dataclasses.replace(results, routing=pd.DataFrame()))
    assert set(drawn["map"]) == {"stored"}


def test_both_errors_are_all_that_is_missed(results: Results) -> None:
    found = routing_errors(results)
    assert np.allclose(found["accuracy"] + found["routing_error"] + found["compression_error"], 1)
    assert (found["num_sequences"] == 128 * len(AGES) * 3).all()


def test_a_patched_state_is_judged_by_the_donor(results: Results) -> None:
    drawn = FIGURES["causal"].table(results).set_index(["task", "memory", "kind"])
    moved = results.interventions[results.interventions["kind"] == "patched"]
    follows = moved.groupby(["task", "memory"])["follows"].mean()
    for task, memory in follows.index:
        assert drawn.loc[(task, memory, "patched"), "mean"] == pytest.approx(follows[task, memory])
    assert (patches(results).set_index(["task", "memory"])["follows"] - follows).abs().max() < 1e-12


def test_all_layers_together_come_before_each(results: Results) -> None:
    rows = results.interventions
    alone = rows.assign(layer=2, accuracy=0.5)
    assert set(interventions(dataclasses.replace(results, interventions=pd.concat([alone, rows])))["layer"]) == {0}
    assert set(interventions(dataclasses.replace(results, interventions=alone))["layer"]) == {2}


CHANCE, CONTROL = 0.1, 0.13
YES, NO, UNSURE = (0.8, 0.7, 0.9), (0.12, 0.08, 0.14), (0.2, 0.05, 0.35)
HURT, UNHURT, UNKNOWN = (0.6, 0.5, 0.7), (0.01, -0.02, 0.03), (np.nan,) * 3


@pytest.mark.parametrize(
    ("probe", "behaviour", "cost", "said"),
    [
        (YES, YES, HURT, "used"),
        (YES, YES, UNHURT, "used in another form"),
        (NO, YES, HURT, "used, but not linearly readable"),
        (YES, NO, UNHURT, "present but unused"),
        (YES, NO, UNKNOWN, "present but unused"),
        (NO, NO, UNHURT, "absent"),
        (YES, YES, UNKNOWN, "undecided"),
        (UNSURE, NO, UNHURT, "undecided"),
        (YES, UNSURE, HURT, "undecided"),
        (YES, UNKNOWN, UNKNOWN, "present, not asked"),
        (NO, UNKNOWN, UNKNOWN, "absent, not asked"),
        (UNSURE, UNKNOWN, UNKNOWN, "undecided"),
    ],
)
def test_a_verdict_follows_from_its_evidence(probe: Bounds, behaviour: Bounds, cost: Bounds, said: str) -> None:
    claims = [
        None if np.isnan(bounds[0]) else Claim("", *bounds, against, MARGIN * (1 - CHANCE))
        for bounds, against in ((probe, CONTROL), (behaviour, CHANCE), (cost, 0.0))
    ]
    assert decide(*claims) == said


def test_of_one_run_the_word_is_that_of_its_probe() -> None:
    alone = synthetic(["attention", "gru"], 1, ["mqar"])
    said = verdicts(alone).set_index("memory")["verdict"]
    for memory in said.index:
        probes, changed = (matching(table, {"memory": memory}) for table in (alone.probes, alone.interventions))
        own = verdict(probes.to_dict("records"), changed.to_dict("records"))
        assert own.words == said[memory]


def test_what_is_answered_and_erased_is_used_and_what_is_not_answered_is_not(results: Results) -> None:
    said = verdicts(results).set_index(["task", "memory"])["verdict"]
    assert {said[task, "attention"] for task in WRITTEN} == {"used"}
    assert {said[task, "gru"] for task in WRITTEN} == {"present but unused"}


def test_the_shapes_are_what_they_are_called(results: Results) -> None:
    drawn = FIGURES["probes_shapes"].table(results)
    by_shape = {panel.split(":")[0]: part["fraction"].to_numpy() for panel, part in drawn.groupby("panel")}
    assert (by_shape["flat"] == 1).all()
    assert (np.diff(by_shape["slope"]) < 0).all()
    u = by_shape["U"]
    assert min(u[0], u[-1]) > 4 * u[40:90].max()
    teeth = by_shape["sawtooth"]
    assert np.array_equal(teeth[:32], teeth[32:64])
    assert teeth[32] > teeth[31]
    assert all(
        "theory" in [text.get_text() for text in FIGURES["probes_shapes"].panel(part).texts] for part in by_panel(drawn)
    )


class Text(HTMLParser):
    """Cells and heads of the tables of a page, and the ids of its sections."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [str(value) for name, value in attrs if tag == "section" and name == "id"]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.slow
def test_the_report_tells_how_to_read_probes_and_what_they_say(tmp_path: Path) -> None:
    few = dict.fromkeys(("breakdown", "curves", "distances", "capacity", "capacity_sequences", "rates"), pd.DataFrame())
    alone = dataclasses.replace(synthetic(["gru"], 1, ["needle"]), **few)
    page = Text(write_report(alone, tmp_path).read_text(encoding="utf-8"))
    assert page.ids[page.ids.index("probes_by_age") : -1] == [
        "probes_by_age", "probes_shapes", "probes_verdicts", "probe", "forgetting", "recovered", "probes_totals",
        "diagonal", "causal", "probes_patching", "holding", "probes_errors",
    ]  # fmt: skip
    assert "present but unused" in page.words
    written = {path.stem for path in (tmp_path / "tables").iterdir()}
    assert {f"probes_{name}" for name in ("by_age", "verdicts", "totals", "patching", "errors")} <= written


def test_a_figure_of_states_keeps_the_styles_it_is_given(results: Results) -> None:
    styles = styles_of(["elsewhere", *SHOWN])
    for name in ("probe", "recovered", "diagonal", "causal"):
        ax = FIGURES[name].panel(by_panel(FIGURES[name].table(results))[0], styles)
        lines = {line.get_label(): line for line in ax.lines}
        for memory in SHOWN:
            assert (lines[memory].get_color(), lines[memory].get_marker()) == styles[memory][:2]
