"""Probes: certain where the answer is in the state, at chance where it is not."""

import numpy as np
import pandas as pd
import pytest
import torch

from recall_tasks import MQAR, TASKS, Copy, Needle, Stream
from runners.experiment import ModelSetting, Run, TaskSetting
from runners.probe import capture, probe, probed_row, read, revalued, templates
from runners.probes import READERS

torch.set_num_threads(1)
MQAR_RUN = {"name": "mqar", "length": 24, "fields": {"num_pairs": 4, "num_keys": 8, "num_values": 8}}


def probed(memory, readers=("ridge",), **options):
    run = Run(TaskSetting(**MQAR_RUN), ModelSetting(memory, options, width=16, layers=1))
    return pd.DataFrame(probe(run, run.build(), readers))


@pytest.mark.parametrize("task", [MQAR(num_pairs=4), Needle(num_needles=2), Copy(num_tokens=5)], ids=lambda t: t.name)
def test_addresses_are_frozen_and_values_fresh(task):
    template = Stream(task, 32, "probe").rows(0, 1)
    batch = revalued(template, task, 500, np.random.default_rng(0))
    places = template.stored.positions[0]
    others = np.setdiff1d(np.arange(batch.tokens.shape[1]), places)
    assert (batch.tokens[:, others] == template.tokens[0, others]).all()
    assert (np.take_along_axis(batch.tokens, batch.stored.positions, axis=1) == batch.stored.values).all()
    for values in batch.stored.values.T:
        counts = np.bincount(values - task.answers.start, minlength=task.num_answers)
        assert counts.min() > 0
        assert counts.max() < 500 * 4 / task.num_answers


def test_the_state_is_taken_before_an_answer_is_shown_again():
    task = Copy(num_tokens=5, feedback=True)
    batch = revalued(Stream(task, 32, "probe").rows(0, 1), task, 8, np.random.default_rng(0))
    values = (batch.tokens >= task.answers.start) & (batch.tokens < task.answers.stop)
    assert (values.sum(1) == 5).all()
    assert batch.tokens.shape[1] < 32


def test_tasks_that_store_little_are_given_more_templates():
    assert len(list(templates(MQAR(num_pairs=8), 32, 0))) == 1
    assert len(list(templates(Needle(), 32, 0))) == 8


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_finds_what_is_there_and_nothing_where_there_is_nothing(reader):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (1152, 3))
    states = rng.standard_normal((1152, 30))
    states[:, :12] += 3 * (labels[:, :, None] == np.arange(4)).reshape(1152, 12)
    right, _ = read(reader, states @ rng.standard_normal((30, 30)), labels, 4)
    assert right.mean() > 0.9
    right, _ = read(reader, rng.standard_normal((1152, 30)), labels, 4)
    assert abs(right.mean() - 0.25) < 0.05
    constant, _ = read(reader, np.ones((1152, 30)), labels, 4)
    assert abs(constant.mean() - 0.25) < 0.05


def test_a_key_value_cache_holds_everything_and_a_window_what_is_in_it():
    everything = probed("attention")
    assert (everything[everything["control"] == "none"]["accuracy"] > 0.99).all()
    window = probed("window", window=8)
    kept = window[window["control"] == "none"].groupby("item")["accuracy"].mean()
    assert (kept < 0.3).all()  # the pairs are in the first 8 of 24 tokens
    assert (window["age"] > 8 + 3).all()


def test_shuffled_states_tell_nothing():
    table = probed("attention")
    shuffled = table[table["control"] == "shuffled"]["accuracy"]
    assert (abs(shuffled - 1 / 8) < 0.06).all()
    assert set(table["control"]) == {"none", "shuffled", "untrained"}


def test_ages_count_from_the_end_of_the_row():
    table = probed("linear")
    assert sorted(table["age"].unique()) == [16, 18, 20, 22]


def test_the_whole_state_is_read():
    run = Run(TaskSetting(**MQAR_RUN), ModelSetting("grm", {"segment": 8}, width=16))
    states = capture(run.build(), Stream(run.task.task, 24).rows(0, 5).tokens)
    assert len(states) == 2
    assert sum(s.shape[1] for s in states) == run.build().state_floats(24)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_can_be_probed_or_says_why_not(name):
    task = TASKS[name]()
    if name in ("in_context", "mixture"):
        with pytest.raises(ValueError, match=f"{name}: .*(states cannot be probed|probe a run on the task itself)"):
            probed_row(task, max(64, task.min_length))
        return
    row = probed_row(task, max(64, task.min_length))
    batch = revalued(row, task, 20, np.random.default_rng(0))
    assert np.array_equal(np.take_along_axis(batch.tokens, batch.stored.positions, axis=1), batch.stored.values)
    assert len(np.unique(batch.stored.values[:, 0])) > 1
