"""Stable-Baselines3, where it is installed (`pip install -e .[sb3]`): its checker is silent and its PPO learns."""

import gymnasium
import numpy as np
import pytest

from recall_tasks import MQAR, TASKS
from recall_tasks.environments import environment_id

pytest.importorskip("stable_baselines3")

from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env

pytestmark = pytest.mark.sb3
TINY = {"length": 8, "num_pairs": 2, "num_keys": 4, "num_values": 4}


@pytest.mark.parametrize("name", [environment_id(task) for task in TASKS.values()])
@pytest.mark.parametrize("observation", ["discrete", "dict", "onehot"])
def test_its_checker_finds_no_fault(name, observation):
    check_env(gymnasium.make(name, observation=observation).unwrapped)


def mean_return(model, episodes=200, **keywords):
    env = gymnasium.make("recall/MQAR-v0", split="test", **TINY | keywords)
    total = 0.0
    for _ in range(episodes):
        observation, _ = env.reset()
        over = False
        while not over:
            action, _ = model.predict(observation, deterministic=True)
            observation, reward, over, _, _ = env.step(action)
            total += reward
    return total / episodes


@pytest.mark.slow
@pytest.mark.parametrize(("observation", "policy"), [("discrete", "MlpPolicy"), ("dict", "MultiInputPolicy")])
def test_ppo_without_memory_learns_the_twin_that_shows_the_answer_and_no_more(observation, policy):
    keywords = {"observation": observation, "observable": "full"}
    envs = make_vec_env("recall/MQAR-v0", 16, seed=0, env_kwargs=TINY | keywords)
    model = PPO(
        policy, envs, n_steps=32, batch_size=256, learning_rate=1e-2, gamma=0.0, seed=0, device="cpu",
        policy_kwargs={"net_arch": [32]},
    )  # fmt: skip
    model.learn(16_000)
    assert mean_return(model, **keywords) > 0.98
    # What it sees of the row itself is the key, and a policy that sees no more cannot beat chance by much.
    hidden = mean_return(model, observation=observation)
    assert abs(hidden - MQAR(2, 4, 4).chance) < 4 * np.sqrt(0.25 * 0.75 / 400)
