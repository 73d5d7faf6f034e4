"""A small model learns every task of the registry: what is asked can be learnt, and training asks what is meant."""

import pytest

from recall_tasks import TASKS, Stream
from recall_tasks.bounds import floors
from runners.config.run import ModelSetting, Run, TaskSetting, Training
from runners.evaluation.evaluate import score
from runners.training.loop import train

TRACKING = ("parity", "majority", "permutation")
"""Asks for a running summary, which a recurrent state keeps and two layers of attention have to search for."""

WITHIN_REACH = {"variable_tracking": {"num_hops": 1, "asks": "all"}}
"""A hop takes longer to learn than a test can wait; names that stand next to their value do not."""


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_light_setting_is_learnt(name):
    task = TASKS[name](**WITHIN_REACH.get(name, {}))
    light = task.at_load(min(2, getattr(task, task.load)))
    spec = {key: value for key, value in light.spec().items() if key not in ("task", "version")}
    memory = ModelSetting("gru" if name in TRACKING else "attention")
    run = Run(TaskSetting(name, light.min_length + 8, spec), memory, Training(updates=300, tokens=2048))
    model, outcome, _ = train(run)
    reached = score(model, Stream(light, run.task.length, "test"), 512).accuracy
    shirking = max(floor for floor in floors(light, run.task.length).values() if floor < 0.95)
    assert reached > shirking + 0.5 * (1 - shirking), outcome
