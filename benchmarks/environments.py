"""Steps a second of the native vector environment, one thread, against Gymnasium's `SyncVectorEnv` of the
same lanes in the same run. A step counts once for each lane. Actions are random and made beforehand; the
native figure is a median over whole blocks of episodes, so it contains drawing every row it plays."""

from collections.abc import Iterator

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv

from recall_tasks import TASKS
from recall_tasks.environments import environment_id

from .tables import Columns, Line
from .timing import seconds

LANES = 64
CELLS = [
    ("mqar", LANES, {"length": 512, "num_pairs": 16}),
    ("mqar", LANES, {"length": 4096, "num_pairs": 16}),
    ("mqar", LANES, {"observation": "dict"}),
    ("mqar", LANES, {"autoreset_mode": "SameStep"}),
    ("mqar", 1, {}),
    ("mqar", 1024, {}),
] + [(name, LANES, {}) for name in TASKS]


def rate(envs: VectorEnv, steps: int, repeats: int) -> float:
    """Lane steps a second: the median of so many times so many steps of all lanes."""
    lanes = envs.num_envs
    rng = np.random.default_rng(0)
    actions = [rng.integers(envs.single_action_space.n, size=lanes) for _ in range(97)]
    envs.reset(seed=0)

    def play() -> None:
        for number in range(steps):
            envs.step(actions[number % 97])

    return lanes * steps / seconds(play, repeats=repeats, warmup=0)


def table() -> Iterator[Line]:
    numbers = {"length": ">7", "lanes": ">7", "native": ">14,.0f", "SyncVectorEnv": ">15,.0f", "ratio": ">7.0f"}
    yield Columns({"task": "<20"} | numbers | {"keywords": "<30"})
    for name, lanes, keywords in CELLS:
        spec = environment_id(TASKS[name])
        native = gymnasium.make_vec(spec, lanes, **keywords)
        length = native.setting.length
        fields = {k: v for k, v in keywords.items() if k != "autoreset_mode"}
        modes = {"autoreset_mode": native.metadata["autoreset_mode"]}
        sync = gymnasium.make_vec(spec, lanes, vectorization_mode="sync", vector_kwargs=modes, **fields)
        block = native.setting.stream(0).block_rows * (length + 1)
        fast = rate(native, block, repeats=1 if length > 1000 else 3)
        slow = rate(sync, 20_000 // lanes, repeats=3)
        shown = ", ".join(f"{k}={v}" for k, v in keywords.items() if k != "length")
        yield name, length, lanes, fast, slow, fast / slow, shown
