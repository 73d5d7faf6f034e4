"""Probes of runs: the states of every memory, kept by kind, done once, refused before any work."""

import numpy as np
import pandas as pd
import pytest
import torch

from runners.config.run import ModelSetting, Run, TaskSetting
from runners.measures import MEASURES
from runners.measures import probe as probe_module
from runners.probe.context import ProbeContext
from runners.probe.passes import PASSES, passes_of
from runners.probe.readers import READERS, Logistic

torch.set_num_threads(1)
probe = MEASURES["probe"]
MQAR_RUN = TaskSetting("mqar", 24, {"num_pairs": 4, "num_keys": 8, "num_values": 8})
DEFAULTS = {"rows": 0, "step": 0, "dimension": 64, "version": probe_module.VERSION}


def asked(memory, task=MQAR_RUN, rows=400, dimension=8, layers=1, **options):
    run = Run(task, ModelSetting(memory, options, width=16, layers=layers))
    return ProbeContext(run, run.build(), rows, lambda words: None, dimension=dimension)


def table(name, memory, task=MQAR_RUN, **more):
    return pd.DataFrame(PASSES[name].records(asked(memory, task, **more)))


def whole(rows, **where):
    where = {"content": "state", "control": "none", "reader": "ridge", "reduced": 0, "end": True, "layer": 0} | where
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows


@pytest.fixture(scope="module")
def attention():
    return table("ridge", "attention")


def test_every_reader_and_step_of_the_command_is_there():
    assert list(PASSES) == [*probe_module.pass_names(True), *probe_module.pass_names(False)]
    assert {measured.table for measured in PASSES.values()} == {table.name for table in probe.tables}


class Few(Logistic):
    """Logistic regression on few components."""

    meaning = "logistic regression on few components"

    def __init__(self, num_values=0, components=8, orthogonal=False):
        super().__init__(num_values, components, orthogonal)


@pytest.mark.parametrize("strong", [False, True])
def test_a_reader_has_its_pass_from_its_line_in_readers_alone(monkeypatch, strong):
    monkeypatch.setattr(Few, "strong", strong)
    monkeypatch.setitem(READERS, "few", Few)
    passes = passes_of(READERS)
    assert set(passes) == {*PASSES, "few"}
    assert passes["few"].meaning.startswith(Few.meaning)
    rows = pd.DataFrame(passes["few"].records(asked("linear")))
    assert set(rows["reader"]) == set(rows["part"]) == {"few"}
    assert rows["codelength" if strong else "bits"].notna().all()
    monkeypatch.delattr(Few, "meaning")
    monkeypatch.delattr(Logistic, "meaning")
    with pytest.raises(AttributeError, match="meaning"):
        passes_of(READERS)


def test_a_key_value_cache_holds_everything_and_a_window_what_is_in_it(attention):
    assert (whole(attention)["accuracy"] > 0.99).all()
    assert (whole(attention)["bits"] > 2.9).all()
    kept = whole(table("ridge", "window", window=8))
    assert (kept["accuracy"] < 0.35).all()  # the pairs are in the first 8 of 24 tokens
    assert (kept["bits"] < 0.1).all()
    assert (kept["age"] > 8 + 3).all()


def test_controls_stand_beside_what_is_read(attention):
    for control in ("control", "shuffled", "input"):
        rows = whole(attention, control=control)
        assert len(rows) == 8
        assert (abs(rows["accuracy"] - 1 / 8) < 0.15).all()
        assert (rows["bits"] < 0.05).all()
    assert (whole(attention, control="untrained")["accuracy"] > 0.99).all()  # a cache holds it, trained or not
    assert (whole(attention, reader="prior")["bits"] < 0.02).all()
    assert whole(attention, reader="model")["accuracy"].mean() < 0.5


def test_states_are_read_as_they_fill_and_nothing_before_it_is_written(attention):
    first = attention[attention["item"] < 4]  # of the template that is read at many times
    times = first[(first["content"] == "state") & (first["reader"] == "ridge")].groupby("time")["item"].agg(set)
    assert times.to_dict()[6] == {0, 1, 2}
    assert times.to_dict()[12] == {0, 1, 2, 3}
    assert (attention["age"] == attention["time"] - 1 - attention["written"]).all()
    assert attention["age"].min() >= 0


def test_reduced_states_have_as_many_numbers_as_are_asked_for(attention):
    assert len(whole(attention, reduced=8)) == 8
    assert whole(attention, reduced=8)["bits"].mean() < whole(attention)["bits"].mean()
    assert not (table("ridge", "linear", dimension=0)["reduced"] > 0).any()


def test_a_certain_state_makes_labels_short_and_a_larger_part_of_the_rows_finds_no_less(attention):
    rows = whole(attention)
    assert (rows["codelength"] < 0.6 * rows["item_bits"]).all()
    assert (rows["bits_half"] <= rows["bits"] + 0.1).all()


def test_the_whole_state_is_what_is_carried_and_no_view_of_it_twice():
    run = asked("grm", segment=4, layers=2)
    rows = pd.DataFrame(PASSES["ridge"].records(run))
    for layer, share in ((0, 1), (2, 2)):
        read = whole(rows, layer=layer)
        assert (read["features"] == [run.model.state_floats(time) // share for time in read["time"]]).all()


def test_caches_are_read_one_by_one_and_each_holds_its_own_segment():
    rows = table("ridge", "grm", segment=4)
    for item in range(4):
        mine = rows[(rows["item"] == item) & rows["end"]].set_index("content")["bits"]
        caches = mine[[name for name in mine.index if name.startswith("cache ")]]
        assert caches.idxmax() == f"cache {rows[rows['item'] == item]['written'].iloc[0] // 4 + 1}"
        assert caches.nlargest(3).iloc[2] < 0.3  # the convolution may carry it into the next


def test_elastic_coefficients_and_what_is_read_off_them_are_read():
    contents = set(table("ridge", "elastic", block=8, num_coefficients=8, num_samples=4)["content"])
    assert {"key_coefficients", "value_coefficients", "reconstructed keys", "reconstructed values"} <= contents


def test_signals_have_an_error_of_reconstruction():
    task = TaskSetting("signal", 24, {"num_samples": 8, "num_asked": 4, "num_levels": 8, "num_parts": 3})
    rows = table("ridge", "attention", task)
    assert (whole(rows)["error"] < 0.05).all()
    assert (whole(rows, control="shuffled")["error"] > 0.9).all()


@pytest.mark.parametrize("task", ["copy", "needle"])
def test_other_tasks_are_probed_at_the_places_they_write_to(task):
    fields = {"copy": {"num_tokens": 4, "num_symbols": 8}, "needle": {"num_values": 8}}[task]
    rows = whole(table("ridge", "linear", TaskSetting(task, 24, fields)))
    assert rows["item"].nunique() == 8
    assert rows["age"].nunique() > 3


def test_keys_that_change_are_read_and_held_against_a_value_for_each_key():
    rows = table("own", "linear")
    assert set(rows["control"]) == {"none", "control"}
    assert rows["num_sequences"].eq(80).all()
    copied = table("own", "linear", TaskSetting("copy", 24, {"num_tokens": 4, "num_symbols": 8}))
    assert not len(copied)  # order asks there, no key


def test_the_same_run_gives_the_same_rows_whatever_memory_states_take():
    one, two = asked("gru", rows=200), asked("gru", rows=200)
    spilled = ProbeContext(two.run, two.model, 200, lambda words: None, dimension=8, limit=0)
    assert PASSES["ridge"].records(one) == PASSES["ridge"].records(spilled)


def test_gates_are_looked_at_where_there_are_any():
    assert set(table("routing", "grm", segment=4)["layer"]) == {0, 1}
    assert not len(table("routing", "linear"))


# --- records -----------------------------------------------------------------------------------------------


def test_what_was_done_is_left_out_of_what_remains():
    wanted = {"readers": ["ridge", "own"], "also": ["causal"]}
    record = {"done": {"ridge": DEFAULTS, "own": {**DEFAULTS, "rows": 500}}, "probes": []}
    assert probe.remaining(None, wanted) == wanted
    assert probe.remaining(record, wanted) == {"readers": ["own"], "also": ["causal"]}
    assert probe.remaining({"probes": [{}], "readers": ["ridge"]}, {"readers": ["ridge"]}) == {
        "readers": ["ridge"],
        "also": [],
    }
    assert probe.remaining(record, {"readers": ["ridge"]}) is None
    assert probe.remaining(record, {"readers": ["ridge"], "limit": 1}) is None  # where states lie changes no number


def test_rows_of_what_is_done_again_are_replaced_and_others_stay():
    old = {"done": {"ridge": 1, "own": 1, "causal": 1}, "interventions": [1], "routing": []}
    old["probes"] = [{"part": "ridge"}, {"part": "own", "item": 1}, {"reader": "of an older version"}]
    new = {"done": {"own": 2}, "probes": [{"part": "own", "item": 2}], "interventions": [], "routing": []}
    both = probe.merge(old, new)
    assert both["probes"] == [{"part": "ridge"}, {"part": "own", "item": 2}]
    assert (both["interventions"], both["done"]) == ([1], {"ridge": 1, "own": 2, "causal": 1})


def test_nothing_that_is_kept_is_not_a_number():
    assert probe_module.without_nan({"a": float("nan"), "b": 1.5, "c": "x"}) == {"a": None, "b": 1.5, "c": "x"}


def run(**fields):
    return Run(TaskSetting("mqar", 24, {"num_pairs": 4, "num_keys": 8} | fields), ModelSetting("linear", {}, width=16))


MISTAKES = {
    "no reader": ({"readers": []}, "names at least one of readers"),
    "an unknown reader": ({"readers": ["rigde"]}, "unknown reader 'rigde': did you mean ridge"),
    "an unknown step": ({"readers": [], "also": ["casual"]}, "unknown pass beyond reading 'casual'"),
    "an unknown key": ({"readers": ["ridge"], "row": 1}, "probe takes readers, .*, not 'row'"),
    "half a row": ({"readers": ["ridge"], "rows": 2.5}, "rows is an integer of at least 0, not 2.5"),
    "too few rows": ({"readers": ["ridge"], "rows": 50}, "32 values take 10 training sequences each, 534 in all"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wish_that_cannot_be_met_is_refused_before_any_work(mistake):
    wanted, said = MISTAKES[mistake]
    with pytest.raises(ValueError, match=said):
        probe.check(run(), wanted)


def test_many_values_take_many_rows_and_too_many_are_asked_for_by_hand():
    assert probe_module.num_sequences(run(num_values=8), {}) == 1280
    assert probe_module.num_sequences(run(num_values=64), {}) == 3414
    with pytest.raises(ValueError, match=r"takes 27,307 sequences to probe .*ask with --rows 27307"):
        probe_module.num_sequences(run(num_values=512), {})
    assert probe_module.num_sequences(run(num_values=512), {"rows": 20_000}) == 20_000


def test_more_rows_than_there_is_room_for_are_refused():
    with pytest.raises(
        ValueError, match=r"5,000,000 sequences of states of .* are too many to factorise: .* are the most"
    ):
        probe.check(run(), {"readers": ["ridge"], "rows": 5_000_000})
    with pytest.raises(ValueError, match=r"take up to .* GB, over the .* GB that are free .*larger --step"):
        probe_module.check_room(20_000, 2**40 // 20_000, 64, {"step": 1, "limit": 0})


def test_items_of_long_rows_are_spread_over_their_places():
    task = TaskSetting("copy", 220, {"num_tokens": 100, "num_symbols": 4})
    items = next(asked("gru", task, rows=50).templates()).chosen
    assert len(items) == 64
    assert (items[0], items[-1]) == (0, 99)
    assert np.diff(items).max() == 2
