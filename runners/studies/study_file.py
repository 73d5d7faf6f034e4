"""A study as a file: a grid written by a person, or the runs saved with their folder.

    {
      "name": "reach",
      "tasks": [{"name": "mqar", "length": [64, 128], "fields": {"num_pairs": [8, 16]}}],
      "models": ["attention", {"memory": "grm", "width": [16, 32], "options": {"segment": 16}}],
      "training": {"updates": 400, "tokens": 4096, "learning_rate": [0.003, 0.01, 0.03]},
      "seeds": 5,
      "zip": [["length", "num_pairs"]],
      "asks": [{"measure": "extrapolation", "wanted": {"ladder": [1, 2, 4], "rows": 128}, "tasks": ["mqar"]}],
      "matched": "parameters"
    }

Tasks and models are required. By default the study is named as its file, trains as `recall train` does, on five
seeds, and requests no measure. A task is a name, or an object with name, length, fields and preset (a published
setting); a model is a memory's name, or an object with memory, options, width, layers, mlp_ratio and label. Every value
of a field may be a list: an axis. Axes are crossed, or taken together where `zip` names them; `"feasible": true` leaves
out cells that cannot be. `rates` is the axis learning_rate under its older name. `"runs"` in place of the grid lists
runs one by one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from models.notation import format_stack

from .. import storage
from ..config.custom_code import is_class_of_file, read_stack
from ..config.run import with_paths
from ..config.validation import validate
from ..formatting import unknown
from ..measures.requests import check
from .learning_rates import groups
from .presets import PRESETS
from .question import Question
from .study import Study

_QUESTION: TypeAdapter[Question] = TypeAdapter(Question)


def load_study(word: str) -> Study:
    """The study of a preset's name, of FILE.json, or of a folder of runs with its study.json.

    A preset's name means the preset: `./demo` is the folder. Raises ValueError, in one line, for any other word and
    for an impossible study; storage.CorruptRun for a damaged one.
    """
    found = load_question(word)
    try:
        study = found.study() if isinstance(found, Question) else found
        for run, *_ in groups(study.runs):
            check(run, study.request(run))
    except ValueError as error:
        raise ValueError(f"{word}: {error}") from None
    return study


def load_question(word: str) -> Question | Study:
    """The study that a word stands for, as its file asks for it where it is a grid; raises as `load_study`."""
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


def read(path: Path) -> Question | Study:
    """The study of a file, written by hand or by `recall`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {' '.join(str(error).split())}") from None
    if isinstance(content, dict) and set(content) == {"digest", "content"}:
        return load_saved(path)
    try:
        return parse_study(content, path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def load_saved(path: Path) -> Study:
    """The study saved beside its runs. Imports no memory but one that a record may name."""
    content = storage.read_record(path)
    if not isinstance(content, dict) or "study" not in content:
        raise ValueError(f"{path} does not say how its runs were trained: it is older than this version")
    for setting, key in code_in(content["study"]):
        storage.refuse_own_code(path, setting[key], source="")
    try:
        return Study.from_json(content["study"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse_study(content: Any, path: Path) -> Question | Study:
    """The study of JSON written by a person; the file of a custom memory, FILE.py:CLASS, is sought beside it."""
    if not isinstance(content, dict):
        raise ValueError("study: a study is a JSON object with tasks and models")
    content = {"name": path.stem} | content
    for part, name in (("tasks", "name"), ("models", "memory")):
        if isinstance(content.get(part), list):
            content[part] = [{name: entry} if isinstance(entry, str) else entry for entry in content[part]]
    for setting, key in code_in(content):
        setting[key] = beside(path.resolve().parent, setting[key])
    if "runs" in content:
        return Study.from_json(content)
    return validate(_QUESTION, content, "study")


def beside(folder: Path, word: str) -> str:
    """The word with the files of custom memories sought in this folder."""
    if ".py:" not in word:
        return word
    alone = str(folder / word)
    return alone if is_class_of_file(alone) else format_stack(with_paths(read_stack(word), folder))


def code_in(content: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every part of plain data that names a memory, or the file of a task, and the key under which it does."""
    if isinstance(content, dict):
        if isinstance(content.get("memory"), str):
            yield content, "memory"
        if ".py:" in str(content.get("name")):
            yield content, "name"
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            yield from code_in(part)
