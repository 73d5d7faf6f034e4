"""Custom tasks from a Python file: `path/to/mytask.py:Sort` wherever a task is named.

The file is imported as that of a custom memory is (`custom_code`): its code, and that of its neighbours, is part of
what a run is, and a record may name it only where its user trained or allowed it. Tables name the class.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from recall_tasks import TASKS, Task

from ..formatting import unknown
from .brought_files import import_file, importable
from .custom_code import is_class_of_file

LISTING = "those that `recall ls tasks` lists, or FILE.py:CLASS"
HERE: dict[str, type[Task]] = {}
"""Classes passed to `compare` in this process, by the `file.py:Class` of their runs."""


def task_kind(name: str) -> type[Task]:
    """The class a name or `file.py:Class` stands for. Raises ValueError where there is none."""
    if name in HERE or name in TASKS:
        return HERE.get(name) or TASKS[name]
    if not is_class_of_file(name):
        if ".py:" in name:
            raise ValueError(f"no file {name.rpartition(':')[0]}: a custom task is named path/to/file.py:Class")
        raise ValueError(unknown("task", name, list(TASKS), LISTING))
    path, _, attribute = name.rpartition(":")
    file = Path(path).resolve()
    kind: object = getattr(import_file(file, importable(file.read_bytes())), attribute, None)
    if not (isinstance(kind, type) and issubclass(kind, Task)):
        raise ValueError(f"{path} has no task {attribute!r}: name a class that extends recall_tasks.Task")
    if missing := sorted(getattr(kind, "__abstractmethods__", ())):
        raise ValueError(f"{attribute} cannot be asked: it lacks {', '.join(missing)}")
    if lacking := [word for word in ("name", "version", "load") if not hasattr(kind, word)]:
        raise ValueError(f"{attribute} cannot be asked: it lacks {', '.join(lacking)}, which every task says of itself")
    if taken := {attribute, kind.name}.intersection(TASKS):
        raise ValueError(f"{min(taken)} is a registered task: give {attribute} a name of its own")
    return kind


def adopt_task(kind: type[Task]) -> str:
    """The name of a registered task, or `file.py:Class`, under which a later command finds a custom one.

    Raises ValueError for a class that it would not find there.
    """
    if TASKS.get(kind.name) is kind:
        return kind.name
    module = sys.modules.get(kind.__module__)
    name = f"{getattr(module, '__file__', None) or ''}:{kind.__name__}"
    if getattr(module, kind.__name__, None) is not kind or not is_class_of_file(name):
        mend = "define it with a class statement at the top level of a file"
        raise ValueError(f"no later command could find the task {kind.__name__}: {mend}")
    path, _, attribute = name.rpartition(":")
    HERE[name := f"{Path(path).resolve()}:{attribute}"] = kind
    return name


def is_task(name: str) -> bool:
    """True for a task's name, and for a class of a file that extends one, as its source says: nothing is imported."""
    if name in TASKS or name in HERE:
        return True
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


def task_title(name: str) -> str:
    """The name of a task in tables: the class of a custom one."""
    return name.rpartition(":")[2]


def with_absolute_file(name: str, folder: str | Path = "") -> str:
    """The name with the absolute path of its file, sought in a folder (default: the current one)."""
    path, colon, attribute = name.rpartition(".py:")
    return f"{Path(folder, path + '.py').resolve()}:{attribute}" if colon else name


def field_names(kind: type[Task]) -> list[str]:
    """The fields of a task."""
    return [field.name for field in dataclasses.fields(kind)]


def all_fields(task: Task, given: dict[str, Any], name: str) -> dict[str, Any]:
    """Fields of a task as a run records them: those given, and all of a custom one, whose defaults its file holds."""
    names = field_names(type(task)) if ".py:" in name else given
    return {field: getattr(task, field) for field in names}
