"""The native vector environment is `SyncVectorEnv` of the single one, value for value, whatever is reset when."""

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from recall_tasks import MQAR, TASKS, Needle, Stream
from recall_tasks.environments import environment_id, rows, tape
from recall_tasks.environments.vector import RecallVectorEnv

IDS = [environment_id(task) for task in TASKS.values()]
MODES = list(AutoresetMode)
NEXT, SAME, DISABLED = AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED
KINDS = {
    "discrete": {},
    "dict": {"observation": "dict", "expose_target": True},
    "onehot": {"observation": "onehot", "observable": "full"},
}
SMALL = {"length": 9, "num_pairs": 2, "num_keys": 4, "num_values": 4}


def kind_of(i: int) -> str:
    """Kinds in turn: tests over two other things meet every kind with each value of both, not all products."""
    return list(KINDS)[i % len(KINDS)]


def same(a, b, where="") -> None:
    """Equal in value, type, shape and dtype, all the way down."""
    assert type(a) is type(b), (where, a, b)
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, tuple) or (isinstance(a, np.ndarray) and a.dtype == object):
        assert len(a) == len(b), where
        for i, pair in enumerate(zip(a, b, strict=True)):
            same(*pair, f"{where}.{i}")
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        assert np.array_equal(a, b), (where, a, b)
    else:
        assert a == b, where


def pair(name, num_envs=3, mode=NEXT, **keywords):
    """The native environment and Gymnasium's of the same lanes."""
    native = gymnasium.make_vec(name, num_envs, autoreset_mode=mode, **keywords)
    lanes = gymnasium.make_vec(
        name, num_envs, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **keywords
    )
    return native, lanes


def play(native, lanes, steps, rng, masks=0.0):
    """Step both at random and reset some lanes of both in between, with probability `masks` a step."""
    mode, num_envs = native.metadata["autoreset_mode"], native.num_envs
    over = np.zeros(num_envs, bool)
    for _ in range(steps):
        mask = rng.random(num_envs) < 0.5 if rng.random() < masks else np.zeros(num_envs, bool)
        mask |= over & (mode == DISABLED)
        if mask.any():
            options = {"reset_mask": mask} | ({"index": int(rng.integers(600))} if rng.random() < 0.3 else {})
            seed = int(rng.integers(100)) if rng.random() < 0.3 else None
            same(native.reset(seed=seed, options=options), lanes.reset(seed=seed, options=dict(options)))
            assert "reset_mask" in options
            over &= ~mask
        actions = rng.integers(native.single_action_space.n, size=num_envs)
        returned = native.step(actions)
        same(returned, lanes.step(actions))
        over = returned[2].copy()


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_every_task_plays_as_its_single_environments_do(name, mode, monkeypatch):
    monkeypatch.setattr(tape, "CELLS", 1000)  # more would be written than is played
    kind = kind_of(IDS.index(name) + MODES.index(mode))
    native, lanes = pair(name, mode=mode, **KINDS[kind])
    length = native.setting.length
    same(native.reset(seed=5), lanes.reset(seed=5))
    rng = np.random.default_rng(0)
    play(native, lanes, length + 3, rng)
    play(native, lanes, length, rng, masks=0.05 if kind == "discrete" else 0.0)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize(("i", "cells"), [(0, 1), (1, 30), (2, 100), (3, 2**15)])
def test_lanes_out_of_step_and_short_tapes(mode, i, cells, monkeypatch):
    monkeypatch.setattr(tape, "CELLS", cells)
    native, lanes = pair("recall/MQAR-v0", 4, mode, **SMALL, **KINDS[kind_of(i + MODES.index(mode))])
    same(native.reset(seed=0), lanes.reset(seed=0))
    play(native, lanes, 100, np.random.default_rng(1), masks=0.1)


@pytest.mark.parametrize("held", [1, 3000, 20_000])
def test_rows_come_the_same_however_few_are_held(held, monkeypatch):
    monkeypatch.setattr(rows, "BYTES", held)
    native, lanes = pair("recall/MQAR-v0", 2, **SMALL)
    same(native.reset(seed=0, options={"index": 250}), lanes.reset(seed=0, options={"index": 250}))
    play(native, lanes, 200, np.random.default_rng(2), masks=0.03)
    width = native._shelf._held["tokens"].shape[1]
    assert width == {1: 1, 3000: 16, 20_000: 86}[held]


def test_rows_longer_than_a_tape_and_than_a_block(monkeypatch):
    monkeypatch.setattr(tape, "CELLS", 512)
    native, lanes = pair("recall/Needle-v0", 2, length=20_000)
    assert native.setting.stream(0).block_rows < 256
    same(native.reset(seed=0), lanes.reset(seed=0))
    actions = np.zeros(2, np.int64)
    for t in range(20_010):
        ours, theirs = native.step(actions), lanes.step(actions)
        if t % 997 == 0 or t > 19_980:
            same(ours, theirs)


def test_seeds_and_rows_for_each_lane():
    native, lanes = pair("recall/MQAR-v0", **SMALL)
    same(native.reset(seed=[4, 4, 9]), lanes.reset(seed=[4, 4, 9]))
    same(native.reset(seed=[None, 2, None]), lanes.reset(seed=[None, 2, None]))
    assert native.rows.tolist() == [1, 0, 1]
    native.reset(seed=[7, 7, 7], options={"index": [300, 0, 5]})
    stream = Stream(MQAR(2, 4, 4), 9, "train", 7)
    wanted = np.concatenate([stream.rows(row, 1).tokens for row in (300, 0, 5)])
    assert np.array_equal(native.batch.tokens, wanted)
    assert [held.seed for held in native.streams] == [7, 7, 7]


def test_a_new_seed_is_heard_where_the_row_would_have_come_next_anyway():
    native, lanes = pair("recall/MQAR-v0", mode=DISABLED, **SMALL)
    same(native.reset(seed=0), lanes.reset(seed=0))
    play(native, lanes, 9, np.random.default_rng(0))
    same(native.reset(seed=50, options={"index": 1}), lanes.reset(seed=50, options={"index": 1}))
    play(native, lanes, 9, np.random.default_rng(0))


def test_unseeded_lanes_differ_and_go_on():
    native = RecallVectorEnv(3, "mqar")
    native.reset()
    assert len({stream.seed for stream in native.streams}) == 3
    native.reset()
    assert native.rows.tolist() == [1, 1, 1]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_returned_may_be_kept_and_changed(mode, kind):
    clean, spoilt = (RecallVectorEnv(3, "mqar", autoreset_mode=mode, **SMALL, **KINDS[kind]) for _ in range(2))

    def leaves(tree):
        if isinstance(tree, dict):
            return [leaf for part in tree.values() for leaf in leaves(part)]
        if isinstance(tree, tuple):
            return [leaf for part in tree for leaf in leaves(part)]
        return [tree]

    kept = []
    rng = np.random.default_rng(0)
    returned = clean.reset(seed=0), spoilt.reset(seed=0)
    for _ in range(40):
        same(*returned)
        kept.append((returned[0], copy.deepcopy(returned[0])))
        for leaf in leaves(returned[1]):
            assert leaf.flags.writeable
            if leaf.dtype != object:
                leaf[...] = ~leaf if leaf.dtype == bool else 1
        if mode == DISABLED and len(returned[0]) == 5 and returned[0][2].all():
            returned = clean.reset(), spoilt.reset()
        else:
            actions = rng.integers(4, size=3)
            returned = clean.step(actions), spoilt.step(actions)
    for now, then in kept:
        same(now, then)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))])
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_a_copy_made_in_mid_episode_goes_on_alike(again, mode):
    native, _ = pair("recall/MQAR-v0", mode=mode, **SMALL)
    twin = again(native)  # before the first reset
    same(native.reset(seed=1), twin.reset(seed=1))
    native.step(np.zeros(3, np.int64))
    native.reset(options={"reset_mask": np.array([True, False, False])})
    twin = again(native)
    rng = np.random.default_rng(0)
    for _ in range(7):
        actions = rng.integers(4, size=3)
        same(native.step(actions), twin.step(actions))
    assert len(pickle.dumps(native)) < 10_000


def test_all_three_modes_of_make_vec():
    first = []
    for mode in ("vector_entry_point", "sync", "async"):
        envs = gymnasium.make_vec("recall/MQAR-v0", 2, vectorization_mode=mode, length=24)
        first.append(envs.reset(seed=3)[0].tolist())
        assert envs.observation_space.contains(envs.reset(seed=3)[0])
        envs.close()
    assert first[0] == first[1] == first[2]
    assert isinstance(gymnasium.make_vec("recall/MQAR-v0", 2).unwrapped, RecallVectorEnv)


def test_a_spec_makes_the_same_lanes():
    envs = gymnasium.make_vec("recall/Needle-v0", 2, length=40, num_needles=2, autoreset_mode="SameStep")
    again = gymnasium.make_vec(gymnasium.envs.registration.EnvSpec.from_json(envs.spec.to_json()))
    assert again.num_envs == 2
    assert again.setting == envs.setting
    assert again.metadata["autoreset_mode"] is SAME
    same(envs.reset(seed=1), again.reset(seed=1))


def test_spaces_and_metadata_are_gymnasiums():
    for keywords in KINDS.values():
        native, lanes = pair("recall/MQAR-v0", **SMALL, **keywords)
        for name in ("single_observation_space", "observation_space", "single_action_space", "action_space"):
            assert getattr(native, name) == getattr(lanes, name)
        assert native.metadata == lanes.metadata


def test_returns_are_gathered_by_gymnasiums_wrapper():
    envs = RecordEpisodeStatistics(RecallVectorEnv(2, Needle(), 16, expose_target=True))
    _, info = envs.reset(seed=0)
    for _ in range(16):
        _, _, ended, _, info = envs.step(np.maximum(info["next_target"], 0))
    assert ended.all()
    assert info["episode"]["r"].tolist() == [1.0, 1.0]
    assert info["episode"]["l"].tolist() == [16, 16]


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_pictures_are_those_of_the_lanes(mode):
    native, lanes = pair("recall/MQAR-v0", render_mode=mode, observable="full", **SMALL)
    native.reset(seed=0)
    lanes.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(14):
        same(native.render(), lanes.render())
        actions = rng.integers(4, size=3)
        native.step(actions)
        lanes.step(actions)
    assert RecallVectorEnv(2, "mqar").render() is None


ACTIONS = {
    "below": (np.array([0, -1, 0]), "lane 1: action -1 is not one of 4 answers, 0 to 3"),
    "above": (np.array([0, 0, 4]), "lane 2: action 4 is not one of 4 answers, 0 to 3"),
    "far above": (np.array([2**62, 0, 0]), "lane 0: action 4611686018427387904 is not"),
    "floats": (np.zeros(3), "actions are an array of 3 whole numbers, not float64"),
    "too few": (np.zeros(2, int), r"not int64 of shape \(2,\)"),
    "one": (1, r"of shape \(\)"),
    "words": (["a", "b", "c"], "actions are an array of 3 whole numbers"),
    "bools": (np.ones(3, bool), "not bool"),
    "ragged": ([[1], [2, 3], 4], r"array of 3 whole numbers, not \[\[1\], \[2, 3\], 4\]"),
    "huge": ([10**30, 0, 0], f"lane 0: action {10**30} is not one of 4 answers"),
    "a hole": ([1, None, 2], r"array of 3 whole numbers, not \[1, None, 2\]"),
}


@pytest.mark.parametrize(("actions", "words"), ACTIONS.values(), ids=ACTIONS.keys())
def test_actions_that_are_none_are_refused_and_change_nothing(actions, words):
    native, lanes = pair("recall/MQAR-v0", **SMALL)
    native.reset(seed=0)
    lanes.reset(seed=0)
    with pytest.raises(ValueError, match=words):
        native.step(actions)
    for good in (np.array([1, 2, 3]), np.array([1, 2, 3], np.uint8)):
        same(native.step(good), lanes.step(good))
    assert native.step([0, 1, 2])[4]["t"].tolist() == [3, 3, 3]


def test_at_the_pad_a_wrong_shape_is_refused_and_any_number_does():
    native = RecallVectorEnv(3, "mqar", **SMALL)
    native.reset(seed=0)
    for _ in range(9):
        native.step(np.zeros(3, int))
    with pytest.raises(ValueError, match="array of 3 whole numbers"):
        native.step(np.zeros(2, int))
    _, rewards, _, _, info = native.step(np.array([-1, 99, 0]))
    assert not rewards.any()
    assert not info["correct"].any()


RESETS = {
    "a seed of numpy": ({"seed": np.int64(3)}, "pass 3"),
    "too few seeds": ({"seed": [1, 2]}, "3 of them, not 2"),
    "a seed in a list": ({"seed": [1, -2, 3]}, "seed takes a whole number from 0"),
    "rows too few": ({"options": {"index": [1]}}, "3 of them, not 1"),
    "a row that is none": ({"options": {"index": [1, None, 2]}}, "not None"),
    "a row below zero": ({"options": {"index": -1}}, "index takes a whole number"),
    "seeds too large": ({"seed": 2**63 - 2}, r"to 2\^63 - 3 with 3 lanes .*, not 9223372036854775806 "),
    "rows of floats": ({"options": {"index": np.zeros(3)}}, "index takes a whole number .*, not 0.0"),
    "a number for options": ({"options": 3}, "options takes a dict such as .*, not 3"),
    "a word for options": ({"options": "index"}, "options takes a dict such as .*, not 'index'"),
    "a list for options": ({"options": []}, "options takes a dict"),
    "an option nobody knows": (
        {"options": {"mask": 1}},
        "unknown option 'mask' of reset: choose among index, reset_mask",
    ),
    "a mask that is a list": ({"options": {"reset_mask": [True] * 3}}, "an array of 3 bools"),
    "a mask too short": ({"options": {"reset_mask": np.ones(2, bool)}}, "an array of 3 bools"),
    "a mask of numbers": ({"options": {"reset_mask": np.ones(3)}}, "an array of 3 bools"),
    "a mask of nobody": ({"options": {"reset_mask": np.zeros(3, bool)}}, "names no lane"),
}


@pytest.mark.parametrize(("reset", "words"), RESETS.values(), ids=RESETS.keys())
def test_a_reset_that_cannot_be_changes_nothing(reset, words):
    native = RecallVectorEnv(3, "mqar", **SMALL)
    native.reset(seed=1)
    native.step(np.zeros(3, int))
    before = pickle.dumps(native)
    with pytest.raises(ValueError, match=words):
        native.reset(**reset)
    assert pickle.dumps(native) == before


def test_steps_outside_a_row_are_refused():
    native = RecallVectorEnv(2, "mqar", autoreset_mode="Disabled", **SMALL)
    some = {"reset_mask": np.array([True, False])}
    for call in (lambda: native.step([0, 0]), lambda: native.reset(options=some), lambda: native.batch):
        with pytest.raises(ResetNeeded, match="before the first reset"):
            call()
    native.reset(seed=0)
    for _ in range(9):
        native.step([0, 0])
    with pytest.raises(ResetNeeded, match="lane 0 took the 9 steps of its row"):
        native.step([0, 0])
    native.reset(options=some)
    with pytest.raises(ResetNeeded, match="lane 1 took the 9 steps"):
        native.step([0, 0])
    native.reset(options={"reset_mask": np.array([False, True])})
    assert native.step([0, 0])[4]["t"].tolist() == [1, 1]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_nothing_comes_after_the_last_row_of_a_stream(mode):
    native = RecallVectorEnv(2, "mqar", autoreset_mode=mode, **SMALL)
    native.reset(seed=0, options={"index": [2**48 - 1, 0]})
    before = pickle.dumps(native)
    with pytest.raises(ValueError, match=r"2\^48 - 1\) is the last of a stream: reset with a seed or an index"):
        native.reset()
    assert pickle.dumps(native) == before
    assert native.reset(options={"reset_mask": np.array([False, True])})[1]["_t"].tolist() == [False, True]
    assert native.rows.tolist() == [2**48 - 1, 1]
    native.reset(seed=0)


def test_rows_may_be_an_array():
    native = RecallVectorEnv(3, "mqar", **SMALL)
    native.reset(seed=0, options={"index": np.array([5, 3, 4], np.uint16)})
    tokens = native.batch.tokens
    native.reset(options={"index": native.rows})
    assert native.rows.tolist() == [5, 3, 4]
    assert np.array_equal(native.batch.tokens, tokens)


@pytest.mark.parametrize("number", [10**12, 2**20 + 1, 0, -1, 2.0, np.int64(2), None])
def test_lanes_are_counted_from_one(number):
    with pytest.raises(ValueError, match="num_envs takes a whole number from 1"):
        RecallVectorEnv(number, "mqar")


def test_a_mode_or_keyword_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="unknown autoreset_mode 'Never': choose one of NextStep"):
        RecallVectorEnv(2, "mqar", autoreset_mode="Never")
    with pytest.raises(ValueError, match="unknown keyword 'copy'"):
        RecallVectorEnv(2, "mqar", copy=True)
