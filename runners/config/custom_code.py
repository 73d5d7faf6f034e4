"""Custom memories from a Python file: `path/to/mine.py:Mine` wherever a memory is named.

The file is imported, here and in every worker: code that a script runs belongs under `if __name__ == "__main__"`,
which is no part of what is imported or of its digest.

A record may name a file too, and whoever reads the record would run it. So on the word of a record a file is imported
only where its user trained it, as it is now, on this machine, or allowed it: asked for at a terminal, or before by
`recall allow FILE.py`. Digests of allowed code stand in `allowed_code` of ~/.cache/recall_tasks, or of RECALL_CACHE.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import os
import sys
from contextlib import redirect_stdout, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import MEMORIES, check_name, memory_options
from models.notation import Mixer, Stack, parse_stack
from models.option_source import declared_options
from models.stack import is_alone

if TYPE_CHECKING:  # torch, which a mistyped command does without
    from models import Memory

ADOPTED: dict[str, tuple[type[Memory], bytes]] = {}
"""Classes passed to `compare` in this process and their code, by the `file.py:Class` of their runs."""
ALLOWED = "RECALL_ALLOWED_CODE"
"""Variable with the digests of code that this process and its workers may import on the word of a record."""
IMPORTING: list[str] = []
"""Files being imported just now; `compare` refuses to start from their top level."""


def adopt(memory: type[Memory]) -> str:
    """The name of a registered class, or `file.py:Class`, under which a later command finds a custom one.

    Raises ValueError for a class that it would not find there.
    """
    for name, place in MEMORIES.places.items():
        if f"{memory.__module__}:{memory.__name__}" == f"{type(MEMORIES).__module__}.memories.{place}":
            return name
    module = sys.modules.get(memory.__module__)
    name = f"{Path(getattr(module, '__file__', None) or '').resolve()}:{memory.__name__}"
    if name not in ADOPTED or ADOPTED[name][0] is not memory:  # else its file may have changed since it was imported
        try:
            code = read_code(name) if ".py:" in name else b""
            found = memory.__name__ in compile(code, name, "exec").co_names
        except (OSError, SyntaxError):
            found = False
        if not found or getattr(module, memory.__name__, None) is not memory:
            mend = "define it with a class statement at the top level of a file"
            raise ValueError(f"no later command could find the class {memory.__name__}: {mend}")
        ADOPTED[name] = check_memory(memory), code
    return name


def load_memory(name: str) -> type[Memory]:
    """The class a name or `file.py:Class` stands for. Raises ValueError where there is none."""
    if name in ADOPTED:
        return ADOPTED[name][0]
    check_named(name)
    if name in MEMORIES:
        return MEMORIES[name]
    path, _, attribute = name.rpartition(":")
    module = _module(str(Path(path).resolve()), read_code(name))
    from models import Memory  # as above

    memory = getattr(module, attribute, None)
    if not (isinstance(memory, type) and issubclass(memory, Memory)):
        raise ValueError(f"{path} has no memory {attribute!r}: name a class that extends recall_tasks.models.Memory")
    return check_memory(memory)


def read_stack(word: str) -> Stack:
    """The layers that a word stands for. Raises ValueError for what is no notation, and for a file without a class."""
    if is_class_of_file(word):
        return ((Mixer(word),),)
    if word.endswith(".py"):
        check_name(word)
    return parse_stack(word)


def is_class_of_file(word: str) -> bool:
    """True for one FILE.py:CLASS with a file that is there, whose folder may be called anything."""
    path, _, name = word.rpartition(":")
    return (not name or name.isidentifier()) and os.path.isfile(path)


def names_in(word: str) -> list[str]:
    """The names of the memories in a word, each once."""
    return list(dict.fromkeys(mixer.name for layer in read_stack(word) for mixer in layer))


def brought_in(word: str) -> list[str]:
    """The names in a word that are FILE.py:CLASS."""
    return [name for name in names_in(word) if ".py:" in name] if ".py:" in word else []


def check_named(word: str) -> None:
    """Raises ValueError where a name stands for no memory, and for a file that is not there, without torch."""
    for name in names_in(word):
        path, file, _ = name.rpartition(".py:")
        if not file:
            check_name(name)
        elif not os.path.isfile(f"{path}.py"):  # also where the name is too long to be one
            raise ValueError(f"no file {path}.py: a custom memory is named path/to/file.py:Class")


def options_of(word: str, described: bool) -> dict[str, tuple[Any, str]]:
    """Default and meaning of each option of a memory; empty meanings, without torch, unless `described`.

    None for a stack, whose options stand in its word. Raises ValueError for a name that stands for no memory.
    """
    check_named(word)
    if not is_alone(stack := read_stack(word)):
        return {}
    name = stack[0][0].name
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


def source_digest(word: str, size: int = 8) -> str:
    """A hash of the code of all custom memories in a word, so that changed code is another run; empty for none."""
    codes = [read_code(one) for one in brought_in(word)]  # no code holds a zero byte
    return hashlib.blake2b(b"\0".join(codes), digest_size=size).hexdigest() if codes else ""


def read_code(name: str) -> bytes:
    """The code that is imported for `file.py:Class`, or was for one in `ADOPTED`. Raises OSError for no such file."""
    return ADOPTED[name][1] if name in ADOPTED else _importable(Path(name.rpartition(":")[0]).read_bytes())


@lru_cache
def _importable(code: bytes) -> bytes:
    """The code without its `if __name__ == "__main__":`."""
    lines = code.splitlines(keepends=True)
    with suppress(SyntaxError, ValueError):  # which its import tells
        for part in ast.parse(code).body:
            if isinstance(part, ast.If) and ast.unparse(part.test) == "__name__ == '__main__'" and not part.orelse:
                del lines[part.lineno - 1 : part.end_lineno]
                break
    return b"".join(lines)


def allow(word: str) -> None:
    """Let records name this code from now on, in this process and, where the list can be written, in later ones."""
    for name in brought_in(word):
        if is_allowed(digest := source_digest(name, 32)):
            continue
        os.environ[ALLOWED] = f"{os.environ.get(ALLOWED, '')} {digest}"
        with suppress(OSError):
            allowed_list().parent.mkdir(parents=True, exist_ok=True)
            with allowed_list().open("a", encoding="utf-8") as file:
                file.write(f"{digest} {name}\n")


def is_allowed(digest: str) -> bool:
    """True for the digest of code that this user trained or allowed on this machine."""
    listed = ""
    with suppress(OSError, ValueError):
        listed = allowed_list().read_text(encoding="utf-8")
    return digest in {line.split(" ")[0] for line in listed.splitlines()} | set(os.environ.get(ALLOWED, "").split())


def allowed_list() -> Path:
    """The user's list of allowed code."""
    return Path(os.environ.get("RECALL_CACHE") or Path.home() / ".cache" / "recall_tasks") / "allowed_code"


def check_recorded(word: str, source: str = "") -> None:
    """Raises ValueError, importing nothing, unless a record may name these memories.

    source   their `source_digest` when they were trained, where the record says so
    """
    names = [name for name in brought_in(word) if name not in ADOPTED]
    for file in (name.rpartition(":")[0] for name in names):
        if not os.path.isabs(file):
            why = "which file that is depends on the folder: it is not loaded"
            raise ValueError(f"it names a memory in {file}, and {why}")
        if not os.path.isfile(file):
            raise ValueError(f"the file of its memory, {file}, is not there: restore it")
    files = " and ".join(name.rpartition(":")[0] for name in names)
    if source and names and source != source_digest(word):
        raise ValueError(f"it was trained with other code than {files} holds now: restore it, or train again")
    for name in names:
        if not is_allowed(source_digest(name, 32)):
            ask_about(name)


def ask_about(name: str) -> None:
    """Ask at the terminal whether this file may be imported. Raises ValueError for a no, and where nobody is there."""
    file = name.rpartition(":")[0]
    if sys.stdin and sys.stdin.isatty() and sys.stderr.isatty():
        print(f"A record names a memory in {file}, which was not trained or allowed here.", file=sys.stderr)
        if input("Import this file? [y/N] ").strip().lower() in ("y", "yes"):
            return allow(name)
    raise ValueError(
        f"its memory is in {file}, which was not trained or allowed on this machine, and importing it would run "
        f"it: read it, then `recall allow {file}`"
    )


@lru_cache
def _module(path: str, code: bytes) -> object:
    name = f"brought_{hashlib.blake2b(path.encode(), digest_size=6).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ValueError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    IMPORTING.append(path)
    try:
        with redirect_stdout(sys.stderr):  # what it prints is no part of a command's answer
            exec(compile(code, path, "exec"), vars(module))  # these very bytes, and no others that came since
    except (Exception, SystemExit) as error:
        raise ValueError(f"{path} does not import: {type(error).__name__}: {error}") from error
    finally:
        IMPORTING.pop()
    return module
