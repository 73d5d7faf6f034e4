"""The environment of every task: its rows are the stream's, its return the accuracy, its manners Gymnasium's."""

import copy
import dataclasses
import json
import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FlattenObservation, FrameStackObservation, RecordEpisodeStatistics

from recall_tasks import MQAR, TASKS, Copy, Stream
from recall_tasks.environments import environment_id
from recall_tasks.environments.setting import Setting, worth
from recall_tasks.environments.single import RecallEnv
from recall_tasks.picture import NOW, RIGHT, WRONG

IDS = [environment_id(task) for task in TASKS.values()]
SMALL = {"length": 12, "num_pairs": 2, "num_keys": 4, "num_values": 4}
KINDS = [{}, {"observation": "dict", "expose_target": True}, {"observation": "onehot", "observable": "full"}]


def mqar(**keywords):
    return gymnasium.make("recall/MQAR-v0", **SMALL | keywords)


def played(env, actions, **reset):
    """All an episode returns, as a list of tuples, the reset first."""
    steps = [env.reset(**reset)]
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2]:
            break
    return steps


def at_random(env, rng):
    return iter(lambda: int(rng.integers(env.action_space.n)), None)


def test_ids_are_the_classes_names():
    assert {"recall/MQAR-v0", "recall/Needle-v0", "recall/SelectiveCopy-v0"} <= set(IDS)
    assert len(set(IDS)) == len(TASKS)
    assert set(IDS) <= set(gymnasium.registry)


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("keywords", KINDS, ids=lambda k: k.get("observation", "discrete"))
def test_gymnasium_finds_no_fault(name, keywords):
    env = gymnasium.make(name, **keywords)
    check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_a_spec_survives_json(name):
    env = gymnasium.make(name, length=200, observation="dict")
    spec = gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json())
    again = gymnasium.make(spec)
    assert again.spec == env.spec
    assert json.loads(env.spec.to_json())["max_episode_steps"] is None
    assert played(env, at_random(env, np.random.default_rng(0)), seed=3) == played(
        again, at_random(again, np.random.default_rng(0)), seed=3
    )


@pytest.mark.parametrize("name", IDS)
def test_an_episode_is_a_row_and_its_return_the_share_of_right_answers(name):
    env = gymnasium.make(name)
    setting = env.unwrapped.setting
    rows = Stream(setting.task, setting.length, "train", 7).rows(0, 3)
    rng = np.random.default_rng(0)
    for e, row in enumerate(rows[i] for i in range(3)):
        targets = np.where(row.targets[0] >= 0, row.targets[0] - setting.task.answers.start, -1)
        distances = dict(zip(row.asked[row.asking].tolist(), row.distances[row.asking].tolist(), strict=True))
        # Right every other time, to see both.
        actions = np.where(rng.random(setting.length) < 0.5, targets, rng.integers(setting.task.num_answers))
        actions = np.maximum(actions, 0)
        steps = played(env, actions.tolist(), **({"seed": 7} if e == 0 else {}))
        assert [step[0] for step in steps] == [*row.tokens[0].tolist(), setting.pad]
        assert len(steps) == setting.length + 1
        assert [step[2:4] for step in steps[1:]] == [(False, False)] * (setting.length - 1) + [(True, False)]
        right = actions == targets
        assert [step[1] > 0 for step in steps[1:]] == right.tolist()
        assert sum(step[1] for step in steps[1:]) == pytest.approx(right.sum() / (targets >= 0).sum())
        infos = [step[-1] for step in steps]
        assert [info["t"] for info in infos] == list(range(setting.length + 1))
        assert [info["query"] for info in infos] == [*(targets >= 0).tolist(), False]
        assert [info["target"] for info in infos] == [-1, *targets.tolist()]
        assert [info["correct"] for info in infos] == [False, *right.tolist()]
        assert [info["distance"] for info in infos] == [0, *(distances.get(t, 0) for t in range(setting.length))]
        assert env.unwrapped.row == e


@pytest.mark.parametrize("name", IDS)
def test_infos_keep_their_keys_and_types_and_tell_no_target_ahead(name):
    env = gymnasium.make(name)
    steps = played(env, at_random(env, np.random.default_rng(1)), seed=1)
    kinds = {"query": bool, "t": int, "correct": bool, "target": int, "distance": int}
    for *_, info in steps:
        assert {key: type(value) for key, value in info.items()} == kinds
    for _, reward, terminated, truncated, _ in steps[1:]:
        assert type(reward) is float
        assert (type(terminated), truncated) == (bool, False)
    told = gymnasium.make(name, expose_target=True)
    ahead = played(told, at_random(told, np.random.default_rng(1)), seed=1)
    assert [step[-1]["next_target"] for step in ahead] == [*(step[-1]["target"] for step in steps[1:]), -1]


def test_rewards_add_up_to_exactly_one():
    for questions in range(1, 200):
        asking = np.ones((1, questions + 3), bool)
        asking[0, :3] = False
        rewards = worth(asking)[0].tolist()
        assert rewards[:3] == [0, 0, 0]
        assert sum(rewards) == 1.0
        assert np.allclose(rewards[3:], 1 / questions, rtol=1e-13)


def test_resets_go_on_jump_and_start_again():
    env, stream = mqar(split="test"), Stream(MQAR(2, 4, 4), 12, "test", 5)

    def row(**reset):
        env.reset(**reset)
        return env.unwrapped.batch.tokens[0].tolist()

    rows = stream.rows(0, 1003).tokens.tolist()
    assert row(seed=5) == rows[0]
    assert row(options={}) == rows[1]
    assert row(options={"index": 1000}) == rows[1000]
    env.step(0)
    assert row() == rows[1001]
    assert row(seed=5, options={"index": 2}) == rows[2]
    assert row(seed=6) == Stream(MQAR(2, 4, 4), 12, "test", 6).rows(0, 1).tokens[0].tolist()
    assert env.unwrapped.stream.seed == 6


def test_without_a_seed_one_is_drawn_and_the_next_row_is_another():
    first, second = mqar(), mqar()
    assert first.reset()[0] is not None
    second.reset()
    assert first.unwrapped.stream.seed != second.unwrapped.stream.seed
    seed = first.unwrapped.stream.seed
    first.reset()
    assert (first.unwrapped.stream.seed, first.unwrapped.row) == (seed, 1)


@pytest.mark.parametrize("name", IDS)
def test_the_twin_that_shows_the_answer_needs_no_memory(name):
    env = gymnasium.make(name, observable="full")
    first = env.unwrapped.setting.task.answers.start
    token, info = env.reset(seed=0)
    total = 0.0
    for _ in range(env.unwrapped.setting.length):
        token, reward, _, _, info = env.step(token - first if info["query"] else 0)
        total += reward
    assert total == 1.0


def test_observations_tell_the_same_in_three_ways():
    envs = {kind: mqar(observation=kind) for kind in ("discrete", "dict", "onehot")}
    vocabulary = MQAR(2, 4, 4).vocab_size
    assert envs["discrete"].observation_space == Discrete(vocabulary + 1)
    assert isinstance(envs["dict"].observation_space, Dict)
    assert envs["onehot"].observation_space == Box(0, 1, (vocabulary + 1,), np.float32)
    steps = [played(env, [0] * 12, seed=2) for env in envs.values()]
    phases = []
    for (token, *_, info), (observed, *_), (vector, *_) in zip(*steps, strict=True):
        phases.append(observed.pop("phase"))
        assert observed == {"token": token, "query": int(info["query"])}
        assert vector.dtype == np.float32
        assert np.flatnonzero(vector).tolist() == [token]
    first = [info["query"] for *_, info in steps[0]].index(True)
    assert phases == [0] * first + [1] * (12 - first) + [2]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_made_in_mid_episode_goes_on_alike(again):
    env = mqar(render_mode="ansi")
    env.reset(seed=4, options={"index": 255})  # the next row is of another block
    for _ in range(5):
        env.step(1)
    twin = again(env)
    for _ in range(2):
        for _ in range(12 if env.unwrapped._t == 0 else 7):
            assert env.step(2) == twin.step(2)
        assert env.render() == twin.render()
        assert env.reset() == twin.reset()


def test_wrappers_of_gymnasium_fit():
    env = FlattenObservation(FrameStackObservation(RecordEpisodeStatistics(mqar()), 3))
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    info, over = {}, False
    while not over:
        observation, _, over, _, info = env.step(0)
        assert observation in env.observation_space
    assert info["episode"]["l"] == 12
    for kind in ("dict", "onehot"):
        flat = FlattenObservation(mqar(observation=kind))
        assert flat.reset(seed=0)[0] in flat.observation_space


def test_lanes_in_processes_of_their_own_play_alike():
    make = {"num_envs": 2, "length": 12, "num_pairs": 2}
    lanes = gymnasium.make_vec("recall/MQAR-v0", vectorization_mode="async", vector_kwargs={"context": "spawn"}, **make)
    try:
        here = gymnasium.make_vec("recall/MQAR-v0", vectorization_mode="sync", **make)
        assert np.array_equal(lanes.reset(seed=3)[0], here.reset(seed=3)[0])
        for _ in range(15):
            for theirs, ours in zip(lanes.step(np.array([1, 2])), here.step(np.array([1, 2])), strict=True):
                same = theirs.keys() == ours.keys() if isinstance(ours, dict) else np.array_equal(theirs, ours)
                assert same
    finally:
        lanes.close()


def test_an_id_with_its_module_needs_no_import():
    code = (
        "import gymnasium, sys\n"
        "env = gymnasium.make('recall_tasks:recall/MQAR-v0', length=512, num_pairs=16)\n"
        "assert env.unwrapped.setting.length == 512 and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_library_makes_no_environment():
    code = "import sys, recall_tasks; sys.exit(any(m.startswith('recall_tasks.environments.') for m in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_defaults_are_64_tokens_or_the_presets_or_what_the_task_needs():
    assert gymnasium.make("recall/MQAR-v0").unwrapped.setting.length == 64
    assert gymnasium.make("recall/Copy-v0", num_tokens=50).unwrapped.setting.length == Copy(50).min_length > 64
    for name, task in TASKS.items():
        for preset, published in task.presets.items():
            setting = Setting.of(name, preset=preset)
            assert setting.length == published.length
            assert {f: getattr(setting.task, f) for f in published.fields} == dict(published.fields)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_no_field_of_a_task_is_a_keyword_of_the_environment(task):
    keywords = {f.name for f in dataclasses.fields(Setting)} | {"preset", "num_envs", "autoreset_mode"}
    assert not keywords & {f.name for f in dataclasses.fields(task)}


MISTAKES = {
    "a keyword nobody knows": ({"lenght": 64}, r"mqar: unknown keyword 'lenght': did you mean length"),
    "a field nobody knows": ({"num_pair": 2}, r"unknown keyword 'num_pair': did you mean num_pairs"),
    "a field of a wrong type": ({"num_pairs": 2.0}, r"num_pairs takes a whole number, not 2.0"),
    "a field that does not fit": ({"num_pairs": 5}, r"5 pairs need as many keys, not 4"),
    "a length too short": ({"length": 3}, r"need at least 6 tokens, not 3"),
    "a length of another type": ({"length": np.int64(12)}, r"length takes a whole number.*pass 12"),
    "a split nobody knows": ({"split": "tests"}, r"unknown split 'tests': choose one of train"),
    "a preset nobody knows": ({"preset": "zoo"}, r"unknown preset 'zoo'"),
    "an observation nobody knows": ({"observation": "tuple"}, r"choose one of discrete, dict, onehot"),
    "a view nobody knows": ({"observable": "half"}, r"choose one of partial, full"),
    "the task of another id": ({"task": "copy"}, r"this id is of the task mqar, not copy"),
    "a made task of another id": ({"task": Copy()}, r"this id is of the task mqar, not copy"),
    "a preset in a list": ({"preset": ["zoology"]}, r"preset takes a word or None, not \['zoology'\] \(list\)"),
    "a number for a task": ({"task": 3}, r"task takes a name such as 'mqar' .*, not 3 \(int\)"),
    "no task": ({"task": None}, r"task takes a name .*, not None"),
    "a list for a task": ({"task": ["mqar"]}, r"task takes a name .*, not \['mqar'\]"),
    "a task that is not made": ({"task": MQAR}, r"task takes a name .*; pass MQAR\(\)"),
    "a split in an array": ({"split": np.array(["train", "test"])}, r"unknown split array"),
    "a flag that is none": ({"expose_target": 1}, r"expose_target takes true or false, not 1"),
}


@pytest.mark.parametrize(("keywords", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_what_cannot_be_made_is_refused(keywords, words):
    with pytest.raises(ValueError, match=words):
        mqar(**keywords)


def test_a_render_mode_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="unknown render_mode 'human': choose one of ansi, rgb_array"):
        RecallEnv("mqar", render_mode="human")


def test_a_task_that_is_made_takes_no_fields():
    assert RecallEnv(MQAR(2), 24).setting.task == MQAR(2)
    with pytest.raises(ValueError, match="takes no preset and no fields"):
        RecallEnv(MQAR(2), 24, num_pairs=3)


RESETS = {
    "a seed below zero": ({"seed": -1}, "seed takes a whole number from 0"),
    "a seed of numpy": ({"seed": np.int64(3)}, "pass 3"),
    "a seed too large": ({"seed": 2**63}, "seed takes a whole number"),
    "a row below zero": ({"options": {"index": -1}}, "index takes a whole number from 0 to"),
    "a row beyond the stream": ({"options": {"index": 2**48}}, "index takes a whole number from 0 to"),
    "a row of numpy": ({"options": {"index": np.int64(3)}}, "pass 3"),
    "a number for options": ({"options": 3}, "options takes a dict such as .*, not 3 .int"),
    "a word for options": ({"options": "index"}, "options takes a dict such as .*, not 'index'"),
    "a list for options": ({"options": []}, r"options takes a dict such as .*, not \[\]"),
    "an option nobody knows": ({"options": {"idx": 3}}, "unknown option 'idx' of reset: choose among index"),
}


@pytest.mark.parametrize(("reset", "words"), RESETS.values(), ids=RESETS.keys())
def test_a_reset_that_cannot_be_changes_nothing(reset, words):
    env = mqar()
    env.reset(seed=1)
    env.step(0)
    before = pickle.dumps(env.unwrapped.__dict__)
    with pytest.raises(ValueError, match=words):
        env.reset(**reset)
    assert pickle.dumps(env.unwrapped.__dict__) == before


def test_nothing_comes_after_the_last_row_of_a_stream():
    env = mqar()
    env.reset(seed=0, options={"index": 2**48 - 1})
    with pytest.raises(ValueError, match=r"2\^48 - 1\) is the last of a stream: reset with a seed or an index"):
        env.reset()
    assert env.unwrapped.row == 2**48 - 1
    env.reset(seed=1)


def test_the_task_of_an_id_may_be_named_or_made():
    assert gymnasium.make("recall/MQAR-v0", task=MQAR(3)).unwrapped.setting.task == MQAR(3)
    assert mqar(task="mqar").unwrapped.setting.task == MQAR(2, 4, 4)
    with pytest.raises(ValueError, match="this id is of the task mqar, not needle"):
        gymnasium.make_vec("recall/MQAR-v0", 2, task="needle")


@pytest.mark.parametrize("action", [-1, 4, 10**30])
def test_an_action_out_of_range_is_refused(action):
    env = mqar()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=rf"mqar: action {action} is not one of 4 answers, 0 to 3"):
        env.step(action)
    assert env.step(3)[-1]["t"] == 1


def test_an_action_is_a_whole_number():
    env = mqar()
    env.reset(seed=0)
    for action in (1.0, "1", None, np.array([1, 2]), True, np.True_, np.array(True)):
        with pytest.raises(ValueError, match="an action is a whole number"):
            env.step(action)
    for t, action in enumerate((1, np.int64(1), np.uint8(1), np.array(1))):
        assert env.step(action)[-1]["t"] == t + 1


def test_steps_outside_a_row_are_refused():
    env = mqar().unwrapped
    for call in (lambda: env.step(0), lambda: env.batch):
        with pytest.raises(ResetNeeded, match="before the first"):
            call()
    played(env, [0] * 12, seed=0)
    with pytest.raises(ResetNeeded, match="after the 12 steps of a row"):
        env.step(0)
    env.reset()
    env.step(0)


def test_any_answer_may_be_said_at_any_time():
    masks = mqar().unwrapped.action_masks()
    assert (masks.dtype, masks.shape) == (np.bool_, (4,))
    assert masks.all()


def test_text_shows_what_was_shown_and_no_answer_ahead():
    env = mqar(render_mode="ansi")
    env.reset(seed=0)
    row = env.unwrapped.batch
    asked, answer = int(row.asked[0, 0]), int(row.answers[0, 0])
    spell = env.unwrapped.setting.task.spell
    for _ in range(asked):
        env.step(0)
    head, labels, *lines = env.render().split("\n")
    assert head == f"mqar  step {asked} of 12  0 of 0 right"
    assert labels.split() == ["t", "token", "role", "target", "answer"]
    assert lines[0].split() == ["0", spell(row.tokens[0, 0]), "key"]
    assert lines[-1].split() == [str(asked), spell(row.tokens[0, asked]), "key", "?"]
    env.step(answer - env.unwrapped.setting.task.answers.start)
    head, _, *lines = env.render().split("\n")
    assert head.endswith("1 of 1 right")
    assert lines[asked].split()[3:] == [spell(answer), spell(answer), "right"]
    assert len({line.index(word) for line, word in ((lines[0], "key"), (lines[1], "value"))}) == 1


def test_the_picture_marks_right_wrong_and_now():
    env = mqar(render_mode="rgb_array", length=40)
    env.reset(seed=0)
    row = env.unwrapped.batch
    (first, second), answer = row.asked[0].tolist(), int(row.answers[0, 0])
    shape = env.render().shape
    assert shape == (24, 256, 3)
    for t in range(second + 1):
        right = answer - env.unwrapped.setting.task.answers.start
        wrong = (int(row.answers[0, 1]) - env.unwrapped.setting.task.answers.start + 1) % 4
        env.step(right if t == first else wrong)
    picture = env.render()
    assert picture.dtype == np.uint8

    def mark(t):
        return tuple(picture[t // 32 * 12 + 10, t % 32 * 8 + 3].tolist())

    assert mark(first) == RIGHT
    assert mark(second) == WRONG
    assert second + 1 == 40 or mark(second + 1) == NOW
    assert mark(0) == (0, 0, 0)


def test_a_row_that_fits_stays_in_sight():
    env = mqar(render_mode="rgb_array", length=512)
    env.reset(seed=0)
    first = env.render()
    for _ in range(500):
        env.step(0)
    last = env.render()
    assert last.shape == first.shape == (192, 256, 3)
    assert np.array_equal(last[:8, :8], first[:8, :8])
    assert first[:8, :8].any()


def test_a_long_row_is_a_page_at_a_time():
    env = mqar(render_mode="rgb_array", length=1100)
    env.reset(seed=0)
    for _ in range(1025):
        env.step(0)
    picture = env.render()
    assert picture.shape == (384, 256, 3)
    assert [tuple(picture[10, 8 * cell + 3].tolist()) == NOW for cell in range(3)] == [False, True, False]
    assert not picture[12:].any()


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_every_moment_can_be_rendered(name, mode):
    env = gymnasium.make(name, render_mode=mode)
    env.reset(seed=0)
    shapes = {np.shape(env.render())}
    for t in range(env.unwrapped.setting.length):
        env.step(0)
        if t % 7 == 0 or t > 60:
            shapes.add(np.shape(env.render()))
    assert len(shapes) == 1
    assert gymnasium.make(name).unwrapped.render() is None
