"""Every task as a Gymnasium environment, registered as recall/MQAR-v0 and so on when recall_tasks is imported.

Only names are given to Gymnasium here; the environments are imported when one is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from gymnasium.envs.registration import register, registry

from ..task import Task

VERSION = 0
"""Rises whenever what an environment does changes; what a task draws has a version of its own."""


def environment_id(task: type[Task]) -> str:
    """`recall/MQAR-v0` of MQAR."""
    return f"recall/{task.__name__}-v{VERSION}"


def register_task(task: type[Task]) -> str:
    """Make a task of your own known to `gymnasium.make` and `make_vec`; returns its id, such as `recall/Sort-v0`.

    Raises ValueError for what is no class of a task, and for a class whose id another has.
    """
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise ValueError(f"register_task takes the class of a task, not {task!r}")
    known = environment_id(task)
    if known in registry and registry[known].kwargs.get("task") is not task:
        raise ValueError(f"{known} is the id of another task: rename the class {task.__name__}")
    register_all({task.name: task}, custom=True)
    return known


def register_all(tasks: Mapping[str, type[Task]], custom: bool = False) -> None:
    """Make each task known to `gymnasium.make` and `make_vec`; a custom one by its class, as no name finds it."""
    # No `max_episode_steps`: it would cut episodes of a `length` that is given.
    for name, task in tasks.items():
        if (known := environment_id(task)) not in registry:
            register(
                known,
                entry_point="recall_tasks.environments.single:RecallEnv",
                vector_entry_point="recall_tasks.environments.vector:RecallVectorEnv",
                kwargs={"task": task if custom else name, "registered": name},
            )
