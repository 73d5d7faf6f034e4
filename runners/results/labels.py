"""Run labels: names that keep runs apart where a folder holds several kinds of one memory, by size, width or rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def run_labels(configurations: Iterable[Mapping[str, Any]], rates: bool = False) -> dict[str, str]:
    """The label of its memory for every run: the memory's, and where runs differ in more than their seed, in what.

    configurations   of runs, as `Results.study` has them: name, task, model, training, seed
    rates            whether the learning rate counts: it does not where each memory has the rate chosen for it
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in configurations:
        groups.setdefault((run["task"]["name"], own_label(run)), []).append(run)
    labels: dict[str, str] = {}
    for (_, memory), runs in groups.items():
        settings = [flat_settings(run, rates) for run in runs]
        first = settings[0]
        some = {key for mine in settings for key in {**first, **mine} if mine.get(key) != first.get(key)}
        for run, mine in zip(runs, settings, strict=True):
            differs = {key: value for key, value in mine.items() if key in some}
            labels[run["name"]] = ", ".join([memory, *(f"{k.replace('_', ' ')} {v}" for k, v in differs.items())])
    return labels


def own_label(configuration: Mapping[str, Any]) -> str:
    """The label that a run was given, else the name of its memory."""
    model = configuration["model"]
    return str(model["label"] or model["memory"])


def flat_settings(configuration: Mapping[str, Any], rates: bool) -> dict[str, Any]:
    """Everything that decides a run's numbers but its seed, and perhaps its learning rate, on one level."""
    task, model = configuration["task"], configuration["model"]
    around = {name: value for name, value in model.items() if name not in ("options", "label")}
    others = ("seconds",) if rates else ("seconds", "learning_rate")
    training = {name: value for name, value in configuration["training"].items() if name not in others}
    return {**task["fields"], "length": task["length"], **model["options"], **around, **training}
