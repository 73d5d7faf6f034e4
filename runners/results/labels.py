"""Labels of tasks and memories: names that keep runs apart where they differ in more than their seed, and the axes.

A task has in its label the fields and the training length in which runs of that task differ, a memory the rest in
which runs of it on one task name differ: options, sizes, training. The same settings are the columns of axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

GROUPS = ("task_", "model_", "option_", "training_")
"""Beginnings of the columns that say what a run was asked for, in their order."""
RATE = "training_learning_rate"
TASK_NAME, MODEL_NAME = "task_name", "model_name"
"""Columns that name task and memory without what their labels add, where these add something."""


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
    runs = {run["name"]: (run, settings_of(run)) for run in configurations}
    of_tasks = differing(((run["task"]["name"],), mine) for run, mine in runs.values())
    of_models = differing(((run["task"]["name"], own_label(run)), mine) for run, mine in runs.values())
    labels: dict[str, RunLabels] = {}
    columns: dict[str, None] = {}
    more = {TASK_NAME: False, MODEL_NAME: False}
    for name, (run, mine) in runs.items():
        task, memory = run["task"]["name"], own_label(run)
        fields = [key for key in mine if key in of_tasks[task,] and key.startswith("task_")]
        others = [key for key in mine if key in of_models[task, memory] and not key.startswith("task_")]
        columns |= dict.fromkeys(fields + others)
        others = [key for key in others if rates or key != RATE]
        more = {TASK_NAME: more[TASK_NAME] or bool(fields), MODEL_NAME: more[MODEL_NAME] or bool(others)}
        labels[name] = RunLabels(label(task, fields, mine), label(memory, others, mine))
    for name, (run, mine) in runs.items():
        plain = {TASK_NAME: run["task"]["name"], MODEL_NAME: own_label(run)}
        axes = {key: value for key, value in plain.items() if more[key]} | {key: mine.get(key) for key in columns}
        labels[name] = replace(labels[name], axes=axes)
    return labels


def differing(grouped: Iterable[tuple[tuple[str, ...], Mapping[str, Any]]]) -> dict[tuple[str, ...], set[str]]:
    """Settings that are not the same in all runs of a group, by group."""
    first: dict[tuple[str, ...], Mapping[str, Any]] = {}
    some: dict[tuple[str, ...], set[str]] = {}
    for group, mine in grouped:
        before = first.setdefault(group, mine)
        some.setdefault(group, set()).update(k for k in {**before, **mine} if mine.get(k) != before.get(k))
    return some


def label(name: str, keys: Iterable[str], settings: Mapping[str, Any]) -> str:
    """A name, and the values by which it differs from others of that name: `grm, segment 8, width 16`."""
    return ", ".join([name, *(f"{setting_words(key)} {settings[key]}" for key in keys)])


def setting_words(column: str) -> str:
    """The name of an axis in words, from that of its column: task_num_pairs is `num pairs`."""
    return column.split("_", 1)[1].replace("_", " ")


def own_label(configuration: Mapping[str, Any]) -> str:
    """The label that a run was given, else the name of its memory."""
    model = configuration["model"]
    return str(model["label"] or model["memory"])


def settings_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that decides a run's numbers but its seed, by the names of the columns that hold it."""
    task, model = configuration["task"], configuration["model"]
    around = {name: value for name, value in model.items() if name not in ("options", "label")}
    training = {name: value for name, value in configuration["training"].items() if name != "seconds"}
    parts = ({"length": task["length"]} | task["fields"], model["options"], around, training)
    prefixes = ("task_", "option_", "model_", "training_")
    return {f"{head}{name}": value for head, part in zip(prefixes, parts, strict=True) for name, value in part.items()}
