"""Players to hold an agent against: the best there is, chance, no memory, and a memory of the last few tokens.

>>> import gymnasium
>>> from recall_tasks.policies import Oracle, run
>>> run(Oracle(), gymnasium.make("recall/MQAR-v0"), episodes=4)
1.0
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from gymnasium import Env
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from . import readers
from .batch import Batch, Ints, Stored
from .environments.setting import Setting
from .environments.single import RecallEnv
from .environments.vector import RecallVectorEnv
from .stream import BLOCK, Stream
from .task import told

Lanes = NDArray[Any]
"""[N]: a number for each lane; a single environment is one lane."""


def _whole(what: str, value: Any, least: int) -> int:
    if type(value) is not int or not least <= value < 2**63:
        raise ValueError(f"{what} takes a whole number from {least} to 2^63 - 1, not {told(value, int)}")
    return value


class Policy(ABC):
    """`begin(env)`, then `act(observation, info)` for each observation: its action, or an array of them.

    `env` is an environment of this package, single or vector, in wrappers that leave observations alone.
    """

    env: RecallEnv | RecallVectorEnv
    setting: Setting

    def begin(self, env: Env[Any, Any] | VectorEnv[Any, Any, Any]) -> None:
        """Raises ValueError for an environment of another package, a vector of them that is not native, and
        wrappers that change what is shown or said.
        """
        inner = getattr(env, "unwrapped", env)
        if not isinstance(inner, RecallEnv | RecallVectorEnv):
            raise ValueError(
                f"policies play RecallEnv and RecallVectorEnv, not {type(inner).__name__}: make it with "
                "gymnasium.make, or with make_vec and vectorization_mode='vector_entry_point'"
            )
        for name in ("observation_space", "action_space"):
            if (theirs := getattr(env, name)) != (own := getattr(inner, name)):
                raise ValueError(f"policies play {own} as {name}, not {theirs}: take off the wrapper that changes it")
        self.env, self.setting = inner, inner.setting

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Raises ValueError before `begin`."""
        if not hasattr(self, "setting"):
            raise ValueError(f"{type(self).__name__} has no environment yet (call begin(env), or use run)")
        tokens = observation["token"] if isinstance(observation, dict) else observation
        if self.setting.observation == "onehot":
            tokens = np.argmax(tokens, axis=-1)
        actions = self.choose(*(np.atleast_1d(x) for x in (tokens, info["query"], info["t"])))
        return int(actions[0]) if isinstance(self.env, RecallEnv) else actions

    @abstractmethod
    def choose(self, tokens: Lanes, query: Lanes, t: Lanes) -> Lanes:
        """An action for each lane from the token it shows, whether that asks, and its place in the row."""


class Oracle(Policy):
    """Remembers every token it was shown and knows the rules: its return is 1.0 exactly."""

    def begin(self, env: Env[Any, Any] | VectorEnv[Any, Any, Any]) -> None:
        super().begin(env)
        self.seen: dict[int, list[int]] = {}

    def choose(self, tokens: Lanes, query: Lanes, t: Lanes) -> Lanes:
        actions = np.zeros(len(tokens), np.int64)
        task = self.setting.task
        for lane, (token, asks, place) in enumerate(zip(tokens.tolist(), query.tolist(), t.tolist(), strict=True)):
            if place == 0:
                self.seen[lane] = []
            self.seen[lane].append(token)
            if asks:
                shown = self.setting.observable == "full"
                answer = token if shown else task.solve(self.seen[lane])[place]
                actions[lane] = answer - task.answers.start
        return actions


class Random(Policy):
    """Says anything, all answers alike: its return is `task.chance` on average."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = _whole("seed", seed, 0)

    def begin(self, env: Env[Any, Any] | VectorEnv[Any, Any, Any]) -> None:
        super().begin(env)
        self.rng = np.random.default_rng(self.seed)

    def choose(self, tokens: Lanes, query: Lanes, t: Lanes) -> Lanes:
        return self.rng.integers(self.setting.task.num_answers, size=len(tokens))


class Memoryless(Policy):
    """Sees the present token alone and says what is most often right there, by rows of the probe split.

    No policy without memory does better, but for what so many rows leave uncertain.
    """

    def __init__(self, num_rows: int = 8 * BLOCK) -> None:
        self.num_rows = _whole("num_rows", num_rows, 1)

    def begin(self, env: Env[Any, Any] | VectorEnv[Any, Any, Any]) -> None:
        super().begin(env)
        rows = Stream(self.setting.task, self.setting.length, "probe").batches(BLOCK, 0, self.num_rows)
        self.reader = readers.Memoryless(rows)

    def choose(self, tokens: Lanes, query: Lanes, t: Lanes) -> Lanes:
        task = self.setting.task
        if self.setting.observable == "full":
            return np.where(query, tokens - task.answers.start, 0)
        nothing = np.zeros((len(tokens), 1), np.int32)
        alone = Batch(tokens[:, None].astype(np.int32), nothing, nothing, nothing, Stored(nothing, nothing, nothing))
        return np.where(query, self.reader.answer(alone, task)[:, 0] - task.answers.start, 0)


class Reading(Policy):
    """Plays what one of `readers` answers. It is handed the row by the environment, so it is a baseline, no agent.

    A reader answers each question from the tokens up to it, but may use where the answer was written.
    """

    def __init__(self, reader: readers.Reader) -> None:
        self.reader = reader

    def choose(self, tokens: Lanes, query: Lanes, t: Lanes) -> Lanes:
        task = self.setting.task
        if (t == 0).any():
            self.batch = self.env.batch
            self.answers: Ints = self.reader.answer(self.batch, task)
        here = self.batch.asking & (self.batch.asked == t[:, None])
        return np.where(query, (here * (self.answers - task.answers.start)).sum(axis=1), 0)


class Window(Reading):
    """Remembers the last `size` tokens: right where the answer was written fewer tokens ago, else a guess."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size, self.seed = _whole("size", size, 1), _whole("seed", seed, 0)

    def begin(self, env: Env[Any, Any] | VectorEnv[Any, Any, Any]) -> None:
        super().begin(env)
        self.reader = readers.Window(self.size, np.random.default_rng(self.seed))


def run(
    policy: Policy, env: Env[Any, Any] | VectorEnv[Any, Any, Any], episodes: int = 1, seed: int | None = 0
) -> float:
    """Mean return of the first `episodes` episodes, from a reset with `seed` on (None: the environment's next).

    An episode ends where it terminates or is truncated. Lanes of a vector environment play in turn, lane 0
    first. Raises ValueError for less than one episode, and for what is no policy or cannot be played.
    """
    if type(episodes) is not int or episodes < 1:
        raise ValueError(f"episodes takes a whole number from 1, not {episodes!r}")
    given: Any = policy
    if not isinstance(given, Policy):
        raise ValueError(f"run takes a policy that is made, such as Oracle(), not {given!r}")
    policy.begin(env)
    lanes, mode = 1, AutoresetMode.DISABLED
    if isinstance(policy.env, RecallVectorEnv):
        lanes, mode = policy.env.num_envs, policy.env.autoreset_mode
    returns: list[float] = []
    observation, info = env.reset(seed=seed)
    while True:
        total, over = np.zeros(lanes), False
        while not over:
            observation, rewards, ended, cut, info = env.step(policy.act(observation, info))
            total += np.asarray(rewards, np.float64)
            over = bool(np.logical_or(ended, cut).all())
        returns += total.tolist()
        if len(returns) >= episodes:
            return float(np.mean(returns[:episodes]))
        if mode == AutoresetMode.NEXT_STEP:
            observation, _, _, _, info = env.step(np.zeros(lanes, np.int64))
        elif mode == AutoresetMode.DISABLED:
            observation, info = env.reset()
