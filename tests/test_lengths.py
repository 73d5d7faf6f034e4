"""What updates train on: each policy is what it says, its draws hang on nothing but seed and update."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from recall_tasks import MQAR, TASKS, Needle, Stream, make_task
from runners.config.curriculum import MIN_BATCH, POLICIES, at_shorter_length, stages, uniform_draw
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.training.loop import OPEN, TrainingBatches

MQAR_64 = TaskSetting("mqar", 64, {"num_pairs": 8, "num_keys": 16, "num_values": 16})


def run_with(policy, seed=0, **training):
    return Run(MQAR_64, ModelSetting("linear", width=4, layers=1), Training(policy=policy, **training), seed)


def settings_of(policy, count, seed=0, **training):
    """(pairs, length) of each of the first `count` updates."""
    run = run_with(policy, seed, **training)
    chooser = run.policy()
    chosen = [chooser.setting(chooser.choose(update, 0)) for update in range(count)]
    return [(task.num_pairs, length) for task, length in chosen]


def test_the_curriculum_doubles_length_and_load_up_to_the_task():
    ladder = stages(MQAR(num_pairs=32), 256, 4)
    assert [(length, task.num_pairs) for task, length in ladder] == [(32, 4), (64, 8), (128, 16), (256, 32)]
    assert stages(MQAR(num_pairs=32), 256, 1) == [(MQAR(num_pairs=32), 256)]
    assert [length for _, length in stages(Needle(), 64, 4)] == [16, 32, 64]


@pytest.mark.parametrize("count", [1, 2, 5, 9])
@pytest.mark.parametrize("pairs", [1, 3, 21])
def test_the_last_stage_is_the_task_itself(count, pairs):
    task = MQAR(num_pairs=pairs)
    ladder = stages(task, 64, count)
    assert ladder[-1] == (task, 64)
    for easier, length in ladder:
        easier.check_length(length)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_last_setting_of_every_policy_is_the_task_itself(policy):
    run = run_with(policy)
    chooser = run.policy()
    assert chooser.setting(chooser.count - 1) == (run.task.task, 64)


def test_adaptive_goes_by_what_was_mastered_and_by_nothing_else():
    chooser = run_with("adaptive").policy()
    assert [chooser.choose(update, mastered) for update in (0, 10**6) for mastered in (0, 1, 2)] == [0, 1, 2, 0, 1, 2]


def test_a_schedule_gives_each_stage_an_equal_share_of_the_budget():
    assert Counter(settings_of("schedule", 300, updates=300)) == {(2, 16): 100, (4, 32): 100, (8, 64): 100}
    in_order = [length for _, length in settings_of("schedule", 300, updates=300)]
    assert in_order == sorted(in_order)


def test_fixed_is_the_task_from_the_first_update():
    assert set(settings_of("fixed", 50)) == {(8, 64)}


def test_a_mixture_draws_stages_by_their_weights():
    alike = Counter(length for _, length in settings_of("mixture", 1500))
    assert stats.chisquare([alike[length] for length in (16, 32, 64)]).pvalue > 1e-3
    weighed = Counter(length for _, length in settings_of("mixture", 1500, curriculum=3, weights="1,0,2"))
    assert weighed[32] == 0
    assert stats.chisquare([weighed[16], weighed[64]], [500, 1000]).pvalue > 1e-3


def test_stages_that_are_left_out_take_their_weights_with_them():
    assert set(settings_of("mixture", 60, curriculum=4, weights="9,0,0,1")) == {(8, 64)}  # 8 tokens are too short


def test_uniform_draws_every_length_alike_and_loads_in_proportion():
    drawn = settings_of("uniform", 3000)
    lengths = Counter(length for _, length in drawn)
    assert set(lengths) == set(range(16, 65))
    assert stats.chisquare([lengths[length] for length in range(16, 65)]).pvalue > 1e-3
    assert {(pairs, length) for pairs, length in drawn if length in (16, 32, 63, 64)} == {
        (2, 16), (4, 32), (7, 63), (8, 64),
    }  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_a_task_in_proportion_fits_at_every_length(name):
    task = make_task(name, None)
    full = max(64, task.min_length)
    lightest, shortest = stages(task, full, 4)[0]
    for length in range(shortest, full + 1):
        easier, _ = at_shorter_length(task, full, length, lightest, shortest)
        easier.check_length(length)
        assert getattr(lightest, task.load) <= getattr(easier, task.load) <= getattr(task, task.load)


@given(seed=st.integers(0, 2**63 - 1), update=st.integers(0, 2**40))
@settings(max_examples=50, deadline=None)
def test_a_draw_is_a_function_of_seed_and_update(seed, update):
    assert 0 <= uniform_draw(seed, update) < 1
    np.random.seed(1)  # noqa: NPY002
    assert uniform_draw(seed, update) == uniform_draw(seed, update)
    assert uniform_draw(seed, update) != uniform_draw(seed ^ 1, update) != uniform_draw(seed, update + 1)


@pytest.mark.parametrize("policy", ["uniform", "mixture"])
def test_another_seed_draws_other_lengths(policy):
    assert settings_of(policy, 50, seed=1) != settings_of(policy, 50, seed=2)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_row_of_a_setting_comes_twice_and_a_feed_goes_on_where_it_was(policy):
    run = run_with(policy, tokens=700, updates=40)
    chooser = run.policy()
    numbers = [chooser.choose(update, min(update // 15, chooser.count - 1)) for update in range(40)]
    feed, again = TrainingBatches(chooser, 700, 0, {}), None
    seen = {}
    for update, number in enumerate(numbers):
        if update == 17:
            again = TrainingBatches(chooser, 700, 0, dict(feed.used))
        batch = feed.batch(number)
        assert again is None or (again.batch(number).tokens == batch.tokens).all()
        assert len(feed.open) <= OPEN
        seen.setdefault(number, []).append(batch.tokens)
    for number, parts in seen.items():
        task, length = chooser.setting(number)
        rows = np.concatenate(parts)
        assert len(parts[0]) == max(MIN_BATCH, 700 // length)
        assert (rows == Stream(task, length, "train", 0).rows(0, len(rows)).tokens).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": "adaptiv"}, {"policy": None}, {"policy": "mixture", "weights": "1,2"}, {"weights": "1,1,1,1"},
        {"policy": "mixture", "weights": "1,1,1,0"}, {"policy": "mixture", "weights": "1,1,-1,1"},
        {"policy": "mixture", "weights": "1,1,inf,1"}, {"policy": "mixture", "weights": "a,b,c,d"},
        {"policy": "mixture", "weights": "nan,1,1,1"}, {"policy": "mixture", "weights": ""},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_policy_is_refused_in_one_line(wrong):
    with pytest.raises(ValueError, match=r"policy|weights") as error:
        Training(**wrong)
    assert "\n" not in str(error.value)


def test_policies_round_trip_and_decide_the_identity():
    runs = [run_with(policy) for policy in POLICIES] + [run_with("mixture", weights="1,1,1,2")]
    assert all(Run.from_json(run.to_json()) == run for run in runs)
    assert len({run.identity for run in runs}) == len(runs)
    assert dataclasses.replace(runs[0], training=Training()) == runs[0]
