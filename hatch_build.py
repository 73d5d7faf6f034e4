"""Build hook: in a wheel, what imports `models` or `runners` imports them from the package that holds them there.

pyproject.toml maps both folders into recall_tasks/. Files that import them by their names in the checkout are rewritten
at the very place of the name, found in the syntax tree. Relative imports hold as they are. An editable install, where
recall_tasks/checkout.py gives the folders their second names, brings stubs that tell type checkers of these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE, FOLDERS = "recall_tasks", ("models", "runners")


class Hook(BuildHookInterface[Any]):
    """Adds the rewritten files to a wheel, the stubs to an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self.place = TemporaryDirectory()  # removed with this object, however the build ends
        for path in sorted(path for folder in FOLDERS for path in Path(self.root, folder).rglob("*.py")):
            source, name = path.read_bytes(), path.relative_to(self.root).as_posix()
            if version == "editable":
                module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                stub = f"from {module} import *\n".encode()
                self._add(build_data["force_include_editable"], f"{PACKAGE}-stubs/{name}i", stub)
            elif (moved := in_package(source, name)) != source:
                self._add(build_data["force_include"], f"{PACKAGE}/{name}", moved)
        if version == "editable":
            self._add(build_data["force_include_editable"], f"{PACKAGE}-stubs/py.typed", b"partial\n")

    def _add(self, included: dict[str, str], name: str, content: bytes) -> None:
        path = Path(self.place.name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        included[str(path)] = name


def in_package(source: bytes, name: str = "") -> bytes:
    """The source with its imports from `models` and `runners` taken from the package.

    Raises ValueError for `import models.x`, which binds a name that would then be another.
    """
    lines = source.splitlines(keepends=True)
    for line, column in sorted(_places(ast.parse(source), name), reverse=True):
        before, after = lines[line - 1][:column], lines[line - 1][column:]
        if not after.startswith(tuple(folder.encode() for folder in FOLDERS)):
            raise ValueError(f"{name}:{line}: write this import as `from {FOLDERS[0]}... import ...`, one space each")
        lines[line - 1] = before + PACKAGE.encode() + b"." + after
    return b"".join(lines)


def _places(tree: ast.Module, name: str) -> Iterator[tuple[int, int]]:
    """Line and byte of each name of a folder in an import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and _ours(node.module or ""):
            yield node.lineno, node.col_offset + len("from ")
        elif isinstance(node, ast.Import):
            for alias in filter(lambda alias: _ours(alias.name), node.names):
                if not alias.asname:
                    raise ValueError(f"{name}:{node.lineno}: import {alias.name} as something, or from it")
                yield alias.lineno, alias.col_offset


def _ours(module: str) -> bool:
    return module.partition(".")[0] in FOLDERS
