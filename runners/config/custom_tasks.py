"""Custom tasks from a Python file: `path/to/mytask.py:Sort` wherever a task is named.

The file is imported as that of a custom memory is (`custom_code`): its code, and that of its neighbours, is part of
what a run is, and a record may name it only where its user trained or allowed it. Tables name the class.
"""

from __future__ import annotations

import ast
import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

from recall_tasks import TASKS, Task

from ..formatting import unknown
from .custom_code import adopt_class, adopted_class, class_of_file, is_class_of_file
from .session_code import is_in_session

LISTING = "those that `recall ls tasks` lists, or FILE.py:CLASS"


def task_kind(name: str) -> type[Task]:
    """The class a name or `file.py:Class` stands for. Raises ValueError where there is none."""
    if name in TASKS:
        return TASKS[name]
    if not is_class_of_file(name) and not is_in_session(name):
        if ".py:" in name:
            raise ValueError(f"no file {name.rpartition(':')[0]}: a custom task is named path/to/file.py:Class")
        raise ValueError(unknown("task", name, list(TASKS), LISTING))
    kind = class_of_file(name)
    if isinstance(kind, type) and issubclass(kind, Task):
        return check_task_class(kind)
    path, _, attribute = name.rpartition(":")
    raise ValueError(f"{path} has no task {attribute!r}: name a class that extends recall_tasks.Task")


def check_task_class(kind: type[Task]) -> type[Task]:
    """The class, if tasks can be made of it. Raises ValueError that names what is missing."""
    if missing := sorted(getattr(kind, "__abstractmethods__", ())):
        raise ValueError(f"{kind.__name__} cannot be asked: it lacks {', '.join(missing)}")
    if lacking := [word for word in ("name", "version", "load") if not hasattr(kind, word)]:
        says = f"{', '.join(lacking)}, which every task says of itself"
        raise ValueError(f"{kind.__name__} cannot be asked: it lacks {says}")
    if taken := {kind.__name__, kind.name}.intersection(TASKS):
        raise ValueError(f"{min(taken)} is a registered task: give {kind.__name__} a name of its own")
    return kind


def adopt_task(kind: type[Task]) -> str:
    """The name of a registered task, or that of a custom one under which a later command finds it (`adopt_class`)."""
    return kind.name if TASKS.get(kind.name) is kind else adopt_class(kind, check_task_class)


def is_task(name: str) -> bool:
    """True for a task's name, and for a class of a file that extends one, as its source says: nothing is imported."""
    if (kind := TASKS.get(name) or adopted_class(name)) is not None:
        return issubclass(kind, Task)
    if ".py:" not in name or not is_class_of_file(name):
        return False
    path, _, attribute = name.rpartition(":")
    with suppress(OSError, SyntaxError, ValueError):  # which its import tells
        return extends_task(ast.parse(Path(path).read_bytes()), attribute, frozenset())
    return False


def extends_task(tree: ast.Module, name: str, seen: frozenset[str]) -> bool:
    """True where a class of this module, or one that it extends, extends a name of recall_tasks."""
    asks = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and is_of_tasks(node.module or "")
        for alias in node.names
    }
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    bases = [ast.unparse(base) for node in classes for base in node.bases]
    return any(
        base in asks or is_of_tasks(base) or (base not in seen and extends_task(tree, base, seen | {name}))
        for base in bases
    )


def is_of_tasks(module: str) -> bool:
    """True for recall_tasks and what is in it, but for the models and runners that an installed one carries."""
    parts = module.split(".")
    return parts[0] == "recall_tasks" and not {"models", "runners"}.intersection(parts[1:2])


def field_names(kind: type[Task]) -> list[str]:
    """The fields of a task."""
    return [field.name for field in dataclasses.fields(kind)]


def all_fields(task: Task, given: dict[str, Any], name: str) -> dict[str, Any]:
    """Fields of a task as a run records them: those given, and all of a custom one, whose defaults its file holds."""
    names = field_names(type(task)) if ":" in name else given
    return {field: getattr(task, field) for field in names}
