"""Labels of tasks and memories: names that keep runs apart where they differ in more than their seed, and the axes.

A task has in its label the fields and the training length in which runs of that task differ, a memory the rest in
which runs of it on one task name differ: options, sizes, training. The same settings are the columns of axes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..config.run import YOUNGER_SETTINGS

AXIS = "axis_"
"""The beginning of the columns of axes, which every table but `runs` has: axis_length, axis_num_pairs, axis_width."""
PLAIN = ("axis_task", "axis_memory")
"""Columns that name task and memory without what their labels add, where these add something."""
RATE = "learning_rate"


@dataclass(frozen=True)
class RunLabels:
    """Labels of one run, and its values of the axes on which its tables lie, by the names of their columns."""

    task: str
    memory: str
    axes: dict[str, Any] = field(default_factory=dict)


def run_labels(configurations: Iterable[Mapping[str, Any]], rates: bool = False) -> dict[str, RunLabels]:
    """The labels of every run by its name.

    configurations   of runs, as `Results.study` has them: name, task, model, training, seed
    rates            whether the learning rate counts: it does not where each memory has the rate chosen for it
    """
    configurations = list(configurations)
    fields = {name for run in configurations for name in ("length", *run["task"]["fields"])}
    settings = {run["name"]: (task_settings(run), model_settings(run, fields)) for run in configurations}
    of_tasks = differing((run["task"]["name"], settings[run["name"]][0]) for run in configurations)
    of_models = differing(((run["task"]["name"], own_label(run)), settings[run["name"]][1]) for run in configurations)
    labels: dict[str, RunLabels] = {}
    columns: dict[str, None] = {}
    for run in configurations:
        (task, model), name, memory = settings[run["name"]], run["task"]["name"], own_label(run)
        some, others = ([key for key in mine if key in keys] for mine, keys in
                        ((task, of_tasks[name]), (model, of_models[name, memory])))  # fmt: skip
        shown = [key for key in others if rates or key != RATE]
        columns |= dict.fromkeys([*PLAIN[:1] * bool(some), *PLAIN[1:] * bool(shown), *some, *others])
        labels[run["name"]] = RunLabels(label(name, some, task), label(memory, shown, model))
    for run in configurations:
        task, model = settings[run["name"]]
        values = {PLAIN[0]: run["task"]["name"], PLAIN[1]: own_label(run), **task, **model}
        axes = {
            key if key in PLAIN else AXIS + key: values.get(key)
            for key in sorted(columns, key=PLAIN.__contains__, reverse=True)
        }
        labels[run["name"]] = replace(labels[run["name"]], axes=axes)
    return labels


def differing(grouped: Iterable[tuple[Any, Mapping[str, Any]]]) -> dict[Any, set[str]]:
    """Settings that are not the same in all runs of a group, by group."""
    first: dict[Any, Mapping[str, Any]] = {}
    some: dict[Any, set[str]] = {}
    for group, mine in grouped:
        before = first.setdefault(group, mine)
        some.setdefault(group, set()).update(k for k in {**before, **mine} if mine.get(k) != before.get(k))
    return some


def label(name: str, keys: Iterable[str], settings: Mapping[str, Any]) -> str:
    """A name, and the values by which it differs from others of that name: `grm, segment 8, width 16`."""
    return ", ".join([name, *(f"{key.replace('_', ' ')} {settings[key]}" for key in keys)])


def own_label(configuration: Mapping[str, Any]) -> str:
    """The label that a run was given, else the name of its memory."""
    model = configuration["model"]
    return str(model["label"] or model["memory"])


def task_settings(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The training length and the fields of a run's task."""
    return {"length": configuration["task"]["length"], **configuration["task"]["fields"]}


def model_settings(configuration: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Everything else that decides a run's numbers but its seed; `memory_` before a name that a task's field has."""
    model = configuration["model"]
    options = {f"memory_{name}" if name in fields else name: value for name, value in model["options"].items()}
    around = YOUNGER_SETTINGS | {name: value for name, value in model.items() if name not in ("options", "label")}
    training = {name: value for name, value in configuration["training"].items() if name != "seconds"}
    return {**options, **around, **training}
