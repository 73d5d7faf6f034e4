"""Memories from installed packages, `torch.nn:LSTM`: where a class is and what its code is, without importing it.

What counts as its code is the version of its distribution and the file that defines it, so that another version is
another run. A module that belongs to no distribution is named by its file: which one a dotted name finds would depend
on the folder.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch, which a mistyped command does without
    from torch import nn

OURS = {"recall_tasks"} if __name__.startswith("recall_tasks.") else {"recall_tasks", "models", "runners"}
"""Top-level names of this project: beside a wheel, `models` is another's."""


def is_dotted(name: str) -> bool:
    """True for `package.module:Class`."""
    return ":" in name and ".py:" not in name and not name.startswith("<")


def module_file(dotted: str) -> Path | None:
    """The file of a module that can be imported; None for no such module, and for one that is no Python file."""
    places, origin = None, None
    for end in range(1, dotted.count(".") + 2):
        spec = PathFinder.find_spec(".".join(dotted.split(".")[:end]), places)
        if spec is None:
            return None
        places, origin = spec.submodule_search_locations, spec.origin
    return Path(origin) if origin and origin.endswith(".py") else None


@lru_cache
def distribution_of(dotted: str) -> tuple[str, str] | None:
    """Name and version of the distribution that a module belongs to; None for a module of none."""
    top = dotted.partition(".")[0]
    with suppress(importlib.metadata.PackageNotFoundError):
        found = importlib.metadata.distribution(top)
        return found.name, found.version
    names = importlib.metadata.packages_distributions().get(top, [])  # half a second, so asked second
    return (names[0], importlib.metadata.version(names[0])) if names else None


def check_installed(name: str) -> None:
    """Raises ValueError for a module that is not installed, and for one that belongs to no distribution."""
    module, _, kind = name.rpartition(":")
    if (file := module_file(module)) is None:
        raise ValueError(
            f"no module {module} is installed: name a class as package.module:Class or path/to/file.py:Class"
        )
    if distribution_of(module) is None:
        raise ValueError(f"{module} belongs to no installed package: name its file, as {file}:{kind}")


def installed_code(name: str) -> bytes:
    """The version of the distribution, and the code of the file that defines the class. Raises ValueError for none."""
    check_installed(name)
    module, _, kind = name.rpartition(":")
    distribution, version = distribution_of(module) or ("", "")
    file = defining_file(module, kind) or module_file(module) or Path()
    return f"{distribution} {version.partition('+')[0]}\n".encode() + file.read_bytes()


def defining_file(module: str, kind: str, seen: frozenset[str] = frozenset()) -> Path | None:
    """The file whose class statement this is, through the modules that only name it; None where that is not found."""
    file = module_file(module)
    if file is None or module in seen:
        return None
    tree = ast.parse(file.read_bytes())
    if any(isinstance(node, ast.ClassDef) and node.name == kind for node in tree.body):
        return file
    for target, names in imported_from(tree, module, file.name == "__init__.py"):
        if found := next((old for old, new in names if new in (kind, "*")), ""):
            deeper = defining_file(target, kind if found == "*" else found, seen | {module})
            if deeper is not None:
                return deeper
    return None


def imported_from(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each `from x import a as b` in a module: the absolute name of x, and (a, b)."""
    parts = module.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = parts[: len(parts) - node.level + is_package] if node.level else []
            target = ".".join([*above, *([node.module] if node.module else [])])
            yield target, [(alias.name, alias.asname or alias.name) for alias in node.names]


def load_class(name: str) -> type[nn.Module]:
    """The class of an installed module. Raises ValueError for a module without it, and for no torch.nn.Module."""
    check_installed(name)
    module, _, kind = name.rpartition(":")
    from torch import nn  # as above

    try:
        with redirect_stdout(sys.stderr):  # what it prints is no part of a command's answer
            imported = importlib.import_module(module)
        found = getattr(imported, kind, None)
    except Exception as error:
        why = " ".join(str(error).split())
        raise ValueError(f"{module} does not import: {type(error).__name__}: {why}") from error
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    near = difflib.get_close_matches(kind, dir(imported), 1)
    hint = f": did you mean {near[0]}?" if near and near[0] != kind else ": name a class that extends torch.nn.Module"
    raise ValueError(f"{module} has no module class {kind!r}{hint}")


def dotted_name(kind: type) -> str:
    """The shortest name by which a class of an installed package is found; empty for a class of none."""
    parts = kind.__module__.split(".")
    if parts[0] in {"__main__", *OURS} or module_file(kind.__module__) is None:
        return ""
    if distribution_of(kind.__module__) is None:
        return ""
    shorter = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    found = (m for m in shorter if getattr(sys.modules.get(m), kind.__name__, None) is kind)
    return next((f"{m}:{kind.__name__}" for m in found), "")
