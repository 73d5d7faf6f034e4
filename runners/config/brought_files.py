"""Import of a user's Python file, from the very bytes whose digest is taken, and of its neighbours.

A neighbour is a module in the file's folder that it imports, or that another neighbour does, as the import statements
say without running anything. The folder is on the path while the file is imported, and no longer.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import lru_cache
from pathlib import Path

from .installed_modules import OURS, imported_from

IMPORTING: list[str] = []
"""Files being imported just now; `compare` refuses to start from their top level."""
BROUGHT: set[str] = set()
"""Neighbours imported so far: another file's of the same name is another."""
ELSEWHERE = {*OURS, "torch", *sys.stdlib_module_names}
"""Packages that are never sought beside a file."""


@lru_cache
def importable(code: bytes) -> bytes:
    """The code without its `if __name__ == "__main__":`."""
    lines = code.splitlines(keepends=True)
    with suppress(SyntaxError, ValueError):  # which its import tells
        for part in ast.parse(code).body:
            if isinstance(part, ast.If) and ast.unparse(part.test) == "__name__ == '__main__'" and not part.orelse:
                del lines[part.lineno - 1 : part.end_lineno]
                break
    return b"".join(lines)


def neighbours(file: Path, code: bytes) -> dict[str, bytes]:
    """Code of the neighbours of a file, by their dotted names in order."""
    folder, found, left = file.resolve().parent, dict[str, bytes](), [("", False, code)]
    while left:
        for name in imported_names(*left.pop()):
            place = folder.joinpath(*name.split("."))
            for path in (place / "__init__.py", place.with_suffix(".py")):
                if name not in found and path != file and name.split(".")[0] not in ELSEWHERE and path.is_file():
                    found[name] = path.read_bytes()
                    left.append((name, path.name == "__init__.py", found[name]))
    return dict(sorted(found.items()))


def imported_names(module: str, is_package: bool, code: bytes) -> Iterator[str]:
    """Every module that the import statements of a module may name, and the packages around it."""
    with suppress(SyntaxError, ValueError):  # which its import tells
        tree = ast.parse(code)
        named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        for target, names in imported_from(tree, module, is_package):
            named += [target, *(f"{target}.{name}".strip(".") for name, _ in names)]
        for name in filter(None, named):
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def import_file(path: Path, code: bytes) -> object:
    """The module of this code, once for each code of it and its neighbours. Raises ValueError where it fails."""
    return _module(str(path), code, tuple(neighbours(path, code).items()))


@lru_cache
def _module(path: str, code: bytes, nearby: tuple[tuple[str, bytes], ...]) -> object:
    name = f"brought_{hashlib.blake2b(path.encode(), digest_size=6).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ValueError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    IMPORTING.append(path)
    try:
        with redirect_stdout(sys.stderr), beside(Path(path).parent, dict(nearby)):  # its prints are no command's answer
            exec(compile(code, path, "exec"), vars(module))  # these very bytes, and no others that came since
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} does not import: {type(error).__name__}: {error}") from error
    finally:
        IMPORTING.pop()
    return module


@contextmanager
def beside(folder: Path, nearby: dict[str, bytes]) -> Iterator[None]:
    """A folder on the path, whose neighbours are imported anew; modules of their names come back afterwards.

    Raises ImportError for a module of the folder that no import statement names: its code would be in no digest.
    """
    others = {name: sys.modules.pop(name) for name in BROUGHT.union(nearby) if name in sys.modules}
    foreign = {name for name, module in others.items() if name not in BROUGHT and not is_inside(module, folder)}
    before, writes, sys.dont_write_bytecode = set(sys.modules), sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
        for name in set(sys.modules) - before - set(nearby):
            there = is_inside(sys.modules[name], folder) and "site-packages" not in str(sys.modules[name].__file__)
            if there and not name.startswith("brought_"):
                raise ImportError(f"it imports {name} unseen: name it in an import statement, so that its code counts")
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = writes
        sys.modules.update({n: m for n, m in others.items() if n in foreign or n not in sys.modules})
        BROUGHT.update(set(nearby) - foreign)


def is_inside(module: object, folder: Path) -> bool:
    """True for a module whose file lies in this folder."""
    return Path(getattr(module, "__file__", None) or "/").is_relative_to(folder)
