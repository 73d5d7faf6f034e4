"""Options of registered memories, read from their source: a mistyped flag is refused without importing torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from . import MEMORIES

HERE = Path(__file__).parent


def declared_options(name: str) -> dict[str, Any]:
    """The options of a registered memory with their defaults: what `memory_options` tells of its class."""
    file, _, kind = MEMORIES.places[name].partition(":")
    for place, node in ancestors(f"memories/{file}", kind):
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                found = dict(zip([a.arg for a in part.args.args[2:]], part.args.defaults, strict=True))
                alone = found.get("options")
                if isinstance(alone, ast.Call) and isinstance(alone.func, ast.Name):  # a dataclass of options
                    return dict(fields(place, alone.func.id))
                return {option: ast.literal_eval(default) for option, default in found.items()}
    raise LookupError(f"{kind} in memories/{file}.py has no constructor")


def fields(file: str, kind: str) -> Iterator[tuple[str, Any]]:
    """Names and defaults of the fields of a dataclass of options, those it inherits first."""
    for _, node in reversed(list(ancestors(file, kind))):
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and isinstance(part.value, ast.Call):
                yield ast.unparse(part.target), ast.literal_eval(part.value.args[0])


def ancestors(file: str, kind: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """A class of this package and those it extends, each with its file, in the order in which methods are sought."""
    found = list(lineage(file, kind))
    yield from (one for place, one in enumerate(found) if one not in found[place + 1 :])


def lineage(file: str, kind: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """A class and those it extends, depth first; one that two of them extend comes twice."""
    for node in syntax_tree(file).body:
        if isinstance(node, ast.ClassDef) and node.name == kind:
            yield file, node
            for base in node.bases:
                yield from lineage(file, ast.unparse(base))
        elif isinstance(node, ast.ImportFrom) and node.level and kind in [name.name for name in node.names]:
            folder = Path(file).parents[node.level - 1]
            yield from lineage(str(folder / str(node.module).replace(".", "/")), kind)


@cache
def syntax_tree(file: str) -> ast.Module:
    """The syntax tree of a file of this package, named without its ending."""
    return ast.parse((HERE / f"{file}.py").read_text(encoding="utf-8"))
