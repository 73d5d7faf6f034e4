"""Custom memories from a Python file: `path/to/mine.py:Mine` wherever a memory is named.

The file is imported, here and in every worker: code that a script runs belongs under `if __name__ == "__main__"`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import MEMORIES, check_name, memory_options
from models.option_source import declared_options

if TYPE_CHECKING:  # torch, which a mistyped command does without
    from models import Memory

ADOPTED: dict[str, type[Memory]] = {}
"""Classes passed to `compare` in this process, by the `file.py:Class` of their runs."""
IMPORTING: list[str] = []
"""Files being imported just now; `compare` refuses to start from their top level."""


def adopt(memory: type[Memory]) -> str:
    """Register a custom class under `file.py:Class`, which is returned. Raises ValueError where it has no source."""
    try:
        name = f"{inspect.getfile(memory)}:{memory.__name__}"
        inspect.getsource(memory)
    except (OSError, TypeError):
        raise ValueError(f"the source of {memory.__name__} cannot be read: put the class in a file") from None
    ADOPTED[name] = check_memory(memory)
    return name


def load_memory(name: str) -> type[Memory]:
    """The class a name or `file.py:Class` stands for. Raises ValueError where there is none."""
    if name in ADOPTED:
        return ADOPTED[name]
    check_named(name)
    if name in MEMORIES:
        return MEMORIES[name]
    path, _, attribute = name.rpartition(":")
    module = _module(str(Path(path).resolve()))
    from models import Memory  # as above

    memory = getattr(module, attribute, None)
    if not (isinstance(memory, type) and issubclass(memory, Memory)):
        raise ValueError(f"{path} has no memory {attribute!r}: name a class that extends models.Memory")
    return check_memory(memory)


def check_named(name: str) -> None:
    """Raises ValueError for a name that stands for no memory, and for a file that is not there, without torch."""
    path, file, _ = name.rpartition(".py:")
    if not file:
        check_name(name)
    elif not os.path.isfile(f"{path}.py"):  # also where the name is too long to be one
        raise ValueError(f"no file {path}.py: a custom memory is named path/to/file.py:Class")


def options_of(name: str, described: bool) -> dict[str, tuple[Any, str]]:
    """Default and meaning of each option of a memory; empty meanings, without torch, unless `described`.

    Raises ValueError for a name that stands for no memory.
    """
    if name in MEMORIES and not described:
        return {option: (default, "") for option, default in declared_options(name).items()}
    kind = load_memory(name)
    return {option: (default, kind.options.get(option, "")) for option, default in memory_options(kind).items()}


def check_memory(memory: type[Memory]) -> type[Memory]:
    """The class, if a model can be built of it. Raises ValueError that names what is missing."""
    if missing := sorted(getattr(memory, "__abstractmethods__", ())):
        raise ValueError(f"{memory.__name__} cannot be built: it lacks {', '.join(missing)}")
    parameters = list(inspect.signature(memory).parameters.values())
    if not parameters or parameters[0].kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        raise ValueError(f"{memory.__name__} must take the width as its first argument")
    for parameter in parameters[1:]:
        if type(parameter.default) not in (bool, int, float, str):
            raise ValueError(
                f"{memory.__name__}: the option {parameter.name} needs a default that is a number, a bool or a str"
            )
    return memory


def source_digest(name: str) -> str:
    """A hash of a custom memory's file, so that changed code is another run; empty for a registered memory."""
    if name in ADOPTED:
        return hashlib.blake2b(inspect.getsource(ADOPTED[name]).encode(), digest_size=8).hexdigest()
    if ".py:" not in name:
        return ""
    return hashlib.blake2b(Path(name.rpartition(":")[0]).read_bytes(), digest_size=8).hexdigest()


@lru_cache
def _module(path: str) -> object:
    name = f"brought_{hashlib.blake2b(path.encode(), digest_size=6).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    IMPORTING.append(path)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} does not import: {type(error).__name__}: {error}") from error
    finally:
        IMPORTING.pop()
    return module
