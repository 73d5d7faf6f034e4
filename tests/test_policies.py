"""The shipped players score what they must: the oracle 1, a guess chance, a window what its reader scores."""

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import FlattenObservation, FrameStackObservation, TransformAction
from scipy import stats

from recall_tasks import MQAR, TASKS, Stream, readers
from recall_tasks.environments import environment_id
from recall_tasks.policies import Memoryless, Oracle, Random, Reading, Window, run

IDS = [environment_id(task) for task in TASKS.values()]
MODES = [("NextStep", "discrete"), ("SameStep", "dict"), ("Disabled", "onehot")]


@pytest.mark.parametrize("name", IDS)
def test_the_oracle_returns_exactly_one(name):
    assert run(Oracle(), gymnasium.make(name), episodes=2) == 1.0
    mode, kind = MODES[IDS.index(name) % 3]
    assert run(Oracle(), gymnasium.make_vec(name, 3, autoreset_mode=mode, observation=kind), episodes=5) == 1.0


@pytest.mark.parametrize("name", IDS)
def test_a_random_player_returns_chance(name):
    envs = gymnasium.make_vec(name, 32)
    task, length = envs.setting.task, envs.setting.length
    asked = sum(int(Stream(task, length, seed=lane).rows(0, 4).asking.sum()) for lane in range(32))
    # Rows may ask differently often: the mean over rows spreads no more than a mean over as many questions a row
    # as the shortest row asks.
    low, high = stats.norm.interval(0.9999, task.chance, (task.chance * (1 - task.chance) / asked) ** 0.5)
    spare = 0.25 * (high - low)
    assert low - spare <= run(Random(), envs, episodes=128) <= high + spare


@pytest.mark.parametrize("size", [1, 6, 16, 40])
def test_a_window_plays_as_its_reader_reads(size):
    envs = gymnasium.make_vec("recall/MQAR-v0", 32, length=40, num_pairs=4)
    batch = [Stream(MQAR(4), 40, seed=lane).rows(0, 4) for lane in range(32)]
    near = np.concatenate([b.distances < size for b in batch])
    score = run(Window(size), envs, episodes=128)
    low, high = stats.binom.interval(0.9999, int((~near).sum()), 1 / 32)
    assert near.sum() + low <= round(score * near.size) <= near.sum() + high


def test_a_reading_player_says_what_its_reader_says():
    single = gymnasium.make("recall/MQAR-v0", length=40, num_pairs=4)
    batch = Stream(MQAR(4), 40, seed=3).rows(0, 50)
    for reader in (readers.Bag(), readers.Recency(), readers.Oracle()):
        expected = readers.accuracy(reader, batch, MQAR(4))
        assert run(Reading(reader), single, episodes=50, seed=3) == pytest.approx(expected)


def test_without_memory_a_player_knows_no_more_than_its_reader():
    keywords = {"length": 24, "num_pairs": 2, "num_keys": 3, "num_values": 3}
    task = MQAR(2, 3, 3)
    envs = gymnasium.make_vec("recall/MQAR-v0", 1, **keywords)
    reader = readers.Memoryless(Stream(task, 24, "probe").batches(256, 0, 2048))
    expected = readers.accuracy(reader, Stream(task, 24, seed=9).rows(0, 200), task)
    assert run(Memoryless(), envs, episodes=200, seed=9) == pytest.approx(expected)
    shown = gymnasium.make("recall/MQAR-v0", observable="full", **keywords)
    assert run(Memoryless(), shown, episodes=3) == 1.0
    assert run(Oracle(), shown, episodes=3) == 1.0


def test_wrappers_are_no_hindrance():
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make("recall/Copy-v0"))
    assert run(Oracle(), env, episodes=2) == 1.0


def test_an_episode_that_is_cut_is_over():
    env = gymnasium.make("recall/MQAR-v0", length=24, num_pairs=2, max_episode_steps=23)
    rows = Stream(MQAR(2), 24, seed=0).rows(0, 4)
    kept = ((rows.asked < 23) & rows.asking).sum(1) / rows.asking.sum(1)
    assert run(Oracle(), env, episodes=4) == pytest.approx(kept.mean())
    assert kept.mean() < 1
    assert env.unwrapped.row == 3


@pytest.mark.parametrize("make", [Random, lambda: Window(3)])
def test_the_same_player_plays_the_same_again(make):
    player, env = make(), gymnasium.make("recall/MQAR-v0", num_values=2)
    scores = [run(player, env, episodes=9), run(make(), env, episodes=9), run(player, env, episodes=9)]
    assert scores[0] == scores[1] == scores[2]


WRAPPED = {
    "flat": FlattenObservation,
    "stacked": lambda env: FrameStackObservation(env, 2),
    "moved": lambda env: TransformAction(env, lambda action: action, gymnasium.spaces.Discrete(2)),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
def test_wrappers_that_change_what_is_seen_or_said_are_refused(wrap):
    with pytest.raises(ValueError, match="take off the wrapper that changes it"):
        run(Oracle(), wrap(gymnasium.make("recall/MQAR-v0")))


def test_lanes_that_show_something_else_are_refused():
    envs = gymnasium.wrappers.vector.FlattenObservation(gymnasium.make_vec("recall/MQAR-v0", 2))
    with pytest.raises(ValueError, match="take off the wrapper"):
        run(Oracle(), envs)


PLAYERS = {
    "an empty window": (lambda: Window(0), "size takes a whole number from 1 .*, not 0"),
    "part of a token": (lambda: Window(2.5), "size takes a whole number from 1"),
    "a window's seed": (lambda: Window(2, -1), "seed takes a whole number from 0"),
    "no rows": (lambda: Memoryless(0), "num_rows takes a whole number from 1"),
    "rows of numpy": (lambda: Memoryless(np.int64(256)), "pass 256"),
    "a seed": (lambda: Random("a"), "seed takes a whole number from 0 .*, not 'a'"),
    "no env": (lambda: Oracle().act(0, {"query": False, "t": 0}), r"Oracle has no environment yet \(call begin"),
    "a class": (lambda: run(Oracle, gymnasium.make("recall/MQAR-v0")), "run takes a policy that is made"),
    "a word": (lambda: run(Oracle(), "recall/MQAR-v0"), "not str: make it with"),
}


@pytest.mark.parametrize(("play", "words"), PLAYERS.values(), ids=PLAYERS.keys())
def test_what_makes_no_player_is_refused(play, words):
    with pytest.raises(ValueError, match=words):
        play()


def test_what_cannot_be_played_is_refused():
    lanes = gymnasium.make_vec("recall/MQAR-v0", 2, vectorization_mode="sync")
    with pytest.raises(ValueError, match="not SyncVectorEnv: make it with"):
        run(Oracle(), lanes)
    with pytest.raises(ValueError, match="episodes takes a whole number from 1, not 0"):
        run(Oracle(), gymnasium.make("recall/MQAR-v0"), episodes=0)
