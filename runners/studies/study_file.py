"""A study as a file: a grid written by a person, or the runs saved with their folder.

    {
      "name": "reach",
      "tasks": [{"name": "mqar", "length": 64, "fields": {"num_pairs": 16}}],
      "models": ["attention", {"memory": "grm", "options": {"segment": 16}}],
      "training": {"updates": 400, "tokens": 4096},
      "seeds": 5,
      "rates": [0.003, 0.01, 0.03],
      "asks": [{"measure": "extrapolation", "wanted": {"ladder": [1, 2, 4], "rows": 128}, "tasks": ["mqar"]}],
      "matched": "parameters"
    }

Tasks and models are required. By default the study is named as its file, trains as `recall train` does, on five
seeds and at one rate, and requests no measure. A model is a memory's name, or an object with memory, options, width,
layers, mlp_ratio and label. `"runs"` in place of the grid lists runs one by one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, with_config

from models.notation import format_stack

from .. import storage
from ..config.custom_code import is_class_of_file, read_stack
from ..config.run import ModelSetting, TaskSetting, Training, with_paths
from ..config.validation import STRICT, validate
from ..formatting import unknown
from ..measures.requests import check
from .learning_rates import groups
from .presets import PRESETS
from .study import FEW_SEEDS, Ask, Study


@with_config(STRICT)
@dataclass(frozen=True)
class Grid:
    """A grid as a person writes it: the arguments of `Study.grid`."""

    name: str
    tasks: tuple[TaskSetting, ...]
    models: tuple[ModelSetting, ...]
    training: Training = field(default_factory=Training)
    seeds: int = FEW_SEEDS
    rates: tuple[float, ...] = ()
    asks: tuple[Ask, ...] = ()
    matched: str = ""


_GRID: TypeAdapter[Grid] = TypeAdapter(Grid)


def load_study(word: str) -> Study:
    """The study of a preset's name, of FILE.json, or of a folder of runs with its study.json.

    A preset's name means the preset: `./demo` is the folder. Raises ValueError, in one line, for any other word and
    for an impossible study; storage.CorruptRun for a damaged one.
    """
    path = study_path(word)
    if path is None:
        return PRESETS[word]()
    return read(path) if path.samefile(word) else load_saved(path)


def study_path(word: str) -> Path | None:
    """The file that holds the study; None for a preset. Raises ValueError for any other word, without torch."""
    if word in PRESETS:
        return None
    path = Path(word)
    if os.path.isdir(word):
        if not os.path.lexists(path / "study.json"):
            raise ValueError(f"{word} holds no study.json: name a folder of runs, FILE.json, or a preset")
        return path / "study.json"
    if os.path.isfile(word):
        return path
    if path.suffix == ".json" or os.sep in word:
        raise ValueError(f"no file {word}: a study is a preset's name, FILE.json, or a folder of runs")
    raise ValueError(unknown("study", word, list(PRESETS), f"{', '.join(PRESETS)}, or name FILE.json"))


def read(path: Path) -> Study:
    """The study of a file, written by hand or by `recall`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {' '.join(str(error).split())}") from None
    if isinstance(content, dict) and set(content) == {"digest", "content"}:
        return load_saved(path)
    try:
        study = parse_study(content, path)
        for run, *_ in groups(study.runs):
            check(run, study.request(run))
        return study
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def load_saved(path: Path) -> Study:
    """The study saved beside its runs. Imports no memory but one that a record may name."""
    content = storage.read_record(path)
    if not isinstance(content, dict) or "study" not in content:
        raise ValueError(f"{path} does not say how its runs were trained: it is older than this version")
    for setting in models_in(content["study"]):
        storage.refuse_own_code(path, setting["memory"], source="")
    try:
        return Study.from_json(content["study"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse_study(content: Any, path: Path) -> Study:
    """The study of JSON written by a person; the file of a custom memory, FILE.py:CLASS, is sought beside it."""
    if not isinstance(content, dict):
        raise ValueError("study: a study is a JSON object with tasks and models")
    content = {"name": path.stem} | content
    if isinstance(content.get("models"), list):
        content["models"] = [{"memory": m} if isinstance(m, str) else m for m in content["models"]]
    for setting in models_in(content):
        setting["memory"] = beside(path.resolve().parent, setting["memory"])
    if "runs" in content:
        return Study.from_json(content)
    return Study.grid(**vars(validate(_GRID, content, "study")))


def beside(folder: Path, word: str) -> str:
    """The word with the files of custom memories sought in this folder."""
    if ".py:" not in word:
        return word
    alone = str(folder / word)
    return alone if is_class_of_file(alone) else format_stack(with_paths(read_stack(word), folder))


def models_in(content: Any) -> Iterator[dict[str, Any]]:
    """Every part of plain data that names a memory."""
    if isinstance(content, dict):
        if isinstance(content.get("memory"), str):
            yield content
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            yield from models_in(part)
